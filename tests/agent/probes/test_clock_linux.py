"""The clock against its servers: who is asked, what is believed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.hosts.base import NotThere
from agent.probes.clock_linux import SHOW, SHOW_TIMESYNC, Asked, Reading, offset_seconds, read, understand
from agent.probes.clock_sources_linux import CONTROLS, sources
from contract.sample import Value
from tests.fakes.answering import Answering, server
from tests.fakes.capture import captured

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
QUESTION = b"\x23" + bytes(39) + b"12345678"
SHORT = timedelta(milliseconds=60)


def stamp(at: datetime) -> bytes:
    return (int((at.timestamp() + 2_208_988_800) * 2**32) % 2**64).to_bytes(8, "big")


def reply(asked: bytes, at: datetime, *, leap: int = 0, mode: int = 4, stratum: int = 2) -> bytes:
    """Return what a time server says to *asked* at *at*."""
    return bytes([leap << 6 | 4 << 3 | mode, stratum]) + bytes(22) + asked[40:48] + stamp(at) * 2


def asked(name: str, answer: bytes, took_seconds: float = 0.0) -> Asked:
    return Asked(name, NOW, QUESTION, answer, took_seconds)


def told(*offsets: float, service: bytes = b"") -> dict[tuple[str, ...], Value]:
    replies = [asked(f"s{n}", reply(QUESTION, NOW + timedelta(seconds=off))) for n, off in enumerate(offsets)]
    return {
        (sample.name, *sample.where.values()): sample.value for sample in understand(Reading(service, tuple(replies)))
    }


def true_clock(question: bytes) -> bytes:
    return reply(question, datetime.now(UTC))


def an_hour_ahead(question: bytes) -> bytes:
    return reply(question, datetime.now(UTC) + timedelta(hours=1))


class Now(Answering):
    """The real time, to be compared with servers that are real."""

    def now(self) -> datetime:
        """Return this machine's own clock."""
        return datetime.now(UTC)


def machine(folder: Path, answers: Sequence[Callable[[bytes], bytes]], ports: Sequence[int]) -> Now:
    assert len(answers) == len(ports)
    lines = "\n".join(f"127.0.0.1:{port}" for port in ports)
    captured(folder, files={CONTROLS: "# ours\n" + lines}, facts={"init": "sysvinit"})
    return Now(folder, {}, SHORT)


def test_servers_that_agree_tell_how_wrong_the_clock_is() -> None:
    """Nobody can sign in with a clock that is ten minutes off, and nothing says why."""
    seen = told(600.0, 600.5, 601.0)
    assert seen["clock.sources_agree",] is True
    assert seen["clock.error_seconds",] == pytest.approx(600.5, abs=0.001)
    assert seen["clock.offset_seconds", "s0"] == pytest.approx(600.0, abs=0.001)


def test_a_clock_that_is_ahead_is_wrong_as_well() -> None:
    """The sign says which way; the error has none."""
    seen = told(-40.0, -40.0)
    assert seen["clock.offset_seconds", "s0"] == pytest.approx(-40.0, abs=0.001)
    assert seen["clock.error_seconds",] == pytest.approx(40.0, abs=0.001)


def test_one_liar_among_three_is_outvoted() -> None:
    """A single wrong server would set the clock of a whole company."""
    seen = told(0.0, 3600.0, 0.2)
    assert seen["clock.sources_agree",] is True
    assert seen["clock.error_seconds",] == pytest.approx(0.1, abs=0.001)


@pytest.mark.parametrize("offsets", [(0.0, 3600.0), (0.0, 1.0, 100.0, 101.0)])
def test_without_a_majority_nothing_is_said_of_our_clock(offsets: tuple[float, ...]) -> None:
    """Half against half: a repair would be a coin toss."""
    seen = told(*offsets)
    assert seen["clock.sources_agree",] is False
    assert ("clock.error_seconds",) not in seen


def test_one_server_alone_proves_nothing() -> None:
    """It may be the one that is wrong."""
    seen = told(5.0)
    assert set(seen) == {("clock.offset_seconds", "s0")}


def test_the_way_there_and_back_is_not_counted_as_error() -> None:
    """Behind a slow line every clock would look wrong by the length of the line."""
    on_the_way = asked("s", reply(QUESTION, NOW + timedelta(seconds=0.2)), took_seconds=0.4)
    assert offset_seconds(on_the_way) == pytest.approx(0.0, abs=0.001)


@pytest.mark.parametrize("year", [1970, 2000, 2040, 2080])
def test_a_clock_decades_off_is_measured(year: int) -> None:
    """A dead battery sets the clock to 1970; the counter of the protocol starts over in 2036."""
    here = datetime(year, 1, 1, tzinfo=UTC)
    answer = Asked("s", here, QUESTION, reply(QUESTION, NOW), 0.0)
    assert offset_seconds(answer) == pytest.approx((NOW - here).total_seconds(), abs=0.01)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        reply(QUESTION, NOW)[:47],
        reply(QUESTION, NOW, stratum=0),
        reply(QUESTION, NOW, stratum=16),
        reply(QUESTION, NOW, leap=3),
        reply(QUESTION, NOW, mode=3),
        reply(QUESTION[:40] + b"another!", NOW),
        reply(QUESTION, NOW)[:40] + bytes(8),
    ],
    ids=["silence", "cut", "kiss of death", "unset", "alarm", "not a server", "not our question", "no time"],
)
def test_what_is_no_sound_answer_is_not_believed(answer: bytes) -> None:
    """A server that has lost the time itself would be followed."""
    assert offset_seconds(asked("s", answer)) is None


@given(st.binary(max_size=90), st.binary(min_size=8, max_size=8))
def test_any_answer_is_believed_or_not(answer: bytes, echo: bytes) -> None:
    """A time server is a stranger."""
    offset_seconds(asked("s", answer))
    offset = offset_seconds(Asked("s", NOW, bytes(40) + echo, answer[:24] + echo + answer[32:], 0.01))
    assert offset is None or abs(offset) <= 2**31 + 1


def test_real_servers_are_asked_and_measured(tmp_path: Path) -> None:
    """The packet we send must be one that servers answer, and the arithmetic must hold on a real wire."""
    with server(an_hour_ahead) as first, server(an_hour_ahead) as second:
        host = machine(tmp_path, (an_hour_ahead, an_hour_ahead), (first, second))
        seen = {sample.name: sample.value for sample in understand(read(host))}
    assert seen["clock.error_seconds"] == pytest.approx(3600, abs=0.5)
    assert host.asked == [("127.0.0.1", first), ("127.0.0.1", second)]


def test_after_two_silent_ones_no_more_are_asked(tmp_path: Path) -> None:
    """A laptop without network would wait four seconds at every checkup."""
    with server(lambda _: b"") as dead, server(lambda _: b"") as dead_too, server(true_clock) as good:
        host = machine(tmp_path, (true_clock,) * 3, (dead, dead_too, good))
        assert list(understand(read(host))) == []
    assert len(host.asked) == 2


def test_a_server_given_by_name_is_looked_up_by_the_servers_of_the_system(tmp_path: Path) -> None:
    """Almost every machine follows a pool, and a pool is a name."""

    def names(question: bytes) -> bytes:
        address = b"\xc0\x0c" + bytes.fromhex("0001 0001 0000003c 0004 c000020a")
        return question[:2] + bytes.fromhex("8180 0001 0001 0000 0000") + question[12:] + address

    files = {"/etc/chrony/chrony.conf": "pool 2.pool.example.org iburst\n", "/etc/resolv.conf": "nameserver 10.0.0.1\n"}
    captured(tmp_path, files=files, facts={"init": "sysvinit"})
    with server(names) as resolver, server(true_clock) as clock:
        host = Now(tmp_path, {"10.0.0.1": resolver, "192.0.2.10": clock}, SHORT)
        (sample,) = understand(read(host))
    assert sample.where == {"source": "2.pool.example.org"}
    assert float(sample.value) == pytest.approx(0, abs=0.5)


def test_every_service_says_whom_it_follows(tmp_path: Path) -> None:
    """A machine with chrony would be told that it follows nobody."""
    files = {
        CONTROLS: "10.0.0.1\n",
        "/etc/systemd/timesyncd.conf": "[Time]\n#NTP=comment.example\nNTP=a.example b.example\n",
        "/etc/systemd/timesyncd.conf.d/50-own.conf": "[Time]\nNTP = c.example\nFallbackNTP=d.example\n",
        "/etc/systemd/timesyncd.conf.d/readme.txt": "NTP=not.example\n",
        "/etc/chrony/chrony.conf": "! note\nserver e.example iburst\npool a.example\nserverstats\n",
        "/etc/chrony/sources.d/dhcp.sources": "server f.example\n",
        "/etc/ntp.conf": "server 127.127.1.0\npeer g.example\nserver\n",
    }
    expected = ["10.0.0.1", *(f"{letter}.example" for letter in "abcdegf")]
    assert sources(captured(tmp_path, files=files)) == expected


SHOWN: Mapping[str, bytes] = {"on": b"NTP=yes\nNTPSynchronized=no\n", "odd": b"NTP=vielleicht\nNTPSynchronized\n"}


def test_the_services_own_word_is_told() -> None:
    """Switched on and not synchronised is how a blocked port shows."""
    seen = told(service=SHOWN["on"])
    assert seen == {("clock.sync_enabled",): True, ("clock.synchronised",): False}
    assert told(service=SHOWN["odd"]) == {}


def test_a_running_timesyncd_is_asked_whom_it_follows(tmp_path: Path) -> None:
    """Debian's default has an empty file and its servers compiled in."""
    runs = [
        {"argv": SHOW, "stdout": "NTP=yes\nNTPSynchronized=yes\n"},
        {"argv": SHOW_TIMESYNC, "stdout": "LinkNTPServers=\nFallbackNTPServers=10.0.0.9 10.0.0.9\n"},
    ]
    asks = [{"address": "10.0.0.9", "port": 123, "refused": "unreachable"}]
    seen = read(captured(tmp_path, runs=runs, asks=asks))
    assert [each.source for each in seen.asked] == ["10.0.0.9"]


def test_a_time_service_that_is_off_is_not_woken_by_the_question(tmp_path: Path) -> None:
    """Asking the bus for it would start it: a look would have changed the machine."""
    runs = [{"argv": SHOW, "stdout": "NTP=no\nNTPSynchronized=no\n"}]
    assert read(captured(tmp_path, runs=runs)).asked == ()


def test_no_service_and_no_server_is_not_there(tmp_path: Path) -> None:
    """An empty answer would pass for a clock that is right."""
    with pytest.raises(NotThere, match="no time server"):
        read(captured(tmp_path, facts={"init": "openrc"}))

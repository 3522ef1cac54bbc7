"""Name servers: who is asked, what counts as an answer, and that nobody else hears of it."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.hosts.base import NotAllowed, NotThere
from agent.probes import dns_linux
from agent.probes.controls import address_and_port
from agent.probes.dns_linux import Asked, is_answered, read, servers, understand
from agent.probes.dns_message import ADDRESS, SERVERS, first_address, question
from contract.sample import Value
from tests.fakes.answering import Answering, server
from tests.fakes.capture import captured

SHORT = timedelta(milliseconds=60)


def answer(asked: bytes, outcome: int = 0) -> bytes:
    """Return what a name server says to *asked*."""
    return asked[:2] + bytes([0x81, 0x80 | outcome]) + asked[4:]


def alive(asked: bytes) -> bytes:
    return answer(asked)


def silent(_: bytes) -> bytes:
    return b""


def told(host: Answering) -> dict[tuple[str, ...], Value]:
    return {(sample.name, *sample.where.values()): sample.value for sample in understand(read(host))}


def machine(folder: Path, resolv_conf: str, ports: Mapping[str, int], controls: str = "") -> Answering:
    files = {"/etc/resolv.conf": resolv_conf, **({dns_linux.CONTROLS: controls} if controls else {})}
    captured(folder, files=files)
    return Answering(folder, ports, SHORT)


def test_a_server_that_answers_is_timed(tmp_path: Path) -> None:
    """The rule for a dead resolver must stay quiet on every healthy machine."""
    with server(alive) as port:
        host = machine(tmp_path, "nameserver 10.0.0.1\n", {"10.0.0.1": port})
        seen = told(host)
    assert seen["dns.server_configured", "10.0.0.1"] is True
    assert 0 <= float(seen["dns.system_answer_seconds", "10.0.0.1"]) < 1
    assert ("dns.other_answer_seconds",) not in seen
    assert host.asked == [("10.0.0.1", 53)]


def test_a_silent_server_has_no_time_and_another_configured_one_vouches(tmp_path: Path) -> None:
    """Without the other answer nobody could tell a dead resolver from a dead network."""
    with server(silent) as dead, server(alive) as good:
        host = machine(
            tmp_path, "nameserver 10.0.0.1\nnameserver 10.0.0.2\n", {"10.0.0.1": dead, "10.0.0.2": good}, "10.9.9.9\n"
        )
        seen = told(host)
    assert ("dns.system_answer_seconds", "10.0.0.1") not in seen
    assert seen["dns.server_configured", "10.0.0.1"] is True
    assert seen["dns.other_server",] == "10.0.0.2"
    assert host.asked == [("10.0.0.1", 53), ("10.0.0.2", 53)]


def test_the_first_can_vouch_for_the_second(tmp_path: Path) -> None:
    """A dead second server makes every tenth page slow, and is never suspected."""
    with server(silent) as dead, server(alive) as good:
        host = machine(tmp_path, "nameserver 10.0.0.1\nnameserver 10.0.0.2\n", {"10.0.0.1": good, "10.0.0.2": dead})
        seen = told(host)
    assert seen["dns.other_server",] == "10.0.0.1"


def test_the_owners_control_server_is_asked_only_when_needed(tmp_path: Path) -> None:
    """A machine that is well would tell a third party every five minutes that it exists."""
    with server(silent) as dead, server(alive) as control:
        host = machine(
            tmp_path, "nameserver 10.0.0.1\n", {"10.0.0.1": dead}, f"# ours\nnot.a.number\n127.0.0.1:{control} # here\n"
        )
        seen = told(host)
        assert seen["dns.other_server",] == f"127.0.0.1:{control}"
        assert host.asked == [("10.0.0.1", 53), ("127.0.0.1", control)]


@pytest.mark.parametrize("outcome", [2, 5])
def test_a_forwarder_without_a_source_gives_no_answer(tmp_path: Path, outcome: int) -> None:
    """The stub on 127.0.0.53 always answers: "server failure" is how it says that nobody else does."""
    with server(lambda asked: answer(asked, outcome)) as port:
        seen = told(machine(tmp_path, "nameserver 127.0.0.53\n", {"127.0.0.53": port}))
    assert ("dns.system_answer_seconds", "127.0.0.53") not in seen


@pytest.mark.parametrize("outcome", [0, 1, 3, 4])
def test_a_server_that_is_merely_odd_is_alive(tmp_path: Path, outcome: int) -> None:
    """Cheap routers cannot say who serves the root, and resolve names all the same."""
    with server(lambda asked: answer(asked, outcome)) as port:
        seen = told(machine(tmp_path, "nameserver 10.0.0.1\n", {"10.0.0.1": port}))
    assert ("dns.system_answer_seconds", "10.0.0.1") in seen


@pytest.mark.parametrize(
    "forged",
    [
        lambda asked: bytes([asked[0] ^ 1, asked[1]]) + answer(asked)[2:],
        lambda asked: asked,
        lambda asked: answer(asked)[:11],
        lambda asked: answer(asked)[:2] + b"\xa8\x80" + asked[4:],
    ],
    ids=["another number", "the question itself", "cut short", "another kind of message"],
)
def test_what_is_no_answer_does_not_count_as_one(tmp_path: Path, forged: object) -> None:
    """An echo on the port would be taken for a healthy server."""
    with server(forged) as port:  # type: ignore[arg-type]  # one of the functions above
        seen = told(machine(tmp_path, "nameserver 10.0.0.1\n", {"10.0.0.1": port}))
    assert ("dns.system_answer_seconds", "10.0.0.1") not in seen


def test_not_being_allowed_to_ask_is_not_silence(tmp_path: Path) -> None:
    """A recording that holds no answer, or a firewall of our own making, would accuse the server."""
    host = captured(tmp_path, files={"/etc/resolv.conf": "nameserver 10.0.0.1\n"})
    with pytest.raises(NotThere, match="not captured"):
        read(host)
    refused = [{"address": "10.0.0.1", "port": 53, "refused": "not-allowed"}]
    host = captured(tmp_path, files={"/etc/resolv.conf": "nameserver 10.0.0.1\n"}, asks=refused)
    with pytest.raises(NotAllowed):
        read(host)


@pytest.mark.parametrize(
    ("link", "header", "manager"),
    [
        ("../run/systemd/resolve/stub-resolv.conf", "", "systemd-resolved"),
        ("/run/NetworkManager/resolv.conf", "", "NetworkManager"),
        ("", "# Generated by NetworkManager\n", "NetworkManager"),
        ("", "# Dynamic resolv.conf(5) file for glibc resolver(3) generated by resolvconf(8)\n", "resolvconf"),
        ("", "# This file is managed by man:systemd-resolved(8). Do not edit.\n", "systemd-resolved"),
        ("", "", "file"),
        ("/etc/resolv.conf.own", "# written by NetworkManager's enemy\n", "NetworkManager"),
    ],
)
def test_whoever_writes_the_list_is_named(tmp_path: Path, link: str, header: str, manager: str) -> None:
    """A repair that edits a file somebody else writes is undone a minute later."""
    path = link.replace("..", "", 1) if link else "/etc/resolv.conf"
    host = captured(
        tmp_path,
        files={path: header + "nameserver 10.0.0.1\n"},
        links={"/etc/resolv.conf": link} if link else {},
        asks=[{"address": "10.0.0.1", "port": 53, "refused": "too-slow"}],
    )
    assert next(understand(read(host))).value == manager


def test_a_list_that_leads_nowhere_is_not_there(tmp_path: Path) -> None:
    """A dangling link is what a removed resolver leaves behind; so is a file with nothing in it."""
    with pytest.raises(NotThere):
        read(captured(tmp_path / "a", files={"/etc/x": ""}, links={"/etc/resolv.conf": "../run/gone"}))
    with pytest.raises(NotThere, match="no name server"):
        read(captured(tmp_path / "b", files={"/etc/resolv.conf": "search example.org\n#nameserver 10.0.0.1\n"}))


def test_only_three_addresses_are_asked() -> None:
    """The system itself asks no more, and each silent one costs a second."""
    lines = [f"nameserver 10.0.0.{n} extra" for n in range(5)]
    listed = "\n".join(["nameserver", "nameserver router.lan", "  nameserver fe80::1%eth0", *lines, *lines])
    assert servers(listed.encode()) == ["fe80::1%eth0", "10.0.0.0", "10.0.0.1"]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("10.0.0.1", ("10.0.0.1", 53)),
        ("10.0.0.1:5353", ("10.0.0.1", 5353)),
        ("fd00::1", ("fd00::1", 53)),
        ("[fd00::1]:5353", ("fd00::1", 5353)),
        ("[fd00::1]", ("fd00::1", 53)),
        ("clock.example.org:1123", ("clock.example.org", 1123)),
        ("host:name", ("host:name", 53)),
        ("10.0.0.1:65536", ("10.0.0.1:65536", 53)),
    ],
)
def test_addresses_with_and_without_a_port(line: str, meant: tuple[str, int]) -> None:
    """The last group of an IPv6 address would be taken for a port."""
    assert address_and_port(line, 53) == meant


def test_the_question_says_nothing_of_anybody() -> None:
    """Seventeen bytes: the root's servers, and a number that differs each time."""
    first = question(SERVERS)
    assert first[2:] == bytes.fromhex("01000001000000000000" + "00" + "00020001")
    assert len({question(SERVERS)[:2] for _ in range(20)}) > 1


def test_an_address_is_found_behind_other_names() -> None:
    """Time servers of a pool stand behind an alias."""
    asked = question(ADDRESS, "pool.example.org")
    alias = b"\xc0\x0c" + bytes.fromhex("0005 0001 0000003c 0004") + b"\x01a\xc0\x0c"
    address = b"\xc0\x0c" + bytes.fromhex("0001 0001 0000003c 0004 c0000207")
    reply = asked[:2] + bytes.fromhex("8180 0001 0002 0000 0000") + asked[12:] + alias + address
    assert first_address(asked, reply) == "192.0.2.7"
    assert first_address(asked, asked[:2] + b"\x81\x82" + reply[4:]) == ""


@given(reply=st.binary(max_size=80), is_ours=st.booleans())
def test_any_answer_is_read_or_refused(reply: bytes, is_ours: bool) -> None:
    """A name server is a stranger; its answer must not stop us, nor send us in circles."""
    asked = question(ADDRESS, "a.example")
    reply = asked[:2] + b"\x81\x80" + reply if is_ours else reply
    is_answered(Asked("10.0.0.1", asked, reply, 0.1))
    assert first_address(asked, reply).count(".") in (0, 3)


@pytest.mark.parametrize("name", ["a" * 64 + ".org", "a..b", ".".join(["abc"] * 70), "пример.рф"])
def test_names_that_cannot_be_asked_for_are_refused(name: str) -> None:
    """They would make a packet that says something else."""
    with pytest.raises(ValueError, match=r"."):
        question(ADDRESS, name)

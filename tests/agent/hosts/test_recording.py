"""A recording gives the same samples and findings as the machine it was made of, and none of its secrets."""

import os
import threading
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.checkup import examine, look
from agent.diagnosis import diagnose
from agent.hosts.base import Host, HostError, NotAllowed, NotThere, Space, TooSlow
from agent.hosts.capture import write_capture
from agent.hosts.local_linux import LocalLinux
from agent.hosts.recorded import Recorded, spelled, unspelled
from agent.hosts.recording import Recording
from agent.probes import processes
from agent.probes.base import BETWEEN_READINGS, Probe
from agent.probes.catalogue import PROBES
from agent.rule import load_rules
from contract.errors import FeldsherError
from contract.report import Redacted
from tests.captures.record import CAPTURES
from tests.fakes.capture import captured

if TYPE_CHECKING:
    from collections.abc import Callable

MACHINES = sorted(path.parent for path in CAPTURES.glob("*/facts.json"))
# What is seen over time, by a clock that a recording keeps only to some thousandths.
RATES = {processes.CPU_CORES.name, processes.SLEEPS.name, processes.IO.name}


def write(recording: Recording, folder: Path) -> Recorded:
    """Return *recording* opened anew."""
    write_capture(recording, folder / "made")
    return Recorded(folder / "made")


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)
def test_a_recorded_machine_recorded_again_is_the_same(machine: Path, tmp_path: Path) -> None:
    """A field report that says something else than the machine did would be a lie with a date on it."""
    recording = Recording(Recorded(machine))
    seen = examine(recording, why="person")
    assert seen == examine(Recorded(machine), why="person")
    assert seen == examine(write(recording, tmp_path), why="person")
    assert seen.samples


@pytest.mark.slow
def test_this_machine_and_its_recording_give_the_same_samples_and_findings(tmp_path: Path) -> None:
    """The technician must find what the customer's machine found. Nobody is asked over the network here."""
    probes = [probe for probe in PROBES if not probe.asks]
    recording = Recording(LocalLinux())
    live = look(recording, probes)
    again = look(write(recording, tmp_path), probes)
    assert [(sample.name, sample.where) for sample in live.samples] == [
        (sample.name, sample.where) for sample in again.samples
    ]
    for before, after in zip(live.samples, again.samples, strict=True):
        if before.name in RATES:
            assert after.value == pytest.approx(before.value, rel=0.1)
        else:
            assert after == before
    assert live.not_seen == again.not_seen
    rules = load_rules()
    found = [[finding.key for finding in diagnose(seen.samples, rules).findings] for seen in (live, again)]
    assert found[0] == found[1]


def test_each_no_is_kept_with_its_own_words(tmp_path: Path) -> None:
    """`Not allowed` at the customer's must not read as `not there` at the technician's, nor hide what was allowed."""
    refusals = [
        {"path": "/closed", "reason": "not-allowed", "detail": "Permission denied", "of": "folder_bytes"},
        {"path": "/slow", "reason": "too-slow", "detail": "no answer"},
        {"path": "/dead", "reason": "unreachable", "detail": "Stale file handle"},
    ]
    runs = [{"argv": ["df"], "refused": "too-slow", "detail": "did not end within 10 s", "took_seconds": 10}]
    asks = [{"address": "10.0.0.1", "port": 53, "refused": "unreachable", "detail": "refused", "took_seconds": 0.1}]
    host = captured(tmp_path, files={"/closed/a": "x"}, refusals=refusals, runs=runs, asks=asks)
    recording = Recording(host)

    def said(host: Host) -> list[object]:
        questions: tuple[Callable[[], object], ...] = (
            lambda: host.folder_bytes("/closed"),
            lambda: host.list("/closed"),
            lambda: host.read("/closed/a"),
            lambda: host.space("/slow"),
            lambda: host.stat("/dead/x"),
            lambda: host.link_target("/nothing"),
            lambda: host.read("/nothing"),
            lambda: host.run(["df"]),
            lambda: host.run(["none"]),
            lambda: host.ask("10.0.0.1", 53, b"12 question", timedelta(seconds=1)),
        )
        answers: list[object] = []
        for ask in questions:
            try:
                answers.append(ask())
            except HostError as error:
                answers.append((type(error).reason, error.subject, error.detail))
        return [*answers, host.elapsed()]

    before = said(recording)
    assert ("not-allowed", "/closed", "Permission denied") in before
    assert ["a"] in before
    assert said(write(recording, tmp_path)) == before


def test_a_question_still_open_is_kept_as_too_slow(tmp_path: Path) -> None:
    """A dead file server hangs whoever asks; that is the fault, and must be in the recording."""
    here, done = threading.Event(), threading.Event()

    class Hung(Recorded):
        def space(self, path: str) -> Space:
            here.set()
            done.wait(20)
            raise NotThere(path)

    captured(tmp_path)
    recording = Recording(Hung(tmp_path))

    def ask() -> None:
        with pytest.raises(NotThere):
            recording.space("/mnt/dead")

    asking = threading.Thread(target=ask)
    asking.start()
    here.wait(20)
    try:
        opened = write(recording, tmp_path)
    finally:
        done.set()
        asking.join()
    with pytest.raises(TooSlow):
        opened.space("/mnt/dead")


def test_what_changed_between_the_readings_has_changed(tmp_path: Path) -> None:
    """Programs come, go, close and open between two readings."""
    at_first = {"/proc/1/stat": "one", "/proc/2/stat": "gone soon", "/proc/4/io": "closed soon"}
    refusals = [
        {"path": "/proc/2", "reason": "not-there", "later": True},
        {"path": "/proc/4/io", "reason": "not-allowed", "later": True},
        {"path": "/proc/5/io", "reason": "not-allowed", "of": "read"},
    ]
    later = {"/proc/3/stat": "new", "/proc/1/stat": "one more", "/proc/5/io": "open now"}
    runs = [{"argv": ["ss"], "stdout": "1"}, {"argv": ["ss"], "stdout": "2", "later": True}]
    host = captured(tmp_path, files=at_first, later=later, refusals=refusals, runs=runs, between_seconds=0.75)

    def looked(host: Host) -> list[object]:
        answers: list[object] = []
        for _ in range(2):
            answers += [host.list("/proc"), host.run(["ss"]).text]
            for path in ("/proc/1/stat", "/proc/2/stat", "/proc/3/stat", "/proc/4/io", "/proc/5/io"):
                try:
                    answers.append(host.read(path))
                except HostError as error:
                    answers.append(error.reason)
            host.wait(BETWEEN_READINGS)
        return answers

    recording = Recording(host)
    before = looked(recording)
    assert b"open now" in before
    opened = write(recording, tmp_path)
    assert looked(opened) == before
    assert looked(opened)[0] == before[7], "this thread has waited, and stays at the second reading"
    again = Recorded(tmp_path / "made")
    again.wait(BETWEEN_READINGS)
    assert again.elapsed() == 0.75


def test_probes_side_by_side_do_not_move_each_others_clock(tmp_path: Path) -> None:
    """A name server would seem slow because a time server beside it was."""
    asks = [{"address": "10.0.0.1", "port": 53, "answer_hex": "00", "took_seconds": 2.0}]
    host = captured(tmp_path, asks=asks)
    there: list[float] = []

    def ask() -> None:
        host.ask("10.0.0.1", 53, b"12", timedelta(seconds=3))
        host.wait(BETWEEN_READINGS)
        there.append(host.elapsed())

    beside = threading.Thread(target=ask)
    beside.start()
    beside.join()
    assert (there, host.elapsed()) == ([2.5], 0.0)


def test_one_answer_a_reading_whoever_asks(tmp_path: Path) -> None:
    """Two probes that read the same counter a moment apart must not see two machines."""
    counter = iter(range(10))

    class Counting(Recorded):
        def read(self, path: str, limit_bytes: int = 1024) -> bytes:
            return f"{next(counter)} and more".encode()[:limit_bytes]

    captured(tmp_path)
    recording = Recording(Counting(tmp_path))
    assert recording.read("/c", 1) == b"0"
    assert recording.read("/c", 100) == recording.read("/c", 200) == b"1 and more"
    assert recording.read("/c", 1) == b"1"
    recording.wait(BETWEEN_READINGS)
    assert recording.read("/c", 100) == b"2 and more"
    opened = write(recording, tmp_path)
    assert opened.read("/c", 3) == b"1 a"
    opened.wait(BETWEEN_READINGS)
    assert opened.read("/c") == b"2 and more"


def test_nothing_is_changed_while_recording(tmp_path: Path) -> None:
    """Whoever records a sick machine must not treat it by accident."""
    recording = Recording(LocalLinux())
    for change in (
        lambda: recording.write(str(tmp_path / "x"), b""),
        lambda: recording.remove(str(tmp_path)),
        lambda: recording.end_process(os.getpid(), "1", timedelta(0)),
    ):
        with pytest.raises(NotAllowed, match="nothing is changed"):
            change()
    assert not list(tmp_path.iterdir())


SECRET = "hunter2-c0rrect/horse+staple"
PLANTED: dict[str, str | bytes] = {
    "/proc/1/environ": f"PATH=/bin\0DB_PASSWORD={SECRET}\0HOME=/home/anna7\0",
    "/proc/1/cmdline": f"tool\0--password\0{SECRET}\0https://bob:{quote(SECRET, safe='')}@host/x",
    "/proc/7/status": f"Name:\ttoken={SECRET}\n",
    "/etc/fstab": f"//nas/x /mnt cifs vers=3,password={SECRET} 0 0\n//nas/y /home/anna7/y cifs rw 0 0\n",
    "/home/anna7/notes": "write to anna7@example.org\n-----BEGIN RSA PRIVATE KEY-----\nhunter2-c0rrect\n",
    "/srv/raw": f"{b64encode(SECRET.encode()).decode()} {quote(SECRET, safe='')} {SECRET}",
    f"/srv/password={SECRET.replace('/', '')}/x": "in its very name",
    "/srv/binary": b"\xff\xfe\0password=" + SECRET.encode() + b"\n\xff",
}


def everything(folder: Path) -> bytes:
    """Return all that is in *folder*, names and contents."""
    return b"\n".join(
        os.fsencode(path) + b"\n" + (path.read_bytes() if path.is_file() else b"") for path in folder.rglob("*")
    )


def test_no_secret_and_no_name_reaches_the_folder(tmp_path: Path) -> None:
    """The customer mails this to strangers."""
    stat = {"kind": "file", "size_bytes": 1, "mode": 0, "owner": 0, "group": 0, "modified": "2025-03-01T12:00:00Z"}
    says = f"Authorization: Bearer {SECRET}\n"
    host = captured(
        tmp_path / "given",
        files=PLANTED,
        later={"/proc/1/environ": f"API_KEY={SECRET} /home/anna7"},
        facts={"name": "anna7@example.org"},
        folders={"/home": ["anna7", "boris7"], "/home/anna7": []},
        links={"/srv/link": "/home/anna7/y"},
        stats={"/home/anna7/y": stat},
        spaces={
            "/home/anna7": {"total_bytes": 9, "free_bytes": 5, "available_bytes": 4, "inodes": 3, "inodes_free": 2}
        },
        folder_bytes={"/home/anna7": 1},
        runs=[
            {"argv": ["x", f"--password={SECRET}", "/home/anna7"], "stdout": says, "stderr": says * 400},
            {"argv": ["y"], "refused": "too-slow", "detail": f"password={SECRET}"},
        ],
        asks=[{"address": "10.0.0.1", "port": 53, "answer_hex": (b"??" + says.encode()).hex()}],
        refusals=[{"path": "/home/boris7", "reason": "not-allowed", "detail": f"pwd={SECRET} of /home/boris7"}],
    )
    recording = Recording(host)
    for path in PLANTED:
        recording.read(path)
    recording.list("/home")
    recording.list("/home/anna7")
    recording.link_target("/srv/link")
    recording.stat("/home/anna7/y")
    recording.space("/home/anna7")
    recording.folder_bytes("/home/anna7")
    recording.run(["x", f"--password={SECRET}", "/home/anna7"])
    recording.ask("10.0.0.1", 53, b"??password=" + SECRET.encode(), timedelta(seconds=1))
    for ask in (lambda: recording.run(["y"]), lambda: recording.read("/home/boris7/x")):
        with pytest.raises(HostError):
            ask()
    recording.wait(BETWEEN_READINGS)
    recording.read("/proc/1/environ")
    kept = write_capture(recording, tmp_path / "made", secrets=[SECRET])
    written = everything(tmp_path / "made")
    for told in (SECRET, quote(SECRET, safe=""), b64encode(SECRET.encode()).decode(), "anna7", "boris7", "hunter2"):
        assert told.encode() not in written, told
        assert told.encode().hex().encode() not in written, told
    assert {kind.kind for kind in kept.hidden} >= {"secret", "user name", "e-mail address", "private key"}
    opened = Recorded(tmp_path / "made")
    assert opened.redacted == kept.hidden
    # One person is one stand-in: a mount in a table and in a path is the same mount still.
    mine, other = opened.list("/home")
    assert (mine, other) == ("user1", "user2")
    assert opened.space(f"/home/{mine}").inodes == 3
    assert f"/home/{mine}/y".encode() in opened.read("/etc/fstab")


def test_a_secret_known_by_its_look_needs_no_telling(tmp_path: Path) -> None:
    """Nobody tells the command which secrets there are."""
    given = {path: content for path, content in PLANTED.items() if path != "/srv/raw"}
    recording = Recording(captured(tmp_path / "given", files=given))
    for path in given:
        recording.read(path)
    write_capture(recording, tmp_path / "made")
    assert b"hunter2" not in everything(tmp_path / "made")


def test_the_machine_may_go_by_another_name(tmp_path: Path) -> None:
    """A capture is kept in public; whose machine it was need not be."""
    files = {"/etc/hosts": "127.0.1.1 patient patient.lan\n127.0.0.1 outpatient\n", "/srv/patient/x": "y"}
    recording = Recording(captured(tmp_path / "given", files=files))
    for path in files:
        recording.read(path)
    kept = write_capture(recording, tmp_path / "made", called="web-server")
    opened = Recorded(tmp_path / "made")
    assert opened.facts.name == "web-server"
    assert opened.read("/etc/hosts") == b"127.0.1.1 web-server web-server.lan\n127.0.0.1 outpatient\n"
    assert opened.read("/srv/web-server/x") == b"y"
    assert kept.hidden == (Redacted("name of the machine", 3),)
    for name in ("..", "a/b", "../../etc", "-x", "a b", "x" * 300, "\x1b[2J"):
        with pytest.raises(FeldsherError, match="usage"):
            write_capture(recording, tmp_path / "other", called=name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given", "made"]


odd = st.sampled_from(
    [" ", "'", '"', "ж", "\n", "\t", "\\", "\udcff", "é", "日", "-", ".", "a", "hex:", "$", "*", "\u202e"]
)
names = st.lists(odd, min_size=1, max_size=8).map("".join).filter(lambda name: name not in {".", ".."})
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))


class Paths(Recorded):
    """A machine where something stands at every path; what it says depends on the path alone."""

    def read(self, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        """Return the path."""
        return os.fsencode(path)[:limit_bytes]

    def list(self, path: str) -> list[str]:
        """Return the parts of the path."""
        return sorted(set(path.split("/")) - {""})

    def link_target(self, path: str) -> str:
        """Return the path without its slash."""
        return path[1:]

    def space(self, path: str) -> Space:
        """Return room as long as the path."""
        return Space(len(path), 0, 0, 0, 0)

    def folder_bytes(self, path: str, limit_entries: int = 0) -> int:
        """Refuse with the path."""
        raise NotAllowed(path, "no")


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(found=st.lists(paths, min_size=1, max_size=6, unique=True))
def test_paths_may_hold_whatever_a_system_lets_them(found: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Blanks, quotes, Cyrillic, line feeds and bytes that are no letters all occur at customers'."""
    folder = tmp_path_factory.mktemp("odd")
    captured(folder)
    recording = Recording(Paths(folder))

    def told(host: Host, path: str) -> list[object]:
        with pytest.raises(NotAllowed) as refused:
            host.folder_bytes(path)
        return [host.list(path), host.link_target(path), host.space(path), refused.value.subject]

    before = [told(recording, path) for path in found]
    kept = write_capture(recording, folder / "tables")
    opened = Recorded(folder / "tables")
    assert [told(opened, path) for path in found] == before
    assert kept.hidden == ()

    # Each of these is a link above, and a link is not read; and nothing is a file and a folder at one time.
    recording = Recording(Paths(folder))
    files = [path for path in found if not any(other.startswith(path + "/") for other in found)]
    contents = [recording.read(path) for path in files]
    write_capture(recording, folder / "files")
    opened = Recorded(folder / "files")
    assert [opened.read(path) for path in files] == contents


def test_a_file_that_became_a_folder_costs_the_others_nothing(tmp_path: Path) -> None:
    """Somebody works at the machine while it is looked at."""
    captured(tmp_path)
    recording = Recording(Paths(tmp_path))
    for path in ("/a", "/a/b", "/c/d", "/c", "/e"):
        recording.read(path)
    kept = write_capture(recording, tmp_path / "made")
    opened = Recorded(tmp_path / "made")
    assert (opened.read("/a"), opened.read("/c/d"), opened.read("/e")) == (b"/a", b"/c/d", b"/e")
    assert (kept.files, kept.refusals) == (3, 2)
    with pytest.raises(NotThere, match="could not be kept"):
        opened.read("/a/b")


@given(st.text() | paths | names)
def test_any_word_survives_json(word: str) -> None:
    """The one file with an odd name is often the one that matters."""
    assert unspelled(spelled(word)) == word
    spelled(word).encode()


def test_a_word_of_ours_from_a_stranger_means_itself() -> None:
    """A capture with a wrong spelling is read, not refused with our insides."""
    assert unspelled("hex:/zz") == "hex:/zz"


def test_probes_are_all_in_a_recording(tmp_path: Path) -> None:
    """A probe that asks the machine some other way would be blind in every recording."""
    recording = Recording(Recorded(CAPTURES / "debian12-server"))
    probes: list[Probe] = list(PROBES)
    live = look(recording, probes)
    kept = write_capture(recording, tmp_path / "made")
    assert live.samples
    assert (kept.files > 50, kept.commands, kept.asked > 2) == (True, 3, True)
    assert kept.size_bytes == sum(path.stat().st_size for path in (tmp_path / "made").rglob("*") if path.is_file())

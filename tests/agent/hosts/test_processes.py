"""The one place that starts processes: how they begin, how they are listened to, and how they end."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from agent.hosts import base, processes
from agent.hosts.process_tree import MARK, everybody, look_up, mark_of, send
from agent.hosts.processes import CannotStart, Ended, OutOfTime, end_tree, run_to_end, start

ARTIST = str(Path(__file__).with_name("escape_artist.py"))
PYTHON = (sys.executable, "-I", "-S")
SOON = timedelta(seconds=20)
NO_GRACE = timedelta(0)
ESCAPES = ["plain", "setsid", "daemon", "parent-gone", "ignores-term"]


def sh(script: str, *words: str, limit: timedelta = SOON, stdin: bytes = b"") -> Ended:
    return run_to_end(("sh", "-c", script, "sh", *words), time_limit=limit, stdin=stdin)


def runs(pid: int) -> bool:
    process = look_up(pid)
    return process is not None and process.runs


def words_of(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return b""


@contextmanager
def put_away(pid: int) -> Iterator[None]:
    """End *pid* whatever happens: a failed test must not leave its escape artist behind."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def quiet_child() -> Iterator["subprocess.Popen[bytes]"]:
    child = start(("sh", "-c", "echo ready; read end"), stdin_pipe=True, stdout_pipe=True)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.kill()


def test_the_exit_code_and_both_outputs_come_back() -> None:
    """Every probe and every repair stands on this."""
    ended = sh("echo out; echo err >&2; exit 3")
    assert (ended.exit_code, ended.stdout, ended.stderr, ended.cut_bytes) == (3, b"out\n", b"err\n", 0)
    assert timedelta(0) < ended.took < SOON


def test_a_command_killed_by_a_signal_says_which() -> None:
    """A technician must tell a crash from a refusal."""
    assert sh("kill -SEGV $$").exit_code == -signal.SIGSEGV


def test_words_reach_the_command_as_they_are() -> None:
    """A folder called `a b; rm -rf` is only a name: there is no shell between."""
    words = ["с пробелом", "it's", '"', "$(id)", "a;b", "*", "", "\n", "-rf"]
    assert run_to_end(("printf", "%s\\0", *words), time_limit=SOON).stdout.decode().split("\0")[:-1] == words


def test_input_arrives_whole_and_is_empty_when_none_is_given() -> None:
    """A command that reads its input must never wait for a keyboard."""
    content = bytes(range(256)) * 4000
    assert run_to_end(("cat",), stdin=content, time_limit=SOON, keep_bytes=len(content)).stdout == content
    assert run_to_end(("cat",), time_limit=SOON).stdout == b""


def test_a_command_may_refuse_to_hear_all_of_its_input() -> None:
    """`head` closes early; that is no error of ours."""
    assert run_to_end(("head", "-c", "1"), stdin=b"x" * 5_000_000, time_limit=SOON).stdout == b"x"


def test_binary_output_comes_back_byte_for_byte() -> None:
    """Output in an old code page must not be lost in decoding."""
    assert sh(r"printf '\000\377\200\n'").stdout == b"\x00\xff\x80\n"


def test_output_up_to_twice_the_limit_is_whole() -> None:
    """Nothing is cut that had room."""
    ended = run_to_end(("printf", "abcdefgh"), time_limit=SOON, keep_bytes=4)
    assert (ended.stdout, ended.cut_bytes) == (b"abcdefgh", 0)


def test_output_beyond_it_keeps_both_ends_and_counts_the_gap() -> None:
    """The cause stands at the head, the error at the tail; the technician must see that the middle is missing."""
    ended = run_to_end(("printf", "abcd12345efgh"), time_limit=SOON, keep_bytes=4)
    assert ended.stdout == b"abcd\n[... 5 bytes cut ...]\nefgh"
    assert ended.cut_bytes == 5


@pytest.mark.slow
def test_fifty_megabytes_are_drained_and_not_kept() -> None:
    """A chatty command must neither stall nor fill the customer's memory."""
    total = 50_000_000
    ended = sh(f"echo begin; head -c {total} /dev/zero; echo end; head -c {total} /dev/zero >&2")
    assert ended.stdout.startswith(b"begin\n")
    assert ended.stdout.endswith(b"end\n")
    assert len(ended.stdout) + len(ended.stderr) < 4 * processes.KEEP_BYTES + 200
    assert ended.cut_bytes == 2 * total + len(b"begin\nend\n") - 4 * processes.KEEP_BYTES


def test_it_keeps_as_much_as_the_door_promises() -> None:
    """The number stands twice, because the resident must not load what the door needs."""
    assert processes.KEEP_BYTES == base.KEEP_BYTES


@pytest.mark.slow
def test_a_never_ending_progress_bar_ends_at_its_time() -> None:
    """It prints for ever without a newline; the limit counts all the same."""
    begun = time.monotonic()
    with pytest.raises(OutOfTime, match=r"did not end within 0\.3 s; its last words: .*17%"):
        sh(r"while :; do printf '\r17%%'; done", limit=timedelta(seconds=0.3))
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("limit", [timedelta(0), timedelta(seconds=-1)])
def test_no_time_at_all_is_too_little(limit: timedelta) -> None:
    """A repair that has used up its time does not start one more thing and wait for it."""
    with pytest.raises(OutOfTime):
        sh("sleep 300", limit=limit)


@pytest.mark.slow
def test_a_daemon_that_holds_the_pipe_does_not_hold_us() -> None:
    """Restarting a service must not take until that service ends."""
    begun = time.monotonic()
    ended = sh("sleep 300 & echo $!")
    took = time.monotonic() - begun
    with put_away(int(ended.stdout)):
        assert took < 1.5
        assert ended.exit_code == 0
        assert runs(int(ended.stdout)), "a daemon left by a command that did well lives on"


def test_the_environment_is_ours_alone() -> None:
    """As root, a variable of whoever started us must not choose what the system's commands load."""
    script = "import agent.hosts.processes as p, datetime; s = datetime.timedelta(seconds=20)\n"
    script += "print(p.run_to_end(('env',), environment={'X': 'ж'}, time_limit=s).stdout.decode())"
    bad = {"LD_PRELOAD": "/tmp/none.so", "LD_LIBRARY_PATH": "/tmp", "BASH_ENV": "/tmp/x", "PYTHONPATH": str(Path.cwd())}
    bad |= {"PATH": "/tmp/evil:/usr/bin:/bin", "LC_ALL": "ru_RU.UTF-8", "LANG": "ru_RU.UTF-8", "PERL5OPT": "-Mevil"}
    shown = run_to_end((sys.executable, "-c", script), environment=bad, time_limit=SOON).stdout.decode()
    seen = dict(line.split("=", 1) for line in shown.splitlines() if line)
    assert seen["LC_ALL"] == "C"
    assert "/tmp" not in seen["PATH"]
    assert seen["X"] == "ж"
    assert not {"LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "PYTHONPATH", "LANG", "PERL5OPT"} & set(seen)


def test_a_command_that_does_not_exist_is_told_apart_from_one_we_may_not_run(tmp_path: Path) -> None:
    """`not installed` and `not allowed` ask for different remedies."""
    locked = tmp_path / "не мой 'файл'"
    locked.write_text("#!/bin/sh\n")
    locked.chmod(0o644)
    for argv in (["feldsher-no-such-command"], ["/nowhere/x"], [f"{locked}/x"]):
        with pytest.raises(CannotStart, match="no such command") as missing:
            run_to_end(argv, time_limit=SOON)
        assert not missing.value.is_there
    with pytest.raises(CannotStart) as refused:
        run_to_end([str(locked)], time_limit=SOON)
    assert refused.value.is_there


def test_commands_that_cannot_be_are_refused(tmp_path: Path) -> None:
    """A NUL, nothing at all, a text file, or words beyond measure: each says what is wrong with it."""
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"\x00\x01")
    nonsense.chmod(0o755)
    bad: list[list[str]] = [[], [""], ["echo", "a\0b"], ["ec\0ho"], [str(nonsense)], ["echo", "x" * 5_000_000]]
    for argv in bad:
        with pytest.raises(CannotStart) as refused:
            run_to_end(argv, time_limit=SOON)
        assert "\0" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("way", [*ESCAPES, "sheds-its-mark"])
def test_nothing_outlives_its_time_limit(way: str, tmp_path: Path) -> None:
    """A customer would find a command of ours running days after we said it was ended."""
    note = tmp_path / "pid"
    command = ("sh", "-c", 'exec "$@" > "$0"', str(note), *PYTHON, ARTIST, way)
    with pytest.raises(OutOfTime) as late:
        run_to_end(command, time_limit=timedelta(seconds=2))
    pid = int(note.read_text())
    with put_away(pid):
        assert not runs(pid)
        assert late.value.all_ended
        assert look_up(pid) is None, "the adopted are buried too: no zombie stays"


@pytest.mark.slow
def test_one_that_multiplies_while_it_is_ended_is_ended(tmp_path: Path) -> None:
    """A look that saw a process just before it forked must not be the last look."""
    child = start((*PYTHON, ARTIST, "multiplies", str(tmp_path)), stdout_pipe=True)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        assert end_tree(child.pid, NO_GRACE)
        assert [pid for pid in everybody() if str(tmp_path).encode() in words_of(pid)] == []


@pytest.mark.parametrize("way", [*ESCAPES, "root-gone"])
def test_ending_a_tree_ends_all_of_it(way: str) -> None:
    """Hands that were told to stop must not leave half a repair running."""
    child = start((*PYTHON, ARTIST, way), stdout_pipe=True)
    with child:
        assert child.stdout is not None
        pid = int(child.stdout.readline())
        with put_away(pid):
            assert runs(pid)
            assert end_tree(child.pid, NO_GRACE)
            assert not runs(pid)
    assert not runs(child.pid)


def test_whoever_ends_by_itself_is_given_the_time() -> None:
    """Hands finish the step they are in when they are asked to end."""
    child = start(
        ("sh", "-c", "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done"), stdout_pipe=True
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert end_tree(child.pid, SOON)
        assert child.stdout.read() == b"bye\n"
    assert child.returncode == 7


def test_whoever_will_not_end_is_ended_after_the_grace() -> None:
    """Stop means stop."""
    child = start((*PYTHON, ARTIST, "ignores-term"), stdout_pipe=True)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        assert end_tree(child.pid, timedelta(seconds=0.1))
    assert child.returncode == -signal.SIGKILL


def test_ending_what_is_gone_is_done_at_once() -> None:
    """Ending twice must be as good as once."""
    child = start(("true",))
    child.wait()
    assert end_tree(child.pid, SOON)
    assert end_tree(child.pid, SOON)


def test_it_never_ends_what_it_runs_under() -> None:
    """A wrong number must not take the agent, its service or the machine down."""
    for pid in (1, os.getpid(), os.getppid()):
        with pytest.raises(ValueError, match="ourselves"):
            end_tree(pid, NO_GRACE)


@pytest.mark.slow
def test_ending_one_leaves_the_others_alone(quiet_child: "subprocess.Popen[bytes]") -> None:
    """Two looks run side by side: one that is too slow must not kill the other, nor the hands."""
    outcome: list[Ended] = []
    other = threading.Thread(target=lambda: outcome.append(sh("sleep 1.2; echo whole")))
    other.start()
    stranger = subprocess.Popen(["/bin/sleep", "300"])
    try:
        with pytest.raises(OutOfTime):
            run_to_end((*PYTHON, ARTIST, "daemon"), time_limit=timedelta(seconds=0.4))
        assert runs(quiet_child.pid)
        assert runs(stranger.pid)
    finally:
        stranger.kill()
        stranger.wait()
        other.join()
    assert [ended.stdout for ended in outcome] == [b"whole\n"]


@pytest.mark.slow
def test_an_orphan_that_could_be_anothers_is_left_alone(tmp_path: Path) -> None:
    """Two trees are up and a daemon without a mark came from one of them: guessing would kill a healthy service."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)

    def be_too_slow() -> None:
        with pytest.raises(OutOfTime):
            sh('echo >"$1"; sleep 300', str(ready), limit=timedelta(seconds=0.7))

    slow = threading.Thread(target=be_too_slow)
    slow.start()
    ready.read_text()  # from here on orphans come to us
    with start((*PYTHON, ARTIST, "sheds-its-mark"), stdout_pipe=True) as child:
        assert child.stdout is not None
        orphan = int(child.stdout.readline())
        with put_away(child.pid), put_away(orphan):
            slow.join()
            assert runs(orphan)


def test_orphans_that_ended_meanwhile_are_buried() -> None:
    """A zombie for every look would fill the table of processes in a month."""
    ended = sh("(setsid sh -c 'echo $$' &); sleep 0.1")
    assert look_up(int(ended.stdout)) is None


def test_a_signal_never_reaches_another_under_the_same_number(quiet_child: "subprocess.Popen[bytes]") -> None:
    """Between the look and the signal the number may have come to somebody else."""
    seen = look_up(quiet_child.pid)
    assert seen is not None
    assert not send(seen._replace(started=seen.started + 1), signal.SIGKILL)
    assert runs(quiet_child.pid)


def test_a_mark_begins_with_the_one_above_it(quiet_child: "subprocess.Popen[bytes]") -> None:
    """So ending the hands finds what the hands had started, even after they crashed."""
    assert mark_of(quiet_child.pid)
    inner = "import agent.hosts.processes as p, datetime as d\n"
    inner += f"print(p.run_to_end(('sh', '-c', 'echo ${MARK}'), time_limit=d.timedelta(seconds=20)).stdout.decode())"
    shown = run_to_end(
        (sys.executable, "-c", inner), environment={"PYTHONPATH": str(Path.cwd())}, time_limit=SOON
    ).stdout
    above, _, below = shown.decode().strip().partition(".")
    assert len(above) == len(below) == 16


def test_a_long_lived_part_speaks_through_its_pipes_and_logs_to_its_file(tmp_path: Path) -> None:
    """The resident and its hands talk this way."""
    log = tmp_path / "журнал.log"
    with start(
        ("sh", "-c", "pwd; cat; echo oh >&2"), stdin_pipe=True, stdout_pipe=True, cwd=tmp_path, stderr=log
    ) as child:
        out, _ = child.communicate(b"hello")
    assert out == f"{tmp_path}\nhello".encode()
    assert log.read_text() == "oh\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_part_that_cannot_start_says_why(tmp_path: Path) -> None:
    """`No such folder` and `no such command` look the same to the system, not to us."""
    with pytest.raises(CannotStart, match="no such folder to start in"):
        start(("true",), cwd=tmp_path / "gone")
    with pytest.raises(CannotStart, match="errors cannot be written"):
        start(("true",), stderr=tmp_path)


def test_it_loads_nothing_the_resident_does_without() -> None:
    """It lives on every customer's machine, all day."""
    script = (
        "import sys, agent.hosts.processes; print(*sorted({'msgspec', 'click', 'ctypes', 'yaml'} & set(sys.modules)))"
    )
    ended = run_to_end((sys.executable, "-c", script), environment={"PYTHONPATH": str(Path.cwd())}, time_limit=SOON)
    assert (ended.stdout.strip(), ended.exit_code) == (b"", 0)

"""What a far machine can do to the shell we keep open there, and what we must never leave behind."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.checkup import examine, look
from agent.hosts.base import KEEP_BYTES, HostError, NotAllowed, TooSlow, Unreachable
from agent.hosts.local_linux import LocalLinux
from agent.hosts.process_tree import everybody, look_up, mark_of
from agent.hosts.ssh import Ssh
from agent.probes.catalogue import probes_for
from contract.errors import FeldsherError
from tests.fakes.sshd import Line, Sshd, sshd

PLENTY = timedelta(seconds=20)
ARTIST = str(Path(__file__).with_name("escape_artist.py"))


@pytest.fixture(scope="module")
def far(server: Sshd) -> Iterator[Ssh]:
    with Ssh(server.address, server.trust, server.proof) as host:
        yield host


def is_up(pid: int) -> bool:
    seen = look_up(pid)
    return seen is not None and seen.runs


NAMES = ["with space", 'it\'s "quoted"', "Отчёт за март", "two\nlines", "$(id)`id`;&|*?[a]~\\", "-rf", "\x01\x7f\t"]


def test_any_name_is_a_name(far: Ssh, tmp_path: Path) -> None:
    """What a shell could read as a command is how a file name becomes somebody's root."""
    names = sorted([*NAMES, os.fsdecode(b"\xef\xf0\xe8\x81\x88")])
    for name in names:
        path = f"{tmp_path}/{name}"
        far.write(path, name.encode("utf-8", "surrogateescape"))
        assert far.read(path) == Path(path).read_bytes() == name.encode("utf-8", "surrogateescape")
        assert far.stat(path).size_bytes == Path(path).stat().st_size
    assert list(far.list(str(tmp_path))) == names
    ran = far.run(("printf", "%s\\0", *names), environment={"WITH": "'a' b\nc"})
    assert ran.stdout.split(b"\0")[:-1] == [name.encode("utf-8", "surrogateescape") for name in names]
    assert far.run(("sh", "-c", 'printf %s "$WITH"'), environment={"WITH": "'a' $b\nc"}).text == "'a' $b\nc"
    for name in names:
        far.remove(f"{tmp_path}/{name}")
    assert list(far.list(str(tmp_path))) == []


def test_every_byte_comes_and_goes_as_it_is(far: Ssh, tmp_path: Path) -> None:
    """A binary log, an image, a file that ends without a line."""
    every = bytes(range(256)) * 4096
    far.write(f"{tmp_path}/x", every)
    assert (tmp_path / "x").read_bytes() == every
    assert far.read(f"{tmp_path}/x", 2 * len(every)) == every
    assert far.run(("cat",), stdin=every[:100_000]).stdout == every[:100_000]
    assert far.run(("true",), stdin=every).exit_code == 0


def test_a_long_output_keeps_both_ends(far: Ssh) -> None:
    """Eight megabytes of log must not come into a report."""
    ran = far.run(("sh", "-c", "head -c 8388608 /dev/zero; echo end; echo err >&2; exit 7"), time_limit=PLENTY)
    assert (ran.exit_code, ran.error_text) == (7, "err\n")
    assert ran.cut_bytes == 8388608 + 4 - 2 * KEEP_BYTES
    assert ran.stdout.endswith(b"\0end\n")


@pytest.mark.slow
def test_an_output_without_end_is_ended(far: Ssh) -> None:
    """`yes` would otherwise fill the line for ever."""
    begun = time.monotonic()
    with pytest.raises(TooSlow, match=r"last words: +y y y"):
        far.run(("yes",), time_limit=timedelta(seconds=0.3))
    assert time.monotonic() - begun < 15
    assert far.run(("echo", "fit")).text == "fit\n"


def test_an_exit_code_is_told_as_a_shell_does(far: Ssh) -> None:
    """A command that crashed must not look like one that said no."""
    assert far.run(("sh", "-c", "kill -9 $$")).exit_code == 128 + signal.SIGKILL
    assert far.run(("sh", "-c", "kill -9 $$")).error_text == "", "what the shell itself says is not the command's"
    assert far.run(("sh", "-c", "exit 127")).exit_code == 127


def test_what_may_not_be_run_is_not_called_absent(far: Ssh, tmp_path: Path) -> None:
    """`Not allowed` and `not there` send the technician to different places."""
    (tmp_path / "no program").write_text("x")
    for argv in ((f"{tmp_path}/no program",), (str(tmp_path),), ("echo", "a\0b"), ("echo", "x" * 200_000)):
        with pytest.raises(NotAllowed):
            far.run(argv)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["plain", "setsid", "daemon", "parent-gone", "ignores-term", "root-gone", "multiplies"])
def test_a_time_limit_ends_the_whole_tree_there(far: Ssh, way: str, tmp_path: Path) -> None:
    """What outlives its limit piles up on a customer's machine."""
    told = tmp_path / "pid"
    words = ("sh", "-c", '"$@" >"$0"; sleep 300', str(told), sys.executable, ARTIST, way)
    with pytest.raises(TooSlow) as said:
        far.run(words, time_limit=timedelta(seconds=1))
    assert "could not be ended" not in said.value.detail
    caught = [int(line) for line in told.read_text().split()]
    assert caught
    assert not any(is_up(pid) for pid in caught)
    assert far.run(("echo", "fit")).text == "fit\n"


@pytest.mark.slow
def test_a_daemon_that_is_left_lives_on_and_corrupts_nothing(far: Ssh, tmp_path: Path) -> None:
    """A service that was just restarted must not die with our shell, nor talk into the next answer."""
    talk = 'while [ -e "$0" ]; do echo noise; echo noise >&2; sleep 0.02; done'
    script = 'trap "" PIPE; setsid sh -c "$1" "$0" & echo $!'
    flag = tmp_path / "flag"
    flag.touch()
    ran = far.run(("sh", "-c", script, str(flag), talk), time_limit=PLENTY)
    try:
        [pid] = [int(line) for line in ran.text.split("\n") if line.isdigit()]
        assert ran.exit_code == 0
        for _ in range(20):
            assert far.run(("echo", "clear")).text == "clear\n"
            assert far.read("/proc/sys/kernel/ostype") == b"Linux\n"
        assert is_up(pid)
    finally:
        flag.unlink()


@pytest.mark.slow
def test_a_shell_that_hangs_is_replaced(server: Sshd) -> None:
    """One dead file server must cost one answer, not the whole look."""
    with Ssh(server.address, server.trust, server.proof) as far:
        [shell] = far._shells._idle
        [pid] = [pid for pid in everybody() if mark_of(pid) == shell.mark]
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(TooSlow):
                far.run(("echo", "x"), time_limit=timedelta(seconds=0.3))
            assert far.run(("echo", "fit")).text == "fit\n"
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def test_noise_of_a_profile_is_no_answer(tmp_path: Path) -> None:
    """Half of all profiles print a greeting."""
    noise = r'printf "\0\377Добро пожаловать\n"; echo "$RANDOM<" >&2; eval "$SSH_ORIGINAL_COMMAND"; echo bye'
    with (
        sshd(tmp_path / "s", f"ForceCommand {noise}") as server,
        Ssh(server.address, server.trust, server.proof) as far,
    ):
        assert far.facts == LocalLinux().facts
        assert far.run(("echo", "clear")).stdout == b"clear\n"


@pytest.mark.parametrize("command", ["echo This account is not available; exit 1", "true"])
def test_an_account_without_a_shell_is_told(tmp_path: Path, command: str) -> None:
    """`nologin`, a file-transfer account, a menu: none of them can be looked through."""
    with sshd(tmp_path / "s", f"ForceCommand {command}") as server, pytest.raises(FeldsherError) as said:
        Ssh(server.address, server.trust, server.proof)
    assert said.value.slug == "forbidden"


@pytest.mark.slow
def test_one_session_is_enough(tmp_path: Path) -> None:
    """Careful administrators allow no more (MaxSessions 1)."""
    with sshd(tmp_path / "s", "MaxSessions 1") as server, Ssh(server.address, server.trust, server.proof) as far:
        slow = threading.Thread(target=lambda: far.run(("sleep", "0.3"), time_limit=PLENTY))
        slow.start()
        assert [far.run(("echo", str(n)), time_limit=PLENTY).text for n in range(3)] == ["0\n", "1\n", "2\n"]
        slow.join()
        with pytest.raises(TooSlow):
            far.run(("sleep", "30"), time_limit=timedelta(seconds=0.2))


def test_many_may_ask_at_once(far: Ssh) -> None:
    """The probes of a checkup all look at the same time."""
    wrong: list[str] = []

    def ask(number: int) -> None:
        for turn in range(5):
            said = far.run(("echo", f"{number} {turn}"), time_limit=PLENTY).text
            if said != f"{number} {turn}\n" or far.read("/proc/sys/kernel/ostype") != b"Linux\n":
                wrong.append(said)

    asking = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for each in asking:
        each.start()
    for each in asking:
        each.join(60)
    assert not wrong


@pytest.mark.slow
def test_a_checkup_sees_the_same_there_over_one_connection(server: Sshd) -> None:
    """A finding must not depend on the way we came."""
    line = Line(server.port)
    try:
        with Ssh(replace(server.address, port=line.port), server.trust, server.proof) as far:
            for _ in range(4):  # another program may begin or end between the two looks
                local = examine(LocalLinux(), why="person")
                there = examine(far, why="person")
                if {found.rule for found in there.findings} == {found.rule for found in local.findings}:
                    break
            assert line.connections == 1
    finally:
        line.close()
    assert there.host == local.host
    assert {finding.rule for finding in there.findings} == {finding.rule for finding in local.findings}
    assert [gap.probe for gap in there.not_seen] == [gap.probe for gap in local.not_seen]
    steady = {
        (sample.name, *sorted(sample.where.items())): sample.value
        for sample in local.samples
        if "pid" not in sample.where and "port" not in sample.where
    }
    seen = {(sample.name, *sorted(sample.where.items())): sample.value for sample in there.samples}
    assert steady.keys() <= seen.keys()
    for name, value in steady.items():
        if name[0] in {"system.memory.limit", "system.filesystem.limit", "os.version", "system.cpu.logical.count"}:
            assert seen[name] == value
        if name[0] in {"system.uptime", "system.filesystem.usage.used", "system.linux.memory.available"}:
            assert float(seen[name]) == pytest.approx(float(value), rel=0.2)


@pytest.mark.slow
def test_a_line_that_is_cut_half_way_is_told_at_once(server: Sshd) -> None:
    """The laptop's lid was closed: each question must say so, and none may wait for its limit."""
    line = Line(server.port)
    try:
        with Ssh(replace(server.address, port=line.port), server.trust, server.proof) as far:
            cutting = threading.Timer(0.2, line.cut)
            cutting.start()
            begun = time.monotonic()
            with pytest.raises(HostError):
                far.run(("sleep", "30"), time_limit=timedelta(seconds=30))
            cutting.join()
            with pytest.raises(Unreachable):
                far.read("/etc/os-release")
            seen = look(far, probes_for("linux"))
            assert time.monotonic() - begun < 15
            assert not seen.samples or len(seen.not_seen) > 3
            assert {gap.reason for gap in seen.not_seen} <= {"unreachable", "not-there"}
    finally:
        line.close()


def test_nothing_of_ours_is_left_there(server: Sshd) -> None:
    """A shell for every look would fill the machine in a month."""
    with Ssh(server.address, server.trust, server.proof) as far:
        far.run(("true",))
        marks = {shell.mark for shell in far._shells._idle}
        assert marks
    deadline = time.monotonic() + 20
    while left := [pid for pid in everybody() if mark_of(pid) in marks]:
        assert time.monotonic() < deadline, left
        threading.Event().wait(0.02)


def test_the_machine_and_our_own_way_in_are_not_ended(server: Sshd) -> None:
    """Ending the server that let us in would leave the repair half done."""
    with Ssh(server.address, server.trust, server.proof) as far:
        [shell] = far._shells._idle
        [pid] = [pid for pid in everybody() if mark_of(pid) == shell.mark]
        for each in (1, pid):
            seen = look_up(each)
            assert seen is not None
            with pytest.raises(NotAllowed):
                far.end_process(each, str(seen.started), PLENTY)

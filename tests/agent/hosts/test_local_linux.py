"""What a Linux machine can do to us, and what we must never do to it."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from agent.hosts.base import FileKind, HostError, NotAllowed, NotThere, TooSlow, Unreachable
from agent.hosts.files_linux import replace
from agent.hosts.local_linux import LocalLinux
from agent.hosts.process_tree import look_up
from agent.hosts.processes import start
from agent.hosts.refusals import refusal

HOST = LocalLinux()
PLENTY = timedelta(seconds=20)
NO_GRACE = timedelta(0)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "труба с 'кавычкой\""
    os.mkfifo(path)
    return path


def test_a_pipe_where_a_file_was_does_not_hold_us(pipe: Path) -> None:
    """Opening one waits for a writer who never comes: the look would hang for ever."""
    begun = time.monotonic()
    for look in (HOST.read, HOST.remove):
        with pytest.raises(NotAllowed):
            look(str(pipe))
    with pytest.raises(NotAllowed):
        HOST.write(str(pipe), b"x")
    assert time.monotonic() - begun < 5
    assert HOST.stat(str(pipe)).kind is FileKind.OTHER


def test_a_link_to_a_secret_is_not_read_and_not_written(tmp_path: Path) -> None:
    """A user could put it where root will look."""
    secret = tmp_path / "shadow"
    secret.write_text("root:…")
    (tmp_path / "link").symlink_to(secret)
    for act in (lambda: HOST.read(f"{tmp_path}/link"), lambda: HOST.write(f"{tmp_path}/link", b"")):
        with pytest.raises(NotAllowed, match="a link"):
            act()
    assert secret.read_text() == "root:…"


def test_devices_and_sockets_are_never_opened(tmp_path: Path) -> None:
    """Opening alone can rewind a tape or arm a watchdog."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(tmp_path / "door"))
        for path in ("/dev/zero", "/dev/null", str(tmp_path / "door")):
            with pytest.raises(NotAllowed, match="not a regular file"):
                HOST.read(path)


def test_the_kernels_files_are_read_though_they_have_no_size() -> None:
    """Their size says 0; most probes live on them."""
    assert HOST.read("/proc/self/stat")
    assert HOST.read("/proc/sys/kernel/ostype") == b"Linux\n"
    assert int(HOST.read("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", 100) or b"0") >= 0


def test_a_process_that_ended_meanwhile_is_not_there() -> None:
    """Half of all processes are gone between the list and the look."""
    with pytest.raises(NotThere):
        HOST.read("/proc/4194305/stat")


def test_what_we_may_not_see_is_not_called_absent(tmp_path: Path) -> None:
    """`Not allowed` tells the technician to look as administrator; `not there` would send them elsewhere."""
    locked = tmp_path / "locked"
    locked.mkdir()
    (locked / "file").write_text("x")
    locked.chmod(0)
    script = "import os, sys; from agent.hosts.local_linux import LocalLinux as L\n"
    script += "from agent.hosts.base import NotAllowed; h = L(); p = sys.argv[1]\n"
    script += "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
    script += "def no(f, *a):\n try: f(*a)\n except NotAllowed: return True\n"
    script += "print(all([no(h.read, p + '/file'), no(h.list, p), no(h.stat, p + '/file'), no(h.folder_bytes, p),"
    script += " no(h.write, p + '/new', b''), no(h.remove, p + '/file'), no(h.link_target, p + '/file')]))"
    try:
        ran = HOST.run(
            (sys.executable, "-c", script, str(locked)),
            environment={"PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])},
            time_limit=PLENTY,
        )
    finally:
        locked.chmod(0o700)
    assert (ran.error_text, ran.text) == ("", "True\n")


def test_a_file_with_two_names_counts_once_and_a_hole_not_at_all(tmp_path: Path) -> None:
    """The number is what deleting would free, as `du` counts."""
    (tmp_path / "one").write_bytes(b"x" * 100_000)
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    (tmp_path / "loop").symlink_to(tmp_path)
    with (tmp_path / "hole").open("wb") as hole:
        hole.truncate(10**12)
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "three").write_bytes(b"x" * 100_000)
    allocated = sum((tmp_path / name).stat().st_blocks * 512 for name in ("one", "below/three"))
    assert allocated <= HOST.folder_bytes(str(tmp_path)) <= allocated + 4096


def test_counting_a_folder_without_end_stops(tmp_path: Path) -> None:
    """A mail queue of millions must not hold a look for an hour."""
    for number in range(30):
        (tmp_path / str(number)).touch()
    assert HOST.folder_bytes(str(tmp_path), limit_entries=30) == 0
    with pytest.raises(TooSlow, match="more than 29 entries"):
        HOST.folder_bytes(str(tmp_path), limit_entries=29)


def test_another_filesystem_is_not_counted() -> None:
    """A backup disk mounted in a folder does not fill the disk that folder is on."""
    count = HOST.folder_bytes("/dev", limit_entries=100_000)
    shm = Path("/dev/shm").lstat().st_dev != Path("/dev").lstat().st_dev
    assert count < 10_000_000 or not shm


@as_root
def test_a_replaced_file_keeps_its_owner_and_every_bit_of_its_mode(tmp_path: Path) -> None:
    """A service that reads it as its own user would stop."""
    path = tmp_path / "owned"
    path.write_text("old")
    os.chown(path, 12345, 54321)
    path.chmod(0o4750)
    HOST.write(str(path), b"new")
    seen = HOST.stat(str(path))
    assert (seen.owner, seen.group, seen.mode) == (12345, 54321, 0o4750)
    assert path.read_bytes() == b"new"


def test_a_replaced_file_keeps_its_attributes(tmp_path: Path) -> None:
    """Without its label SELinux would keep the service from it."""
    path = tmp_path / "labelled"
    path.write_text("old")
    try:
        os.setxattr(path, "user.label", b"kept")
    except OSError as error:
        pytest.skip(f"this filesystem keeps no attributes: {error}")
    HOST.write(str(path), b"new")
    assert os.getxattr(path, "user.label") == b"kept"


def test_readers_see_the_old_or_the_new_never_a_half(tmp_path: Path) -> None:
    """A resolver that reads its settings at the wrong moment must not be left without."""
    path = tmp_path / "resolv.conf"
    old, new = b"a" * 300_000, b"b" * 300_000
    path.write_bytes(old)
    stop = threading.Event()
    seen: set[bytes] = set()

    def watch() -> None:
        while not stop.is_set():
            seen.add(path.read_bytes())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for _ in range(5):
        HOST.write(str(path), new)
        HOST.write(str(path), old)
    stop.set()
    watcher.join()
    assert seen <= {old, new}


def test_a_write_that_fails_leaves_the_old_and_no_rubbish(tmp_path: Path) -> None:
    """Whatever goes wrong on the way, the folder looks as before."""
    path = tmp_path / "kept"
    path.write_text("old")
    with pytest.raises(TypeError):
        replace(str(path), "not bytes", None)  # type: ignore[arg-type] # the nearest thing to a disk that fails half way
    assert path.read_text() == "old"
    assert list(HOST.list(str(tmp_path))) == ["kept"]


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, NotAllowed, "no room is left"),
        (errno.EDQUOT, NotAllowed, "quota"),
        (errno.EROFS, NotAllowed, "read-only"),
        (errno.EACCES, NotAllowed, "Permission denied"),
        (errno.EMFILE, NotAllowed, "Too many open files"),
        (errno.EIO, Unreachable, "Input/output error"),
        (errno.ESTALE, Unreachable, "Stale"),
        (errno.EINVAL, NotThere, "Invalid"),
        (errno.ESRCH, NotThere, "No such process"),
        (errno.ETIMEDOUT, TooSlow, "timed out"),
    ],
)
def test_every_error_of_the_system_has_a_word_of_ours(number: int, kind: type[HostError], words: str) -> None:
    """A full disk, a dead disk and a missing file need three different people."""
    said = refusal(OSError(number, os.strerror(number)), "/x")
    assert type(said) is kind
    assert words in said.detail


def test_names_that_are_no_text_still_come_back(tmp_path: Path) -> None:
    """An old archive holds names in another code page; the file behind each can be looked at."""
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xef\xf0\xe8\xe2\xe5\xf2"))).write_text("x")
    [name] = HOST.list(str(tmp_path))
    assert HOST.read(f"{tmp_path}/{name}") == b"x"


def test_a_path_too_long_to_be_is_not_there() -> None:
    """No error of the system leaves the door, whatever it is asked."""
    for path in ("/" + "x" * 300, "/x" * 5000, "/etc/hosts/", "/etc/hosts/x", "/nowhere/"):
        with pytest.raises(NotThere):
            HOST.read(path)
        with pytest.raises(NotThere):
            HOST.stat(path)


def test_an_answer_from_elsewhere_is_no_answer() -> None:
    """Whoever guesses our port could otherwise tell us any time of day."""
    with socket.socket(type=socket.SOCK_DGRAM) as server, socket.socket(type=socket.SOCK_DGRAM) as liar:
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        liar.bind(("127.0.0.1", 0))

        def lie() -> None:
            _, where = server.recvfrom(100)
            liar.sendto(b"a lie", where)

        lying = threading.Thread(target=lie)
        lying.start()
        with pytest.raises(TooSlow):
            HOST.ask("127.0.0.1", server.getsockname()[1], b"?", timedelta(seconds=0.1))
        lying.join()


@pytest.mark.parametrize(
    ("address", "port"),
    [("localhost", 53), ("", 53), ("127.0.0.1", 99_999), ("127.0.0.1", -1), ("1.2.3", 0), ("a\0b", 1)],
)
def test_names_and_nonsense_are_not_asked(address: str, port: int) -> None:
    """Looking up a name would ask the very server that is in doubt."""
    with pytest.raises((NotThere, Unreachable)):
        HOST.ask(address, port, b"?", timedelta(milliseconds=10))


def test_a_closed_port_says_so_at_once() -> None:
    """Nobody waits for a time limit when the system knows."""
    with socket.socket(type=socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(Unreachable):
        HOST.ask("127.0.0.1", port, b"?", PLENTY)


def test_a_question_too_long_for_a_datagram_is_refused() -> None:
    """It is our question that is wrong, not their server."""
    with pytest.raises(NotAllowed):
        HOST.ask("127.0.0.1", 9, b"x" * 70_000, PLENTY)


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    child = start(("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 300; done"), stdout_pipe=True)
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)


def started(pid: int) -> str:
    process = look_up(pid)
    assert process is not None
    return str(process.started)


def test_whoever_will_not_end_is_killed_after_the_grace(child: subprocess.Popen[bytes]) -> None:
    """A runaway that ignores the request still goes away."""
    assert HOST.end_process(child.pid, started(child.pid), timedelta(seconds=0.05))
    assert child.wait() == -signal.SIGKILL


def test_a_process_that_has_ended_and_waits_for_its_parent_is_gone(child: subprocess.Popen[bytes]) -> None:
    """A zombie runs nothing and holds nothing: there is nothing left to end."""
    start_ticks = started(child.pid)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert HOST.end_process(child.pid, start_ticks, NO_GRACE)


def test_the_machine_and_ourselves_are_not_ended() -> None:
    """Whatever a playbook says: process 1, the agent and what it runs under stay."""
    for pid in (1, os.getpid(), os.getppid()):
        with pytest.raises(NotAllowed):
            HOST.end_process(pid, started(pid), NO_GRACE)
    for pid in (0, -1, -os.getpgrp(), 2**40):
        with pytest.raises(NotThere):
            HOST.end_process(pid, "1", NO_GRACE)

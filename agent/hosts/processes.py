"""The one place that starts processes. Standard library only: the resident uses it.

Nothing goes through a shell, everything gets a session and a mark of its own, and a time limit ends the whole tree.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple, NoReturn

from agent.hosts.pipes import Kept, attend, close
from agent.hosts.process_tree import MARK, Seen, ancestors, bury, children, end, is_of, look_up, mark_of, new_mark

KEEP_BYTES = 256 * 1024
"""How much of each end of an output is kept."""
NO_GRACE = timedelta(0)
# What a command sees of our environment. Anything else (LD_PRELOAD, PYTHONPATH, BASH_ENV, a user's PATH …) could make a
# command of the system do something of its own when we are root.
PASSED_ON = (
    *("HOME", "LOGNAME", "USER", "TZ", "TMPDIR", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS"),
    *("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY"),
)
# The system's own folders first: on some systems more people than root may write to /usr/local.
OURS = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin", "LC_ALL": "C", "TERM": "dumb"}
_PR_SET_CHILD_SUBREAPER = 36


class CannotStart(Exception):
    """The command did not start. *is_there* tells a command that may not be run from one that does not exist."""

    def __init__(self, command: str, detail: str, *, is_there: bool) -> None:
        self.command = command
        self.detail = detail
        self.is_there = is_there
        super().__init__(f"{command}: {detail}")


class OutOfTime(Exception):
    """The time limit passed. *all_ended* is false when something of its tree could not be ended."""

    def __init__(self, command: str, limit: timedelta, last_words: str, *, all_ended: bool) -> None:
        self.command = command
        self.all_ended = all_ended
        self.detail = f"did not end within {limit.total_seconds():g} s"
        if not all_ended:
            self.detail += ", and some of what it started could not be ended"
        if last_words:
            self.detail += f"; its last words: {last_words}"
        super().__init__(f"{command}: {self.detail}")


class Ended(NamedTuple):
    """How a command went. *exit_code* is minus the signal's number for one that was killed."""

    exit_code: int
    stdout: bytes
    stderr: bytes
    took: timedelta
    cut_bytes: int


def run_to_end(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    time_limit: timedelta,
    keep_bytes: int = KEEP_BYTES,
) -> Ended:
    """Run a command to its end. `CannotStart` when it does not begin; `OutOfTime` after its whole tree was ended.

    It is over when the command itself has ended: a daemon it leaves behind lives on, without its output.
    """
    begun = time.monotonic()
    own = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    with _Adopting():
        tree, child = _begin(
            argv,
            {**own, **OURS, **(environment or {})},
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
        )
        out, err = Kept(keep_bytes), Kept(keep_bytes)
        in_time = all_ended = False
        try:
            in_time = attend(child, stdin, out, err, begun + time_limit.total_seconds())
        finally:
            # Also when we are interrupted: nothing that we started stays behind unattended.
            if not in_time:
                all_ended = _end(tree, NO_GRACE)
            for pipe in (child.stdin, child.stdout, child.stderr):
                close(pipe)
            child.poll()  # the sweep has seen it end
            _forget(tree)
            _bury_strays(tree)
    if not in_time:
        last_words = err.last_words() or out.last_words()
        raise OutOfTime(argv[0], time_limit, last_words, all_ended=all_ended)
    took = timedelta(seconds=time.monotonic() - begun)
    return Ended(child.returncode, out.whole(), err.whole(), took, out.cut_bytes + err.cut_bytes)


def start(  # noqa: PLR0913 - each is one way our own parts differ
    argv: Sequence[str],
    *,
    stdin_pipe: bool = False,
    stdout_pipe: bool = False,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stderr: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a part of our own that lives on; `end_tree` its ``pid`` when it is no longer wanted.

    It has our environment and what *environment* adds. Without a pipe its input is empty and its output is dropped;
    its errors go where ours go, or are added to the file *stderr*.
    """
    try:
        log = None if stderr is None else os.open(stderr, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(
            argv[0], f"its errors cannot be written to {stderr}: {error.strerror}", is_there=True
        ) from error
    try:
        _, child = _begin(
            argv,
            {**os.environ, **(environment or {})},
            stdin=subprocess.PIPE if stdin_pipe else subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout_pipe else subprocess.DEVNULL,
            stderr=log,
            cwd=None if cwd is None else str(cwd),
        )
    finally:
        if log is not None:
            os.close(log)
    return child


def become(argv: Sequence[str]) -> NoReturn:
    """Go on as another program, under the same process number. `CannotStart` when there is none."""
    try:
        os.execv(argv[0], tuple(argv))  # noqa: S606 - no shell is what we want
    except OSError as error:
        raise CannotStart(argv[0], error.strerror or str(error), is_there=False) from error


def end_tree(pid: int, grace: timedelta) -> bool:
    """End *pid* and all that came from it; return whether all of it is gone.

    *pid* alone is asked to end, and has *grace* for it; then whatever is left is killed. What `start` started is found
    even after *pid* itself has died. A child stays to be waited for by whoever holds its `Popen`.
    """
    if pid in ancestors():
        raise ValueError(f"process {pid} is ourselves, or what we run under")
    with _lock:
        tree = next((tree for tree in reversed(_trees) if tree.pid == pid), None)
    if tree is None:
        root = look_up(pid)
        tree = _Tree(_mark_that_began_at(root) if root else "", root)
    gone = _end(tree, grace)
    if gone:
        _forget(tree)
    return gone


class _Tree:
    """What was started together: its *mark*, and its *root* once that is known."""

    def __init__(self, mark: str, root: Seen | None = None) -> None:
        self.mark = mark
        self.root = root

    @property
    def pid(self) -> int:
        return self.root.pid if self.root else 0

    @property
    def is_up(self) -> bool:
        now = look_up(self.pid)
        return self.root is not None and now is not None and now.name == self.root.name and now.runs


# Every tree we started and were not told to forget. The lock is held while a process is being made, so that whoever
# holds it knows all our children by name.
_trees: list[_Tree] = []
_lock = threading.Lock()
_REMEMBER = 64


def _begin(  # noqa: PLR0913 - what Popen takes
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdin: int,
    stdout: int,
    stderr: int | None,
    cwd: str | None,
) -> "tuple[_Tree, subprocess.Popen[bytes]]":
    if not argv or not argv[0]:
        raise CannotStart("", "an empty command", is_there=False)
    tree = _Tree(new_mark())
    try:
        with _lock:
            child = subprocess.Popen(
                list(argv),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd,
                env={**environment, MARK: tree.mark},
                start_new_session=True,
                close_fds=True,
            )
            tree.root = look_up(child.pid)
            _trees.append(tree)
            # Those long dead go first; a crashed one is remembered for a while, for its leftovers.
            while len(_trees) > _REMEMBER and (dead := next((old for old in _trees if not old.is_up), None)):
                _trees.remove(dead)
    except ValueError as error:
        raise CannotStart(
            argv[0].replace("\0", "\\0"), f"its words cannot be passed on: {error}", is_there=True
        ) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        detail = "no such folder to start in" if error.filename == cwd and cwd else "no such command"
        raise CannotStart(argv[0], detail, is_there=False) from error
    except OSError as error:  # not permitted, no executable format, too many words, no room for a process
        raise CannotStart(argv[0], error.strerror or "it cannot be started", is_there=True) from error
    return tree, child


class _Adopting:
    """While a command runs, its orphans come to us instead of to init: the ones that shed their mark are found here."""

    _count = 0

    def __enter__(self) -> None:
        with _lock:
            _Adopting._count += 1
            if _Adopting._count == 1:
                _adopt_orphans(wanted=True)

    def __exit__(self, *_: object) -> None:
        with _lock:
            _Adopting._count -= 1
            if _Adopting._count == 0:
                _adopt_orphans(wanted=False)


def _adopt_orphans(*, wanted: bool) -> None:
    import ctypes  # noqa: PLC0415 - the resident, which runs no commands, does without it

    # Refused only by kernels before 3.4; the mark alone does most of the work.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)


def _end(tree: _Tree, grace: timedelta) -> bool:
    if tree.root is not None and grace == NO_GRACE and tree.is_up and tree in _trees:
        # At once and together: one by one, the first to die could be replaced by the others. The sweep finds out who is
        # left, and who is out of reach.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(tree.root.pid, signal.SIGKILL)
    with _lock:
        others = [other for other in _trees if other is not tree and other.is_up]
    # An orphan without a mark could be of any tree of ours: it is of this one only when there is no other.
    alone = tree in _trees and not others
    return end(tree.root, tree.mark, grace, _is_stray if alone else _is_nobody)


def _mark_that_began_at(root: Seen) -> str:
    mark = mark_of(root.pid)
    # A mark that it merely inherited also names those above it, and perhaps ourselves.
    inherited = mark in {mark_of(root.parent), ""} or is_of(os.environ.get(MARK, ""), mark)
    return "" if inherited else mark


def _is_stray(process: Seen) -> bool:
    """Return whether *process* is an orphan that came to us and carries no mark."""
    if process.parent != os.getpid() or process.session == os.getsid(0) or not process.runs:
        return False
    with _lock:
        known = {tree.pid for tree in _trees}
    now = look_up(process.pid)
    still = now is not None and now.name == process.name and now.parent == os.getpid()
    return still and process.pid not in known and not mark_of(process.pid)


def _is_nobody(_process: Seen) -> bool:
    return False


def _bury_strays(tree: _Tree) -> None:
    with _lock:
        known = {tree.pid for tree in _trees}
        for child in children():
            adopted = child.session != os.getsid(0) and tree.root is not None and child.started >= tree.root.started
            if adopted and not child.runs and child.pid not in known:
                bury(child.pid)


def _forget(tree: _Tree) -> None:
    with _lock:
        if tree in _trees:
            _trees.remove(tree)

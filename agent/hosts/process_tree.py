"""Who is whose on this machine, and how a whole tree of processes is ended.

A tree is more than parents and children: a daemon leaves its session, its group and its parent. So whatever we start
carries a mark in its environment, which its descendants inherit, however far they go. A process is of a tree when it
carries its mark, or descends from its root, or from one that was seen to. Standard library only: the resident uses it.
"""

import os
import select
import signal
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import NamedTuple

MARK = "FELDSHER_RUN"
# A process in uninterruptible sleep dies only when its disk answers: we say so instead of waiting for ever.
SWEEP_SECONDS = 5.0
ENOUGH_QUIET_LOOKS = 2
_ENDED = frozenset("ZX")


class Seen(NamedTuple):
    """One process. *pid* and *started* (clock ticks since boot) together name it for as long as the machine is up."""

    pid: int
    started: int
    parent: int
    session: int
    state: str

    @property
    def name(self) -> tuple[int, int]:
        """What cannot be confused with a later process of the same number."""
        return self.pid, self.started

    @property
    def runs(self) -> bool:
        """Whether it has not ended; a zombie has."""
        return self.state not in _ENDED


def look_up(pid: int) -> Seen | None:
    """Return the process *pid* as it is now; ``None`` when there is none."""
    content = _slurp(f"/proc/{pid}/stat")
    # The name stands in brackets and may itself hold spaces and brackets: the last one closes it.
    fields = content.rpartition(b")")[2].split()
    if len(fields) < 20:  # noqa: PLR2004 - proc(5): the start is field 22, the 20th after the name
        return None
    return Seen(pid, int(fields[19]), int(fields[1]), int(fields[3]), fields[0].decode())


def everybody() -> dict[int, Seen]:
    """Return every process there is."""
    found = (look_up(int(name)) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 - names, not paths
    return {process.pid: process for process in found if process is not None}


def ancestors() -> set[int]:
    """Return the numbers of this process and of all that it descends from."""
    line, pid = {1}, os.getpid()
    while pid not in line and pid > 0:
        line.add(pid)
        process = look_up(pid)
        pid = process.parent if process else 0
    return line


def mark_of(pid: int) -> str:
    """Return the mark that *pid* carries; empty when it carries none or we may not see."""
    for line in _slurp(f"/proc/{pid}/environ").split(b"\0"):
        name, _, value = line.partition(b"=")
        if name == MARK.encode():
            return value.decode(errors="replace")
    return ""


def new_mark() -> str:
    """Return a fresh mark that begins with our own, so that ending us ends what we started."""
    return ".".join(filter(None, (os.environ.get(MARK), os.urandom(8).hex())))


def is_of(mark: str, wanted: str) -> bool:
    """Return whether *mark* is *wanted* or one given out below it."""
    return mark == wanted or mark.startswith(wanted + ".")


def send(process: Seen, number: signal.Signals) -> bool:
    """Send a signal to exactly this process; return whether it was there. `PermissionError` passes through."""
    try:
        # The descriptor holds on to whoever has the number now; only then is it safe to ask who that is.
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    except OSError:  # a kernel before 5.3, or one that does not let us
        return _send_by_number(process, number)
    try:
        now = look_up(process.pid)
        if now is None or now.name != process.name:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def wait_until_gone(process: Seen, seconds: float) -> bool:
    """Return whether *process* ended within *seconds*."""
    deadline = time.monotonic() + seconds
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:  # gone already, or a kernel before 5.3
        while _runs_still(process) and time.monotonic() < deadline:
            time.sleep(0.02)
        return not _runs_still(process)
    try:
        if _runs_still(process):
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
    finally:
        os.close(descriptor)
    return not _runs_still(process)


def sweep(root: Seen | None, mark: str, is_stray: Callable[[Seen], bool]) -> bool:
    """Kill the tree of *root* and *mark*, and what *is_stray* calls ours too; return whether nothing of it runs.

    It looks again until two looks find nobody: a process that was just forking has a child the first look missed, and
    one that is just becoming another program shows no environment for a moment.
    """
    deadline = time.monotonic() + SWEEP_SECONDS
    spared = ancestors()
    since = root.started if root else 0
    known: set[tuple[int, int]] = {root.name} if root else set()
    out_of_reach: set[tuple[int, int]] = set()
    pause = 0.001
    quiet_looks = 0
    while True:
        members = _members(everybody().values(), known, mark, since, is_stray)
        known |= {member.name for member in members}
        left = [member for member in members if member.runs and member.pid not in spared]
        for member in members:
            # Orphans that came to us are ours to bury; the root is buried by whoever started it.
            if not member.runs and member.parent == os.getpid() and (root is None or member.pid != root.pid):
                bury(member.pid)
        within_reach = [member for member in left if member.name not in out_of_reach]
        quiet_looks = 0 if within_reach else quiet_looks + 1
        if quiet_looks == ENOUGH_QUIET_LOOKS or time.monotonic() > deadline:
            return not left
        for member in within_reach:
            try:
                send(member, signal.SIGKILL)
            except PermissionError:  # it runs as somebody else
                out_of_reach.add(member.name)
        time.sleep(pause)
        pause = min(pause * 2, 0.05)


def children() -> list[Seen]:
    """Return our own children, adopted ones too; empty on a kernel that does not list them."""
    try:
        threads = os.listdir("/proc/self/task")  # noqa: PTH208 - names, not paths
    except OSError:
        return []
    numbers = {int(number) for thread in threads for number in _slurp(f"/proc/self/task/{thread}/children").split()}
    return [process for process in map(look_up, numbers) if process is not None]


def bury(pid: int) -> None:
    """Take leave of an ended child, so that no zombie stays."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return


def end(root: Seen | None, mark: str, grace: timedelta, is_stray: Callable[[Seen], bool]) -> bool:
    """Ask *root* to end, wait for *grace*, then kill whatever is left of its tree; return whether all is gone."""
    if root is not None and root.runs and grace > timedelta(0):
        try:
            if send(root, signal.SIGTERM):
                wait_until_gone(root, grace.total_seconds())
        except PermissionError:
            return False
    return sweep(root, mark, is_stray)


def _members(
    processes: Iterable[Seen],
    known: set[tuple[int, int]],
    mark: str,
    since: int,
    is_stray: Callable[[Seen], bool],
) -> list[Seen]:
    below: dict[int, list[Seen]] = {}
    found: dict[int, Seen] = {}
    for process in processes:
        below.setdefault(process.parent, []).append(process)
        if process.name in known or (
            # Nobody in the tree is older than its root, and reading every environment of a big machine takes a while.
            process.started >= since and ((mark and is_of(mark_of(process.pid), mark)) or is_stray(process))
        ):
            found[process.pid] = process
    queue = list(found.values())
    while queue:
        for child in below.get(queue.pop().pid, ()):
            if child.pid not in found:
                found[child.pid] = child
                queue.append(child)
    return list(found.values())


def _runs_still(process: Seen) -> bool:
    now = look_up(process.pid)
    return now is not None and now.name == process.name and now.runs


def _send_by_number(process: Seen, number: signal.Signals) -> bool:
    if not _runs_still(process):
        return False
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def _slurp(path: str) -> bytes:
    # Of /proc alone. Whoever was there a moment ago may be gone, or not ours to see: that is nothing to report here.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        parts = []
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
        return b"".join(parts)
    except OSError:
        return b""
    finally:
        os.close(descriptor)

"""This machine, when it runs Linux."""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from signal import SIGKILL, SIGTERM

from agent.hosts import files_linux
from agent.hosts.base import HostError, NotAllowed, NotThere, Ran, Space, Stat, TooSlow
from agent.hosts.facts_linux import facts_from
from agent.hosts.paths import plain
from agent.hosts.process_tree import Seen, ancestors, look_up, send, wait_until_gone
from agent.hosts.processes import CannotStart, OutOfTime, run_to_end
from agent.hosts.refusals import answering_for
from contract.report import HostFacts

LARGEST_DATAGRAM_BYTES = 65_535
# Killed, a process is gone as soon as the kernel comes round to it; one that waits for a dead disk is not.
AFTER_KILL_SECONDS = 2.0


class LocalLinux:
    """The machine we run on."""

    @cached_property
    def facts(self) -> HostFacts:
        """What this machine says of itself."""
        return facts_from(
            self._read_first_of("/etc/os-release", "/usr/lib/os-release"),
            os.uname(),
            self._init(),
            os.environ,
            elevated=os.geteuid() == 0,
        )

    def now(self) -> datetime:
        """Return the system's clock."""
        return datetime.now(UTC)

    def wait(self, span: timedelta) -> None:
        """Sleep."""
        time.sleep(max(0.0, span.total_seconds()))

    def elapsed(self) -> float:
        """Return the seconds of a clock that only runs forward."""
        return time.monotonic()

    def read(self, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        """Return the start of a regular file."""
        with answering_for(plain(path)):
            return files_linux.read_start(path, limit_bytes)

    def list(self, path: str) -> Sequence[str]:
        """Return the names in a folder, sorted."""
        with answering_for(plain(path)):
            return sorted(os.listdir(path))  # noqa: PTH208 - names are wanted, not paths

    def stat(self, path: str) -> Stat:
        """Return what stands at *path*."""
        with answering_for(plain(path)):
            return files_linux.look_at(path)

    def link_target(self, path: str) -> str:
        """Return where a link points."""
        with answering_for(plain(path)):
            return os.readlink(path)  # noqa: PTH115 - as written; a Path would tidy it

    def space(self, path: str) -> Space:
        """Return the room on the filesystem of *path*. It waits for as long as that filesystem does not answer."""
        with answering_for(plain(path)):
            seen = os.statvfs(path)
        unit = seen.f_frsize
        return Space(
            seen.f_blocks * unit,
            seen.f_bfree * unit,
            seen.f_bavail * unit,
            inodes=seen.f_files,
            inodes_free=seen.f_ffree,
        )

    def folder_bytes(self, path: str, limit_entries: int = 200_000) -> int:
        """Return what the files below *path* take."""
        with answering_for(plain(path)):
            return files_linux.count_bytes(path, limit_entries)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        time_limit: timedelta = timedelta(seconds=10),
    ) -> Ran:
        """Run a command to its end."""
        try:
            ended = run_to_end(argv, stdin=stdin, environment=environment, time_limit=time_limit)
        except CannotStart as error:
            kind = NotAllowed if error.is_there else NotThere
            raise kind(error.command, error.detail) from error
        except OutOfTime as error:
            raise TooSlow(error.command, error.detail) from error
        return Ran(ended.exit_code, ended.stdout, ended.stderr, ended.took, ended.cut_bytes)

    def ask(self, address: str, port: int, payload: bytes, time_limit: timedelta) -> bytes:
        """Send one datagram and return the first answer. *address* is a number: no name is looked up."""
        subject = f"{address}:{port}"
        try:
            [(family, kind, number, _, where), *_] = socket.getaddrinfo(
                address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            )
        except (socket.gaierror, UnicodeError, ValueError, OverflowError) as error:
            raise NotThere(subject, "not an address") from error
        deadline = time.monotonic() + time_limit.total_seconds()
        with answering_for(subject), socket.socket(family, kind, number) as asking:
            try:
                # Connected: answers from elsewhere are not ours, and a closed port is told to us.
                asking.connect(where)
            except OverflowError as error:
                raise NotThere(subject, "not a port") from error
            asking.send(payload)
            # At least a moment: 0 would mean not to wait at all, and a missing answer would look like another error.
            asking.settimeout(max(0.001, deadline - time.monotonic()))
            return asking.recv(LARGEST_DATAGRAM_BYTES)

    def write(self, path: str, content: bytes, mode: int | None = None) -> None:
        """Replace or make a file. A full or read-only filesystem is `NotAllowed`, and says so."""
        with answering_for(plain(path)):
            files_linux.replace(path, content, mode)

    def remove(self, path: str) -> None:
        """Remove one file or link."""
        with answering_for(plain(path)):
            files_linux.unlink(path)

    def end_process(self, pid: int, started: str, grace: timedelta) -> bool:
        """End exactly one process. Ourselves and what we run under are `NotAllowed`."""
        subject = f"process {pid}"
        process = look_up(pid) if pid > 0 else None
        if process is None or str(process.started) != started:
            raise NotThere(subject, "it has ended already")
        if pid in ancestors():
            raise NotAllowed(subject, "the machine or this program stands on it")
        with answering_for(subject):
            return _end(process, grace.total_seconds())

    def _read_first_of(self, *paths: str) -> str:
        for path in paths:
            try:
                # Often a link, and then to the other one.
                return self.read(os.path.realpath(path)).decode(errors="replace")
            except HostError:
                continue
        return ""

    def _init(self) -> str:
        # https://www.freedesktop.org/software/systemd/man/latest/sd_booted.html
        try:
            self.stat("/run/systemd/system")
        except HostError:
            return self._read_first_of("/proc/1/comm").strip() or "none"
        return "systemd"


def _end(process: Seen, grace_seconds: float) -> bool:
    if not process.runs:
        return True
    if grace_seconds > 0 and (not send(process, SIGTERM) or wait_until_gone(process, grace_seconds)):
        return True
    return not send(process, SIGKILL) or wait_until_gone(process, AFTER_KILL_SECONDS)

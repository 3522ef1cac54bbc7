"""The door to a machine: what can be asked of it, and the four ways it can say no."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from contract.report import HostFacts

KEEP_BYTES = 256 * 1024
"""How much of each end of a command's output is kept; the middle beyond it is counted and cut."""


class HostError(Exception):
    """A machine said no. *subject* is what was asked for, *detail* is in words."""

    reason = "unreadable"

    def __init__(self, subject: str, detail: str = "") -> None:
        self.subject = subject
        self.detail = detail
        super().__init__(f"{subject}: {detail}" if detail else subject)


class NotThere(HostError):
    """Nothing here: no such file, command, service or capability."""

    reason = "not-there"


class NotAllowed(HostError):
    """It is here, but we may not."""

    reason = "not-allowed"


class TooSlow(HostError):
    """It did not answer within its time; whatever was started for it has been ended."""

    reason = "too-slow"


class Unreachable(HostError):
    """The machine, or the other end of a question, does not answer at all."""

    reason = "unreachable"


class FileKind(StrEnum):
    """What stands at a path; links are never followed to find out."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Stat:
    """One path. *mode* is the permission bits; *owner* and *group* are numbers as the system keeps them."""

    kind: FileKind
    size_bytes: int
    mode: int
    owner: int
    group: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Space:
    """One filesystem. *available_bytes* is what an ordinary user can still write; root's reserve is not in it."""

    total_bytes: int
    free_bytes: int
    available_bytes: int
    inodes: int
    inodes_free: int


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command went.

    Output is kept whole up to twice `KEEP_BYTES`, else head and tail with a line between that says how many bytes were
    cut. *cut_bytes* is 0 when nothing was.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    took: timedelta
    cut_bytes: int = 0

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are no UTF-8 come out escaped, never lost."""
        return self.stdout.decode("utf-8", errors="backslashreplace")

    @property
    def error_text(self) -> str:
        """Standard error as text, in the same way."""
        return self.stderr.decode("utf-8", errors="backslashreplace")


class Host(Protocol):
    """One machine. Every method may raise the four errors above, and nothing else that the machine causes.

    Paths are absolute. Nothing is ever passed through a shell. All time limits end the whole tree of what was started.
    """

    @property
    def facts(self) -> HostFacts:
        """What this machine says of itself; asked once and kept."""

    def now(self) -> datetime:
        """Return the machine's own clock, as aware UTC."""

    def wait(self, span: timedelta) -> None:
        """Let time pass at the machine, between two readings of the same counter."""

    def elapsed(self) -> float:
        """Return seconds on a clock that only runs forward; differences alone mean something."""

    def read(self, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        """Return the start of a regular file, at most *limit_bytes* of it. A link, device or pipe is `NotAllowed`.

        Files of ``/proc`` and ``/sys`` are regular here.
        """

    def list(self, path: str) -> Sequence[str]:
        """Return the names in a folder, sorted."""

    def stat(self, path: str) -> Stat:
        """Return what stands at *path* without following a link."""

    def link_target(self, path: str) -> str:
        """Return where the link at *path* points, as written."""

    def space(self, path: str) -> Space:
        """Return the room on the filesystem that holds *path*."""

    def folder_bytes(self, path: str, limit_entries: int = 200_000) -> int:
        """Return the bytes that the files below *path* take on its own filesystem; `TooSlow` beyond *limit_entries*."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        time_limit: timedelta = timedelta(seconds=10),
    ) -> Ran:
        """Run a command to its end and return how it went, whatever its exit code.

        The environment is the system's own with ``LC_ALL=C`` and what *environment* adds. `NotThere` when there is no
        such command; `TooSlow` when the limit passed, after its whole tree was ended.
        """

    def ask(self, address: str, port: int, payload: bytes, time_limit: timedelta) -> bytes:
        """Send one UDP datagram and return the first answer from the same address."""

    def write(self, path: str, content: bytes, mode: int | None = None) -> None:
        """Replace or make a file so that a power cut leaves the old or the new, never a half.

        An existing file keeps its owner and, unless *mode* is given, its mode. A link at *path* is `NotAllowed`.
        """

    def remove(self, path: str) -> None:
        """Remove one file or link; `NotThere` when there is none."""

    def end_process(self, pid: int, started: str, grace: timedelta) -> bool:
        """Ask process *pid* to end, and make it end after *grace*; return whether it is gone.

        *started* is its start as the processes probe told it: another process under a reused number is left alone, and
        is reported as `NotThere`.
        """

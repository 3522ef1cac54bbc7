"""A machine that is recorded while it is looked at, and the folder that `Recorded` opens later.

Every question goes on to the machine, and what it answered or refused is kept. Whoever asks the same again within one
reading is told what was told first: two probes that read one file a moment apart would else see two machines, and the
recording could only be one of them. The second reading begins, for each thread by itself, with its first ``wait``.
"""

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Generic, NamedTuple, TypeVar

from agent.hosts.base import Host, HostError, NotAllowed, Ran, Space, Stat, TooSlow
from agent.hosts.paths import plain
from agent.hosts.recorded import echoing, without_chance
from contract.report import HostFacts

T = TypeVar("T")
K = TypeVar("K")
_IS_SNTP = re.compile(rb"\x23\0{39}.{8}", re.DOTALL)


class At(NamedTuple):
    """A path at one of the two readings."""

    path: str
    later: bool


class Command(NamedTuple):
    """A command at one of the two readings."""

    argv: tuple[str, ...]
    later: bool
    stdin: bytes
    environment: frozenset[tuple[str, str]]


class Datagram(NamedTuple):
    """A question over the network at one of the two readings; *payload* has zeros where *chance* says it was random."""

    address: str
    port: int
    payload: bytes
    chance: tuple[tuple[int, int], ...]
    later: bool


@dataclass(frozen=True, slots=True)
class Part:
    """The start of a file, as far as it was asked for."""

    content: bytes
    limit_bytes: int

    @property
    def may_go_on(self) -> bool:
        """Whether the file may be longer than what was read of it."""
        return len(self.content) >= self.limit_bytes


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What came of something that takes time."""

    answer: T | HostError
    took_seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer over the network, and what of the question it repeats."""

    answer: bytes
    echo: tuple[tuple[int, int, int], ...]


class Unanswered(TooSlow):
    """Asked, and not answered yet: if that stays so, it is what the recording says."""


class Answers:
    """All that was told, by what was asked."""

    def __init__(self) -> None:
        self.files: dict[At, Part | HostError] = {}
        self.folders: dict[At, tuple[str, ...] | HostError] = {}
        self.links: dict[At, str | HostError] = {}
        self.stats: dict[At, Stat | HostError] = {}
        self.spaces: dict[At, Space | HostError] = {}
        self.folder_bytes: dict[At, int | HostError] = {}
        self.runs: dict[Command, Outcome[Ran] | HostError] = {}
        self.asks: dict[Datagram, Outcome[Heard] | HostError] = {}


class _Thread(threading.local):
    """How far one thread is: *counted_seconds* is what a recording will say has passed for it."""

    later = False
    counted_seconds = 0.0


class Recording:
    """A host that passes every question on to *host* and keeps what was answered. Nothing is changed through it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._thread = _Thread()
        self._answers = Answers()
        self._began = host.now()
        self._begun_seconds = host.elapsed()
        self._waited_seconds: float | None = None
        self._read_at: dict[str, float] = {}
        self._apart: list[float] = []
        self._asked_at: datetime | None = None

    @property
    def facts(self) -> HostFacts:
        """What the machine says of itself."""
        return self._host.facts

    @property
    def began(self) -> datetime:
        """The machine's clock when a recording begins for whoever asks for the time over the network.

        A recording counts no time for what is read from files, so this is a moment after the true beginning.
        """
        return self._asked_at or self._began

    @property
    def between_seconds(self) -> float | None:
        """How far the two readings were apart, going by the files that were read at both; ``None`` without a second."""
        with self._lock:
            return round(median(self._apart), 6) if self._apart else self._waited_seconds

    def answers(self) -> Answers:
        """Return what was told up to now; what is answered from here on is not in it."""
        told = Answers()
        with self._lock:
            for name, kept in vars(self._answers).items():
                getattr(told, name).update(kept)
        return told

    def now(self) -> datetime:
        """Return the machine's clock."""
        return self._host.now()

    def wait(self, span: timedelta) -> None:
        """Wait; what this thread asks from here on belongs to the second reading."""
        self._host.wait(span)
        if self._waited_seconds is None:
            self._waited_seconds = round(self._host.elapsed() - self._begun_seconds, 6)
        self._thread.later = True

    def elapsed(self) -> float:
        """Return the machine's seconds."""
        return self._host.elapsed()

    def read(self, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        """Read, and keep it."""
        at = self._at(path)
        with self._lock:
            known = self._answers.files.get(at)
            if isinstance(known, Part) and known.limit_bytes < limit_bytes and known.may_go_on:
                del self._answers.files[at]  # more is wanted than was read
        part = self._once(self._answers.files, at, path, lambda: self._read(path, limit_bytes))
        return part.content[:limit_bytes]

    def list(self, path: str) -> Sequence[str]:
        """List, and keep the names."""

        def names() -> tuple[str, ...]:
            return tuple(self._host.list(path))

        told = self._once(self._answers.folders, self._at(path), path, names)
        return list(told)

    def stat(self, path: str) -> Stat:
        """Keep what stands at a path."""
        return self._once(self._answers.stats, self._at(path), path, lambda: self._host.stat(path))

    def link_target(self, path: str) -> str:
        """Keep where a link points."""
        return self._once(self._answers.links, self._at(path), path, lambda: self._host.link_target(path))

    def space(self, path: str) -> Space:
        """Keep the room."""
        return self._once(self._answers.spaces, self._at(path), path, lambda: self._host.space(path))

    def folder_bytes(self, path: str, limit_entries: int = 200_000) -> int:
        """Keep the sum."""
        return self._once(
            self._answers.folder_bytes, self._at(path), path, lambda: self._host.folder_bytes(path, limit_entries)
        )

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        time_limit: timedelta = timedelta(seconds=10),
    ) -> Ran:
        """Run, and keep how it went."""
        command = Command(tuple(argv), self._thread.later, stdin, frozenset((environment or {}).items()))

        def run() -> Outcome[Ran]:
            begun = self._host.elapsed()
            try:
                ran = self._host.run(argv, stdin=stdin, environment=environment, time_limit=time_limit)
            except HostError as error:
                return Outcome(error, round(self._host.elapsed() - begun, 6))
            return Outcome(ran, ran.took.total_seconds())

        return self._came_of(self._once(self._answers.runs, command, (*argv, "")[0], run))

    def ask(self, address: str, port: int, payload: bytes, time_limit: timedelta) -> bytes:
        """Ask, and keep the answer, and which part of it repeats the question's random number."""
        chance, echo = _repeats(payload)
        datagram = Datagram(address, port, without_chance(payload, chance), chance, self._thread.later)

        def ask() -> Outcome[Heard]:
            self._keep_the_time()
            begun = self._host.elapsed()
            heard: Heard | HostError
            try:
                answer = self._host.ask(address, port, payload, time_limit)
                # An answer to somebody else's question stays one when it is asked again.
                is_echo = echoing(answer, echo, payload) == answer
                heard = Heard(echoing(answer, echo, datagram.payload), echo) if is_echo else Heard(answer, ())
            except HostError as error:
                heard = error
            return Outcome(heard, round(self._host.elapsed() - begun, 6))

        heard = self._came_of(self._once(self._answers.asks, datagram, f"{address}:{port}", ask))
        return echoing(heard.answer, heard.echo, payload)

    def write(self, path: str, content: bytes, mode: int | None = None) -> None:  # noqa: ARG002 - refused whatever it is
        """Refuse: a recording is of a machine as it was."""
        raise _no_change(path)

    def remove(self, path: str) -> None:
        """Refuse."""
        raise _no_change(path)

    def end_process(self, pid: int, started: str, grace: timedelta) -> bool:  # noqa: ARG002 - refused whatever it is
        """Refuse."""
        raise _no_change(f"process {pid}")

    def _at(self, path: str) -> At:
        return At(plain(path), self._thread.later)

    def _read(self, path: str, limit_bytes: int) -> Part:
        part = Part(self._host.read(path, limit_bytes), limit_bytes)
        seconds = self._host.elapsed()
        with self._lock:
            if not self._thread.later:
                self._read_at.setdefault(path, seconds)
            elif path in self._read_at:
                self._apart.append(seconds - self._read_at[path])
        return part

    def _keep_the_time(self) -> None:
        with self._lock:
            if self._asked_at is None and not self._thread.later:
                self._asked_at = self._host.now() - timedelta(seconds=self._thread.counted_seconds)

    def _once(self, kept: dict[K, T | HostError], asked: K, subject: str, ask: Callable[[], T]) -> T:
        """Return what *kept* holds for *asked*; else *ask*, keep it and return it. Nobody waits for anybody here."""
        with self._lock:
            known = kept.setdefault(asked, Unanswered(subject, "it had not answered when this was written down"))
        if isinstance(known, Unanswered):
            told: T | HostError
            try:
                told = ask()
            except HostError as error:
                told = error
            with self._lock:
                known = kept.get(asked, told)
                if isinstance(known, Unanswered):
                    known = kept[asked] = told
        if isinstance(known, HostError):
            raise type(known)(known.subject, known.detail) from known
        return known

    def _came_of(self, outcome: Outcome[T]) -> T:
        self._thread.counted_seconds += outcome.took_seconds
        if isinstance(outcome.answer, HostError):
            raise type(outcome.answer)(outcome.answer.subject, outcome.answer.detail) from outcome.answer
        return outcome.answer


def _repeats(payload: bytes) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int, int], ...]]:
    """Return where *payload* holds a random number, and where an answer repeats it."""
    if _IS_SNTP.fullmatch(payload):
        return ((40, 8),), ((40, 24, 8),)  # RFC 4330: the transmit timestamp comes back as the originate timestamp
    return ((0, 2),), ((0, 0, 2),)  # RFC 1035: the message's ID


def _no_change(subject: str) -> NotAllowed:
    return NotAllowed(subject, "nothing is changed while a recording is made")

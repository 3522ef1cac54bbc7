"""A machine as it was: a test capture, or a bundle a customer sent. It answers from a folder and cannot be changed.

The folder holds (only the first two must be there; whatever was not captured is `NotThere`):

``facts.json``
    `HostFacts`: ``{"name", "os", "family", "version", "kernel", "init", "arch", "elevated", "language"}``.
``clock.json``
    ``{"now": "2025-03-01T12:00:00Z", "between_seconds": 0.61}``. *now* is when the capture began.
    *between_seconds*, if given, is how far the two readings truly were apart: the first ``wait`` takes that long,
    whatever it was asked for. ``elapsed`` starts at 0 and moves with ``wait`` and every *took_seconds* below. Each
    thread has both to itself: probes that look side by side cannot spoil each other's times and readings.
``files/<absolute path>``
    What ``read`` returns, byte for byte: ``files/proc/loadavg``.
``later/<absolute path>``
    The same files as they were at the second reading: used, where present, after the first ``wait``.
``folders.json``
    ``{"/proc": ["1", "42"]}``: what ``list`` returns, where it is not simply the names under ``files`` (and ``later``).
    ``[]`` is how an empty folder is written.
``links.json``
    ``{"/etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf"}``. A link in the folder itself is never followed.
    Reading *through* a link is captured as the file that was reached; ``read`` of the link itself is `NotAllowed`.
``stats.json``
    ``{"/var/log/wtmp": {"kind": "file", "size_bytes": 1, "mode": 436, "owner": 0, "group": 43, "modified": "…Z"}}``.
``spaces.json``
    ``{"/": {"total_bytes", "free_bytes", "available_bytes", "inodes", "inodes_free"}}`` by the path asked about.
``folder_bytes.json``
    ``{"/var/cache/apt/archives": 104857600}``.
``later.json``
    ``{"folders": {}, "links": {}, "stats": {}, "spaces": {}, "folder_bytes": {}}``: what the five above became after
    the first ``wait``, where it differs.
``runs.json``
    ``[{"argv": ["df", "-P"], "exit_code": 0, "stdout": "…", "stderr": "…", "took_seconds": 0.01, "cut_bytes": 0}]``.
    Only *argv* must be there. Output that is long or no UTF-8 stands in a file of its own: ``"stdout_file":
    "runs/df.txt"``, and *stderr_file*. ``"refused": "too-slow"`` (or another reason, with ``"detail"``) instead of an
    outcome.
    ``"later": true`` marks the answer given after the first ``wait``, where it differs.
``asks.json``
    ``[{"address": "10.0.0.1", "port": 53, "answer_hex": "…", "took_seconds": 0.004}]``, or *refused* and *detail*.
    ``"echo": [[0, 0, 2]]`` copies ``payload[0:2]`` over ``answer[0:2]`` (from, to, length): an answer repeats the
    number its question was given. ``"question_hex": "…"`` answers this question alone, whatever stands in the places
    ``"chance": [[0, 2]]`` (from, length) where a question holds a random number. *later* as above.
``refusals.json``
    ``[{"path": "/proc/42", "reason": "not-there", "detail": "", "later": true}]``: whatever is asked of this path, or
    of anything below it, ends so; with *later*, only after the first ``wait`` (a process that was gone by then). A
    name refused as ``not-there`` does not appear in its folder either. With ``"of": "list"`` (or another question)
    it stands for that question about that path alone, and until the next reading has an answer.
``redacted.json``
    ``[{"kind": "user name", "count": 3}]``: what was replaced before anything of this was written.

A path, name or word that is no UTF-8 is written as ``hex:/`` and its bytes: ``"hex:/2f6d6e742fff"``.
"""

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Annotated, Literal, NoReturn, TypeVar

import msgspec
from msgspec import Meta, Struct

from agent.hosts.base import HostError, NotAllowed, NotThere, Ran, Space, Stat, TooSlow, Unreachable
from agent.hosts.paths import plain
from contract.errors import FeldsherError
from contract.report import HostFacts, Redacted

T = TypeVar("T")
Reason = Literal["not-there", "not-allowed", "too-slow", "unreachable"]
REFUSALS: dict[Reason, type[HostError]] = {
    "not-there": NotThere,
    "not-allowed": NotAllowed,
    "too-slow": TooSlow,
    "unreachable": Unreachable,
}
Question = Literal["read", "list", "stat", "link", "space", "folder_bytes"]
Seconds = Annotated[float, Meta(ge=0, le=366 * 86400)]
Hex = Annotated[str, Meta(pattern="^([0-9a-fA-F]{2})*$")]
# A bundle comes from a stranger: no file of it is taken whole beyond this.
LARGEST_BYTES = 64 * 1024 * 1024
# No path begins so, and no name in a folder can hold it.
_IN_BYTES = "hex:/"


class Clock(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """``clock.json``."""

    now: Annotated[datetime, Meta(tz=True)]
    between_seconds: Seconds | None = None


class Refusal(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of ``refusals.json``."""

    path: str
    reason: Reason
    detail: str = ""
    later: bool = False
    of: Question | None = None


class Run(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of ``runs.json``."""

    argv: tuple[str, ...]
    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""
    stdout_file: str = ""
    stderr_file: str = ""
    took_seconds: Seconds = 0.0
    cut_bytes: int = 0
    refused: Reason | None = None
    detail: str = ""
    later: bool = False


class Ask(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of ``asks.json``."""

    address: str
    port: int
    answer_hex: Hex = ""
    echo: tuple[tuple[int, int, int], ...] = ()
    question_hex: Hex = ""
    chance: tuple[tuple[int, int], ...] = ()
    took_seconds: Seconds = 0.0
    refused: Reason | None = None
    detail: str = ""
    later: bool = False

    def is_about(self, payload: bytes) -> bool:
        """Tell whether this is the answer to the question *payload*."""
        return not self.question_hex or bytes.fromhex(self.question_hex) == without_chance(payload, self.chance)


class Tables(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What was told of paths at one reading; also ``later.json``."""

    folders: dict[str, tuple[str, ...]] = {}
    links: dict[str, str] = {}
    stats: dict[str, Stat] = {}
    spaces: dict[str, Space] = {}
    folder_bytes: dict[str, int] = {}


class _Moment(threading.local):
    """How far one thread is."""

    elapsed_seconds = 0.0
    later = False


class Recorded:
    """The machine captured in *folder*. Opening a folder that is no capture is `FeldsherError` ``bundle``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._facts = self._load("facts.json", HostFacts)
        self._clock = self._load("clock.json", Clock)
        first = Tables(
            self._load("folders.json", dict[str, tuple[str, ...]], {}),
            self._load("links.json", dict[str, str], {}),
            self._load("stats.json", dict[str, Stat], {}),
            self._load("spaces.json", dict[str, Space], {}),
            self._load("folder_bytes.json", dict[str, int], {}),
        )
        self._first = _unspelled(first)
        self._second = _unspelled(self._load("later.json", Tables, Tables()))
        self._runs = self._load("runs.json", tuple[Run, ...], ())
        self._asks = self._load("asks.json", tuple[Ask, ...], ())
        refusals = self._load("refusals.json", tuple[Refusal, ...], ())
        self._wide = [(unspelled(line.path), line) for line in refusals if line.of is None]
        self._narrow = {(line.of, unspelled(line.path), line.later): line for line in refusals}
        self._redacted = self._load("redacted.json", tuple[Redacted, ...], ())
        self._moment = _Moment()

    @property
    def facts(self) -> HostFacts:
        """What the machine said of itself."""
        return self._facts

    @property
    def redacted(self) -> tuple[Redacted, ...]:
        """What was replaced before this was written."""
        return self._redacted

    def now(self) -> datetime:
        """Return the captured clock, moved on by what has elapsed."""
        return self._clock.now + timedelta(seconds=self._moment.elapsed_seconds)

    def wait(self, span: timedelta) -> None:
        """Go on to the second reading; nobody sleeps."""
        between = None if self._moment.later else self._clock.between_seconds
        self._moment.elapsed_seconds += span.total_seconds() if between is None else between
        self._moment.later = True

    def elapsed(self) -> float:
        """Return the seconds that the capture says have passed."""
        return self._moment.elapsed_seconds

    def read(self, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        """Return what was captured of a file."""
        self._check("read", path, is_told_later=self._inside("later" + path) is not None)
        if any(path in tables.links for tables in self._readings()):
            raise NotAllowed(path, "a link")
        for layer in self._layers():
            content = self._captured(layer + path, path, limit_bytes)
            if content is not None:
                return content
        raise NotThere(path, "not captured")

    def list(self, path: str) -> Sequence[str]:
        """Return the captured names in a folder."""
        self._check("list", path, is_told_later=path in self._second.folders)
        for tables in self._readings():
            if path in tables.folders:
                names = set(tables.folders[path])
                break
        else:
            below = self._names_below(path)
            if below is None:
                raise NotThere(path, "not captured")
            names = below
        stem = path.rstrip("/") + "/"
        gone = {hidden for hidden, line in self._wide if line.reason == "not-there" and self._counts(line)}
        return sorted(name for name in names if stem + name not in gone)

    def stat(self, path: str) -> Stat:
        """Return what stood at *path*."""
        self._check("stat", path, is_told_later=path in self._second.stats)
        return _kept(path, *(tables.stats for tables in self._readings()))

    def link_target(self, path: str) -> str:
        """Return where the link pointed."""
        self._check("link", path, is_told_later=path in self._second.links)
        return _kept(path, *(tables.links for tables in self._readings()))

    def space(self, path: str) -> Space:
        """Return the room that was."""
        self._check("space", path, is_told_later=path in self._second.spaces)
        return _kept(path, *(tables.spaces for tables in self._readings()))

    def folder_bytes(self, path: str, limit_entries: int = 200_000) -> int:  # noqa: ARG002 - the limit was met or not when it was captured
        """Return the bytes that were counted."""
        self._check("folder_bytes", path, is_told_later=path in self._second.folder_bytes)
        return _kept(path, *(tables.folder_bytes for tables in self._readings()))

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",  # noqa: ARG002 - a recording answers by the words of the command alone
        environment: Mapping[str, str] | None = None,  # noqa: ARG002 - the same
        time_limit: timedelta = timedelta(seconds=10),  # noqa: ARG002 - its slowness is recorded
    ) -> Ran:
        """Return how the command went when it was captured."""
        words = tuple(argv)
        if not words:
            raise NotThere("", "an empty command")
        runs = [run for run in self._runs if tuple(map(unspelled, run.argv)) == words and self._counts(run)]
        if not runs:
            raise NotThere(words[0], "not captured: " + " ".join(words))
        run = max(runs, key=lambda run: run.later)
        self._moment.elapsed_seconds += run.took_seconds
        if run.refused is not None:
            raise REFUSALS[run.refused](words[0], run.detail)
        stdout = self._output(words[0], run.stdout, run.stdout_file)
        stderr = self._output(words[0], run.stderr, run.stderr_file)
        return Ran(run.exit_code, stdout, stderr, timedelta(seconds=run.took_seconds), run.cut_bytes)

    def ask(self, address: str, port: int, payload: bytes, time_limit: timedelta) -> bytes:  # noqa: ARG002 - its slowness is recorded
        """Return the captured answer, with what it repeats of the question."""
        subject = f"{address}:{port}"
        asks = [ask for ask in self._asks if (ask.address, ask.port) == (address, port)]
        asks = [ask for ask in asks if self._counts(ask) and ask.is_about(payload)]
        if not asks:
            raise NotThere(subject, "not captured")
        ask = max(asks, key=lambda ask: (ask.later, bool(ask.question_hex)))
        self._moment.elapsed_seconds += ask.took_seconds
        if ask.refused is not None:
            raise REFUSALS[ask.refused](subject, ask.detail)
        return echoing(bytes.fromhex(ask.answer_hex), ask.echo, payload)

    def write(self, path: str, content: bytes, mode: int | None = None) -> None:  # noqa: ARG002 - refused whatever it is
        """Refuse."""
        _refuse_change(path)

    def remove(self, path: str) -> None:
        """Refuse."""
        _refuse_change(path)

    def end_process(self, pid: int, started: str, grace: timedelta) -> bool:  # noqa: ARG002 - refused whatever it is
        """Refuse."""
        _refuse_change(f"process {pid}")

    def _layers(self) -> tuple[str, ...]:
        return ("later", "files") if self._moment.later else ("files",)

    def _readings(self) -> tuple[Tables, ...]:
        return (self._second, self._first) if self._moment.later else (self._first,)

    def _counts(self, line: Refusal | Run | Ask) -> bool:
        return self._moment.later or not line.later

    def _check(self, question: Question, path: str, *, is_told_later: bool) -> None:
        plain(path)
        for refused, line in self._wide:
            below = path == refused or path.startswith(refused.rstrip("/") + "/")
            if below and self._counts(line):
                raise REFUSALS[line.reason](path, line.detail)
        narrow = None
        if self._moment.later:
            narrow = self._narrow.get((question, path, True))
        if narrow is None and not (self._moment.later and is_told_later):
            narrow = self._narrow.get((question, path, False))
        if narrow is not None:
            raise REFUSALS[narrow.reason](path, narrow.detail)

    def _output(self, command: str, text: str, file: str) -> bytes:
        if not file:
            return text.encode()
        captured = self._captured(file, command, LARGEST_BYTES)
        if captured is None:
            raise NotThere(command, f"its output {file} is missing from the capture")
        return captured

    def _names_below(self, path: str) -> set[str] | None:
        stem = path.rstrip("/") + "/"
        links = {link for tables in self._readings() for link in tables.links}
        names = {link.removeprefix(stem).split("/")[0] for link in links if link.startswith(stem)}
        found = bool(names)
        for layer in self._layers():
            here = self._inside(layer + path)
            if here is not None and here.is_dir():
                found = True
                names |= set(os.listdir(here))  # noqa: PTH208 - names are wanted, not paths
        return names if found else None

    def _inside(self, name: str) -> Path | None:
        # A bundle may hold links or .. that lead to the technician's own files: what resolves elsewhere is not in it.
        here = self._folder / name
        try:
            return here if here == here.resolve(strict=True) and here.is_relative_to(self._folder) else None
        except (OSError, ValueError):  # not there, a loop of links, a name too long or with a NUL
            return None

    def _captured(self, name: str, subject: str, limit_bytes: int) -> bytes | None:
        here = self._inside(name)
        if here is None:
            return None
        try:
            mode = here.lstat().st_mode
            if S_ISDIR(mode):
                raise NotAllowed(subject, "a folder")
            if not S_ISREG(mode):
                raise NotAllowed(subject, "not a regular file")
            with here.open("rb") as file:
                return file.read(min(limit_bytes, LARGEST_BYTES))
        except OSError as error:
            raise NotAllowed(subject, f"the capture cannot be read: {error.strerror}") from error

    def _load(self, name: str, kind: type[T], otherwise: T | None = None) -> T:
        try:
            content = self._captured(name, name, LARGEST_BYTES)
        except NotAllowed as error:
            raise FeldsherError("bundle", f"{name}: {error.detail}", where=str(self._folder)) from error
        if content is None:
            if otherwise is None:
                raise FeldsherError("bundle", f"{name} is missing", where=str(self._folder))
            return otherwise
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FeldsherError("bundle", f"{name}: {error}", where=str(self._folder)) from error


def spelled(text: str) -> str:
    """Return *text* as JSON can hold it: in bytes where it is no UTF-8."""
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # the word of a command that no system could run
        return ascii(text)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return _IN_BYTES + raw.hex()
    return _IN_BYTES + raw.hex() if text.startswith(_IN_BYTES) else text


def unspelled(text: str) -> str:
    """Return what `spelled` was given."""
    if not text.startswith(_IN_BYTES):
        return text
    try:
        return bytes.fromhex(text.removeprefix(_IN_BYTES)).decode("utf-8", "surrogateescape")
    except ValueError:  # a stranger's: it means itself
        return text


def without_chance(payload: bytes, places: Iterable[tuple[int, int]]) -> bytes:
    """Return *payload* with zeros where it holds random numbers: *places* are (from, length)."""
    kept = bytearray(payload)
    for start, length in places:
        part = kept[max(0, start) : max(0, start + length)]
        kept[max(0, start) : max(0, start + length)] = bytes(len(part))
    return bytes(kept)


def echoing(answer: bytes, echo: Iterable[tuple[int, int, int]], payload: bytes) -> bytes:
    """Return *answer* with what it repeats of *payload*: *echo* are (from, to, length)."""
    repeated = bytearray(answer)
    for start, to, length in echo:
        repeated[to : to + length] = payload[start : start + length]
    return bytes(repeated)


def _unspelled(tables: Tables) -> Tables:
    return Tables(
        {unspelled(path): tuple(map(unspelled, names)) for path, names in tables.folders.items()},
        {unspelled(path): unspelled(target) for path, target in tables.links.items()},
        {unspelled(path): stat for path, stat in tables.stats.items()},
        {unspelled(path): space for path, space in tables.spaces.items()},
        {unspelled(path): size for path, size in tables.folder_bytes.items()},
    )


def _kept(path: str, *readings: Mapping[str, T]) -> T:
    for kept in readings:
        if path in kept:
            return kept[path]
    raise NotThere(path, "not captured")


def _refuse_change(subject: str) -> NoReturn:
    raise NotAllowed(subject, "a recording cannot be changed")

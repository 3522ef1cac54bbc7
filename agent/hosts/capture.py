"""Writes what a `Recording` kept as a folder that `Recorded` opens; nothing is written before it was scrubbed."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import msgspec

from agent.hosts.base import HostError, Ran
from agent.hosts.recorded import REFUSALS, Ask, Clock, Question, Reason, Refusal, Run, Tables, spelled
from agent.hosts.recording import Answers, At, Command, Datagram, Heard, Outcome, Recording
from agent.hosts.whole_folder import write_whole
from agent.scrub import Scrubber
from contract.errors import FeldsherError
from contract.readable import printable
from contract.report import HostFacts, Redacted

T = TypeVar("T")
V = TypeVar("V")
_LONGEST_IN_LINE = 4000
# PATH_MAX is 4096 on Linux, and the folder stands somewhere itself.
_LONGEST_PATH_BYTES = 3000
# A shorter one is a word that means other things too.
_SHORTEST_NAME = 4
_NAME = re.compile(r"[^\W_][\w.-]{0,252}")
_NO_NAMES = frozenset({"localhost", "debian", "ubuntu", "linux"})


@dataclass(frozen=True, slots=True)
class Kept:
    """What was written, counted: *refusals* are the questions that the machine answered with no."""

    files: int
    commands: int
    asked: int
    refusals: int
    size_bytes: int
    hidden: tuple[Redacted, ...]


def write_capture(recording: Recording, folder: Path, *, called: str = "", secrets: Iterable[str] = ()) -> Kept:
    """Write *recording* into the new *folder*, whole or not at all, and return what was kept.

    Secrets, people's names and mail addresses are replaced as in a report (`agent.scrub`), *secrets* by value too.
    With *called*, the machine goes by that name in it. Raises ``file-exists``, ``storage-full``,
    ``state-not-writable``, or ``usage`` for such a name.
    """
    refuse_name(called)
    cleaner = _Cleaner(recording.facts, called, secrets)
    capture = _Capture(recording.answers(), cleaner)
    plain = {
        "clock": Clock(recording.began, recording.between_seconds),
        **capture.tables(),
        "runs": capture.runs,
        "asks": capture.asks,
        "refusals": capture.refusals,
    }
    facts = cleaner.facts(recording.facts)
    plain["redacted"] = cleaner.redacted
    contents = dict(capture.files)
    contents |= {f"{name}.json": _as_json(value) for name, value in plain.items() if value}
    # The last of all: without it, this is no capture, however much of it is there.
    contents["facts.json"] = _as_json(facts)
    unanswered = [*(run.refused for run in capture.runs), *(ask.refused for ask in capture.asks)]
    return Kept(
        files=sum(name.startswith(("files/", "later/")) for name in capture.files),
        commands=len(capture.runs),
        asked=len(capture.asks),
        refusals=len(capture.refusals) + sum(reason is not None for reason in unanswered),
        size_bytes=write_whole(folder, contents),
        hidden=cleaner.redacted,
    )


def refuse_name(called: str) -> None:
    """Raise ``usage`` if no machine can be called so; empty is its own name."""
    # It will stand in paths, where a slash or two dots would lead out of the folder.
    if called and not _NAME.fullmatch(called):
        raise FeldsherError("usage", "no machine can be called so", where=printable(called[:40]))


class _Cleaner:
    """Takes out what must not be written, the same way wherever it stands: a mount in a table and in a path."""

    def __init__(self, facts: HostFacts, called: str, secrets: Iterable[str]) -> None:
        self._scrubber = Scrubber(secrets)
        self._called = called
        self._renamed = 0
        self._own: re.Pattern[str] | None = None
        if called and called != facts.name and len(facts.name) >= _SHORTEST_NAME and facts.name not in _NO_NAMES:
            self._own = re.compile(rf"(?<![\w-]){re.escape(facts.name)}(?![\w-])")

    @property
    def redacted(self) -> tuple[Redacted, ...]:
        renamed = (Redacted("name of the machine", self._renamed),) if self._renamed else ()
        return (*self._scrubber.redacted, *renamed)

    def text(self, text: str) -> str:
        text = self._scrubber.text(text)
        if self._own is None:
            return text
        text, renamed = self._own.subn(lambda _: self._called, text)
        self._renamed += renamed
        return text

    def content(self, content: bytes) -> bytes:
        return self.text(content.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")

    def words(self, text: str) -> str:
        """Return a sentence for people; what no file can hold is written out."""
        return self.text(text.encode("utf-8", "backslashreplace").decode())

    def name(self, folder: str, name: str) -> str:
        """Return a name in *folder*: below /home it is somebody's, elsewhere a word."""
        stem = self.text(folder).rstrip("/") + "/"
        whole = self.text(folder.rstrip("/") + "/" + name)
        inside = whole.removeprefix(stem)
        return inside if whole.startswith(stem) and "/" not in inside else self.text(name)

    def facts(self, facts: HostFacts) -> HostFacts:
        clean = msgspec.convert(self._scrubber.everything(msgspec.to_builtins(facts)), HostFacts)
        return msgspec.structs.replace(clean, name=self._called) if self._called else clean


class _Capture:
    """The lines and files of a capture."""

    def __init__(self, answers: Answers, cleaner: _Cleaner) -> None:
        self._answers = answers
        self._clean = cleaner
        self.files: dict[str, bytes] = {}
        self.refusals: list[Refusal] = []
        self.runs: list[Run] = []
        self.asks: list[Ask] = []
        self._above: set[str] = set()
        self._keep_files()
        for number, (command, outcome) in enumerate(_first_reading_first(answers.runs, _command_later), start=1):
            self.runs.append(self._run(number, command, outcome))
        for datagram, heard in _first_reading_first(answers.asks, _datagram_later):
            self.asks.append(self._ask(datagram, heard))

    def tables(self) -> dict[str, Any]:
        """Return the tables of the first reading by their names, and what differs at the second as ``later``."""
        tables = Tables(), Tables()
        for at, names in self._told("list", self._answers.folders):
            path, later = self._path(at.path), at.later
            inside = {spelled(self._clean.name(at.path, name)) for name in names}
            _keep(tables[0].folders, tables[1].folders, path, tuple(sorted(inside)), later=later)
        for at, target in self._told("link", self._answers.links):
            # What a relative link leads to may be somebody's home only when it is seen from where it stands.
            clean = spelled(self._clean.text(target))
            _keep(tables[0].links, tables[1].links, self._path(at.path), clean, later=at.later)
        for at, stat in self._told("stat", self._answers.stats):
            _keep(tables[0].stats, tables[1].stats, self._path(at.path), stat, later=at.later)
        for at, space in self._told("space", self._answers.spaces):
            _keep(tables[0].spaces, tables[1].spaces, self._path(at.path), space, later=at.later)
        for at, size in self._told("folder_bytes", self._answers.folder_bytes):
            _keep(tables[0].folder_bytes, tables[1].folder_bytes, self._path(at.path), size, later=at.later)
        first = {name: getattr(tables[0], name) for name in tables[0].__struct_fields__}
        return {**first, "later": tables[1] if tables[1] != Tables() else None}

    def _keep_files(self) -> None:
        for at, part in self._told("read", self._answers.files):
            path, content = self._clean.text(at.path), self._clean.content(part.content)
            if at.later and self.files.get("files" + path) == content:
                continue
            name = ("later" if at.later else "files") + path
            if len(path.encode("utf-8", "surrogateescape")) > _LONGEST_PATH_BYTES or self._clashes(name):
                self.refusals.append(
                    Refusal(spelled(path), "not-there", "it could not be kept under its name", at.later, "read")
                )
                continue
            self.files[name] = content

    def _clashes(self, name: str) -> bool:
        # A file that gave way to a folder of its name while we looked: a capture holds one of them.
        above = set(map(str, PurePosixPath(name).parents))
        if name in self._above or not above.isdisjoint(self.files):
            return True
        self._above |= above
        return False

    def _told(self, question: Question, kept: Mapping[At, T | HostError]) -> Iterator[tuple[At, T]]:
        for at, told in _first_reading_first(kept, lambda at: at.later):
            if isinstance(told, HostError):
                detail = self._clean.words(told.detail)
                self.refusals.append(Refusal(self._path(at.path), _reason(told), detail, at.later, question))
            else:
                yield at, told

    def _path(self, path: str) -> str:
        return spelled(self._clean.text(path))

    def _run(self, number: int, command: Command, outcome: Outcome[Ran] | HostError) -> Run:
        argv = tuple(spelled(self._clean.text(word)) for word in command.argv)
        if isinstance(outcome, HostError):
            return Run(argv, refused=_reason(outcome), detail=self._clean.words(outcome.detail), later=command.later)
        ran, took = outcome.answer, outcome.took_seconds
        if isinstance(ran, HostError):
            detail = self._clean.words(ran.detail)
            return Run(argv, took_seconds=took, refused=_reason(ran), detail=detail, later=command.later)
        # Somebody will look for it by its name.
        called = re.sub(r"[^A-Za-z0-9._-]", "", argv[0].rpartition("/")[2])[:40]
        stdout, stdout_file = self._output(ran.stdout, f"runs/{number}-{called}.txt")
        stderr, stderr_file = self._output(ran.stderr, f"runs/{number}-{called}-errors.txt")
        return Run(
            argv,
            exit_code=ran.exit_code,
            stdout=stdout,
            stderr=stderr,
            stdout_file=stdout_file,
            stderr_file=stderr_file,
            took_seconds=took,
            cut_bytes=ran.cut_bytes,
            later=command.later,
        )

    def _output(self, content: bytes, file: str) -> tuple[str, str]:
        clean = self._clean.content(content)
        try:
            if len(clean) <= _LONGEST_IN_LINE:
                return clean.decode(), ""
        except UnicodeDecodeError:
            pass
        self.files[file] = clean
        return "", file

    def _ask(self, datagram: Datagram, outcome: Outcome[Heard] | HostError) -> Ask:
        heard, took = (outcome, 0.0) if isinstance(outcome, HostError) else (outcome.answer, outcome.took_seconds)
        ask = Ask(
            self._clean.text(datagram.address),
            datagram.port,
            question_hex=self._clean.content(datagram.payload).hex(),
            chance=datagram.chance,
            took_seconds=took,
            later=datagram.later,
        )
        if isinstance(heard, HostError):
            detail = self._clean.words(heard.detail)
            return msgspec.structs.replace(ask, refused=_reason(heard), detail=detail)
        answer = self._clean.content(heard.answer).hex()
        return msgspec.structs.replace(ask, answer_hex=answer, echo=heard.echo)


def _keep(first: dict[str, V], second: dict[str, V], path: str, told: V, *, later: bool) -> None:
    if not later:
        first[path] = told
    elif path not in first or first[path] != told:
        second[path] = told


def _first_reading_first(kept: Mapping[T, V], is_later: Callable[[T], bool]) -> Sequence[tuple[T, V]]:
    return sorted(kept.items(), key=lambda told: is_later(told[0]))


def _command_later(command: Command) -> bool:
    return command.later


def _datagram_later(datagram: Datagram) -> bool:
    return datagram.later


def _reason(error: HostError) -> Reason:
    reasons: tuple[Reason, ...] = tuple(REFUSALS)
    return next((reason for reason in reasons if reason == error.reason), "not-allowed")


def _as_json(value: Any) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value, order="sorted"), indent=1) + b"\n"

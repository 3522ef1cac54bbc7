"""The folder of one repair: a journal that only grows, what undo needs, and what was printed. All of it flushed.

The journal's lines are the only state. Nothing is kept in memory that they do not say, so that a repair cut short at
any moment is taken up again by reading them.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from contract.errors import FeldsherError
from contract.finding import Finding
from contract.sample import Sample

KEEP_OUTPUT_BYTES = 8 * 1024 * 1024
_CUT = "\n… the rest was cut here: more than 8 MiB\n"


class Kind(StrEnum):
    """What a line is about."""

    BEGAN = "began"
    RESUMED = "resumed"  # a new process took the repair up again
    INTENT = "intent"  # on disk before anything is touched
    RESULT = "result"  # on disk after
    STOP = "stop"  # somebody asked to take it back


class Outcome(StrEnum):
    """How a move came out. *unknown* is never taken for *yes*."""

    YES = "yes"  # it holds, it was done, the rules are silent
    NO = "no"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"  # the step does not concern this machine
    REFUSED = "refused"  # surely nothing was touched


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. *number* counts from 1 without a gap. *move* and *step* name what the engine asked for."""

    number: int
    at: datetime
    kind: Kind
    move: str = ""
    step: str = ""
    outcome: Outcome | None = None
    reason: str = ""
    detail: str = ""
    did: tuple[str, ...] = ()
    output: str = ""
    samples: tuple[Sample, ...] = ()
    findings: tuple[Finding, ...] = ()
    cannot_tell: tuple[str, ...] = ()


class RunFolder:
    """What one repair keeps on disk. Every method that writes returns only when it is flushed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._journal = path / "journal.jsonl"
        self._saved = path / "saved"
        self._evidence = path / "evidence.json"

    def lines(self) -> list[Line]:
        """Return every line that was written whole.

        The last one may have been torn by a power cut: then it was never written, and is taken out of the file. Damage
        anywhere else is `FeldsherError` ``state-damaged``.
        """
        try:
            content = self._journal.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return []
        rows = content.split(b"\n")
        # What follows the last line feed was not flushed whole, even if it happens to read well.
        whole = rows[:-1]
        lines: list[Line] = []
        for number, row in enumerate(whole, start=1):
            line = _decoded(row, number)
            if line is not None:
                lines.append(line)
            elif number < len(whole):
                raise FeldsherError(
                    "state-damaged",
                    f"line {number} of the journal cannot be read",
                    where=str(self._journal),
                    remedy="a person must look at the machine; the folder keeps what undo would need",
                )
        kept_bytes = sum(len(row) + 1 for row in whole[: len(lines)])
        if kept_bytes < len(content):
            _cut_to(self._journal, kept_bytes)
        return lines

    def append(self, line: Line) -> None:
        """Write one line and flush it; the folder too, when it is the first."""
        with _told_apart(self._journal):
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            first = not self._journal.exists()
            with self._journal.open("ab") as journal:
                journal.write(msgspec.json.encode(line) + b"\n")
                journal.flush()
                os.fsync(journal.fileno())
            if first:
                _flush_folder(self.path)
                _flush_folder(self.path.parent)

    def save(self, key: str, before: Any) -> None:
        """Keep what undo needs under *key*, replacing what was there."""
        self._write(self._saved / f"{key}.json", msgspec.json.encode(before))

    def saved(self, key: str) -> Any:
        """Return what `save` kept under *key*; ``None`` when it kept nothing."""
        try:
            return msgspec.json.decode((self._saved / f"{key}.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except msgspec.DecodeError as error:
            raise FeldsherError("state-damaged", f"what undo needs cannot be read: {error}", where=key) from None

    def keep_output(self, key: str, text: str) -> None:
        """Keep what a step printed, up to 8 MiB; it says where it was cut."""
        content = text.encode(errors="backslashreplace")
        if len(content) > KEEP_OUTPUT_BYTES:
            content = content[:KEEP_OUTPUT_BYTES] + _CUT.encode()
        self._write(self.path / "output" / f"{key}.txt", content)

    def keep_playbook(self, content: bytes) -> None:
        """Keep the playbook's exact bytes: a newer library must not change a repair that is under way."""
        self._write(self.path / "playbook.yaml", content)

    def playbook(self) -> bytes | None:
        """Return the bytes that `keep_playbook` kept."""
        try:
            return (self.path / "playbook.yaml").read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def finish(self, evidence: bytes) -> None:
        """Write the evidence; the repair is over once it stands here."""
        self._write(self._evidence, evidence)

    def evidence(self) -> bytes | None:
        """Return the evidence of a finished repair, the same bytes for ever; ``None`` while it is not over."""
        try:
            return self._evidence.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _write(self, path: Path, content: bytes) -> None:
        with _told_apart(path):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            temporary = path.with_name(path.name + ".new")
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _flush_folder(path.parent)
            _flush_folder(self.path)


class Journal:
    """The lines of one repair so far, and the pen that adds to them."""

    def __init__(self, run: RunFolder, clock: Callable[[], datetime]) -> None:
        self.lines = run.lines()
        self._run = run
        self._clock = clock

    def write(  # noqa: PLR0913 - the fields of a line
        self,
        kind: Kind,
        *,
        move: str = "",
        step: str = "",
        outcome: Outcome | None = None,
        reason: str = "",
        detail: str = "",
        did: tuple[str, ...] = (),
        output: str = "",
        samples: tuple[Sample, ...] = (),
        findings: tuple[Finding, ...] = (),
        cannot_tell: tuple[str, ...] = (),
    ) -> None:
        """Add one line; return only when it is flushed."""
        line = Line(
            number=len(self.lines) + 1,
            at=self._clock(),
            kind=kind,
            move=move,
            step=step,
            outcome=outcome,
            reason=reason,
            detail=detail,
            did=did,
            output=output,
            samples=samples,
            findings=findings,
            cannot_tell=cannot_tell,
        )
        self._run.append(line)
        self.lines.append(line)


@contextmanager
def _told_apart(path: Path) -> Iterator[None]:
    """Turn what the disk says into an error of ours: no room, or not ours to write."""
    try:
        yield
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        slug, remedy = ("storage-full", "make room") if full else ("state-not-writable", "let the agent write there")
        raise FeldsherError(
            slug, f"the repair cannot be written down: {error.strerror}", where=str(path), remedy=remedy
        ) from None


def _decoded(row: bytes, number: int) -> Line | None:
    try:
        line = msgspec.json.decode(row, type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return line if line.number == number else None


def _cut_to(path: Path, length: int) -> None:
    with path.open("r+b") as file:
        file.truncate(length)
        os.fsync(file.fileno())


def _flush_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

"""A person's call for help: what it carries, item by item, and how it leaves or stays on this machine."""

import errno
import json
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from agent import words
from agent.probes.base import Probe
from contract.errors import FeldsherError
from contract.exchange import Plea
from contract.readable import count_bytes
from contract.report import Report
from contract.sample import Privacy
from contract.text import Language, Text

BUNDLE_LIMIT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Carried:
    """One item of what would be sent: its title, its size on the wire, and whom it speaks about."""

    title: Text
    size_bytes: int
    privacy: Privacy


@dataclass(frozen=True, slots=True)
class Handed:
    """How a handing-over went: *ticket* is empty while the collector has not answered yet."""

    ticket: str


def carried(plea: Plea, probes: Sequence[Probe]) -> Iterator[Carried]:
    """Yield everything *plea* carries; the sizes add up to the whole but for brackets and commas."""
    report = plea.report
    said = plea.words.encode() + plea.complaint.encode()
    yield Carried(words.ITEM_WORDS, len(said), Privacy.PERSONAL)
    yield Carried(words.ITEM_HOST, _size(report.host), Privacy.MACHINE)
    yield Carried(words.ITEM_FINDINGS, _size(report.findings) + _size(report.cannot_tell), Privacy.MACHINE)
    for probe in probes:
        classes = {quantity.name: quantity.privacy for quantity in probe.gives}
        seen = [sample for sample in report.samples if sample.name in classes]
        if seen:
            title = words.PROBES.get(probe.name, Text(probe.name, probe.name))
            worst = max((classes[sample.name] for sample in seen), key=list(Privacy).index)
            yield Carried(words.measurements(title), _size(seen), worst)
    yield Carried(words.ITEM_REST, _size(report.not_seen), Privacy.MACHINE)


def as_list(plea: Plea, probes: Sequence[Probe], language: Language) -> str:
    """Return what would be sent as lines for a terminal."""
    items = list(carried(plea, probes))
    column = max(len(item.title.in_language(language)) for item in items) + 2
    lines = [words.WOULD_SEND.in_language(language)]
    lines += [
        f"  {item.title.in_language(language):<{column}}{count_bytes(item.size_bytes, language):>10}"
        f"   {words.PRIVACY[item.privacy.value].in_language(language)}"
        for item in items
    ]
    hidden = sum(redacted.count for redacted in plea.report.redacted)
    lines.append(words.HIDDEN.filled({"count": str(hidden)}).in_language(language))
    return "\n".join(lines) + "\n"


def make_plea(report: Report, said: str, at: datetime) -> Plea:
    """Return the call for help that carries *report* and the person's own words."""
    return Plea(at=at, complaint=report.complaint, words=said, report=report)


def hand_over(plea: Plea, door: Path, patience: timedelta) -> Handed | None:
    """Give *plea* to the agent that lives on this machine; ``None`` when none at *door* takes it.

    When this returns, the agent has the plea on its disk. A ticket number comes if the collector answers in time.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(patience.total_seconds())
            line.connect(str(door))
            line.sendall(b'{"plea": ' + msgspec.json.encode(plea) + b"}\n")
            saved = False
            with line.makefile("rb") as answers:
                for answer in answers:
                    said = json.loads(answer)
                    saved = saved or "saved" in said
                    if "ticket" in said:
                        return Handed(str(said["ticket"]))
                    if "error" in said:
                        return None
    except TimeoutError:
        return Handed("") if saved else None
    except OSError:
        return None
    except ValueError as error:
        raise FeldsherError(
            "unexpected-answer", "the agent on this machine answered no JSON", where=str(door)
        ) from error
    return Handed("") if saved else None


def keep_bundle(plea: Plea, folder: Path) -> Path:
    """Write *plea* into a new file in *folder* that only this person can read, and return where.

    The file is on disk when this returns. Raises `FeldsherError` ``storage-full`` or ``state-not-writable``.
    """
    path = folder / f"feldsher-{plea.at:%Y%m%d-%H%M%S}-{os.urandom(2).hex()}.json"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # O_EXCL and no-follow: a file that waits under this name is somebody else's.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(plea), indent=1))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        slug = "storage-full" if error.errno == errno.ENOSPC else "state-not-writable"
        raise FeldsherError(
            slug,
            "the bundle could not be kept",
            where=str(path),
            remedy="make room there, or name another folder with --keep",
        ) from error
    return path


def open_bundle(path: Path) -> Plea:
    """Return the plea kept in *path*. Raises `FeldsherError` ``bundle`` when it is not one of ours."""
    try:
        with path.open("rb") as file:
            content = file.read(BUNDLE_LIMIT_BYTES + 1)
    except OSError as error:
        raise FeldsherError("bundle", f"the file cannot be opened: {error.strerror}", where=str(path)) from error
    if len(content) > BUNDLE_LIMIT_BYTES:
        raise FeldsherError("bundle", "the file is larger than any bundle of ours", where=str(path))
    try:
        return msgspec.json.decode(content, type=Plea)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise FeldsherError("bundle", f"this is not a bundle of ours: {error}", where=str(path)) from error


def _size(part: object) -> int:
    return len(msgspec.json.encode(part))

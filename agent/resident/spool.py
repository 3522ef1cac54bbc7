"""What waits on disk to be sent: one file per item, flushed before anybody is told that it is kept.

A file holds exactly the item as it goes over the wire; its name holds its turn, the checksum of its bytes and its id,
so that nothing is ever parsed here and a damaged file is told from a good one.

Class 0 is never dropped, class 1 is refused when there is no room for it, class 2 goes oldest first, with a gap record.
"""

import errno
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from agent.resident.durable import NEW, flush_folder, make_folder, write_durably
from contract.errors import FeldsherError

CLASSES = (0, 1, 2)
URGENT = (0, 1)
"""Classes that do not wait for the next exchange."""
QUOTAS_BYTES = {1: 128 * 1024 * 1024, 2: 64 * 1024 * 1024}
KEEP_FREE_BYTES = 512 * 1024 * 1024
KEEP_FREE_RATIO = 0.05
_BLOCK_BYTES = 4096
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,119}")
_NAME = re.compile(r"(?P<turn>[0-9]{12})-(?P<sum>[0-9a-f]{8})-(?P<id>" + _ID.pattern + r")\.json")
_HEAD = re.compile(rb'\{"id":"[^"]+","kind":"(?P<kind>[a-z]+)","at":"(?P<at>[^"]+)","body":')
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Waiting(NamedTuple):
    """One item in the spool. *content* is its whole JSON."""

    id: str
    urgency: int
    content: bytes


class Room(NamedTuple):
    """What the disk below the spool has."""

    total_bytes: int
    free_bytes: int


class Loss(NamedTuple):
    """What was dropped of one kind and is not yet sent as a gap. *first* and *last* are the items' own times."""

    id: str
    items: int
    first: str
    last: str


def is_safe_id(text: object) -> bool:
    """Whether *text* can be the id of an item or an order, and part of a file's name."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def instant(at: datetime) -> str:
    """Return *at* as it is written on the wire."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def item_content(item_id: str, kind: str, at: str, body: bytes) -> bytes:
    """Return one item as it goes over the wire. *body* must be JSON; it is not looked at."""
    return b'{"id":"%b","kind":"%b","at":"%b","body":%b}' % (item_id.encode(), kind.encode(), at.encode(), body)


def room_at(folder: Path) -> Room:
    """Return the room on the disk that holds *folder*, as an ordinary user has it."""
    disk = os.statvfs(folder)
    return Room(disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize)


class Spool:
    """The items of one agent. It belongs to one process; another one may look at it at any time."""

    def __init__(
        self,
        folder: Path,
        *,
        now: Callable[[], datetime],
        quotas_bytes: dict[int, int] | None = None,
        room: Callable[[Path], Room] = room_at,
    ) -> None:
        self._folder = folder
        self._now = now
        self._quotas = {**QUOTAS_BYTES, **(quotas_bytes or {})}
        self._room = room
        self._losses: dict[str, Loss] = {}
        self._kept_losses: dict[str, tuple[Path, int]] = {}
        self._stale = False
        self._bytes = dict.fromkeys(CLASSES, 0)
        self._count = dict.fromkeys(CLASSES, 0)
        self._turn = 0
        for urgency in CLASSES:
            make_folder(self._of(urgency))
            self._take_stock(urgency)

    @property
    def counts(self) -> dict[int, int]:
        """How many items wait, by class."""
        return dict(self._count)

    @property
    def has_urgent(self) -> bool:
        """Whether something waits that must not wait for the next exchange."""
        return any(self._count[urgency] for urgency in URGENT)

    def put(self, item_id: str, kind: str, at: datetime, body: bytes, urgency: int) -> None:
        """Keep one item; it is on disk when this returns. An id that is kept already stays as it is.

        Class 2 may be dropped instead, and is then counted in a gap. Raises `FeldsherError` ``storage-full`` for the
        others when there is no room, ``state-not-writable`` when the disk refuses to write at all.
        """
        if not is_safe_id(item_id):
            raise FeldsherError("schema", f"not an id: {item_id!r}")
        if self._find(item_id, urgency) is not None:
            return
        content = item_content(item_id, kind, instant(at), body)
        if urgency in URGENT and self._bytes[urgency] + _on_disk(len(content)) > self._quotas.get(urgency, 1 << 62):
            raise _full(self._folder)
        with _disk(self._folder):
            if urgency in URGENT:
                self._write_at_any_cost(urgency, item_id, content)
            elif not self._write_if_room(urgency, item_id, content):
                self._note_loss(kind, instant(at))
            # A gap needs room too: one more item goes for it, and is counted in it.
            while not self._keep_losses() and self._drop_oldest():
                pass

    def batch(self, limit_bytes: int, limit_items: int = 1000) -> list[Waiting]:
        """Return what to send next, the most urgent and oldest first; always one item, however large.

        A damaged file is set aside in ``damaged``, and the rest goes on.
        """
        batch: list[Waiting] = []
        size = 0
        with _disk(self._folder):
            for urgency, path in self._in_turn():
                if len(batch) >= limit_items or size >= limit_bytes:
                    break
                waiting = self._read(path, urgency)
                if waiting is None:
                    continue
                if batch and size + len(waiting.content) > limit_bytes:
                    break
                batch.append(waiting)
                size += len(waiting.content)
        return batch

    def mark_offered(self, ids: Iterable[str]) -> None:
        """Remember that *ids* are about to be sent: a gap that may have been read must not grow any more."""
        offered = set(ids)
        for kind, loss in list(self._losses.items()):
            if loss.id in offered and kind in self._kept_losses:
                untold = loss.items - self._kept_losses.pop(kind)[1]
                del self._losses[kind]
                if untold:
                    self._losses[kind] = loss._replace(id=_gap_id(kind), items=untold)

    def remove(self, ids: Iterable[str]) -> None:
        """Forget what the other side has on its disk."""
        gone = set(ids)
        with _disk(self._folder):
            for urgency, path in self._in_turn():
                if _id_of(path) in gone:
                    self._drop(path, urgency)

    def set_aside(self, item_id: str, slug: str, detail: str) -> None:
        """Move an item that will never be taken into ``refused``, with the reason beside it."""
        reason = json.dumps({"at": instant(self._now()), "slug": slug, "detail": detail[:2000]}).encode()
        with _disk(self._folder):
            for urgency, path in self._in_turn():
                if _id_of(path) == item_id:
                    self._move(path, urgency, "refused")
                    write_durably(self._folder / "refused" / f"{path.stem}.reason", reason)

    def aside(self) -> dict[str, int]:
        """Return how many items were refused, and how many damaged."""
        return {
            name: sum(1 for _ in _ours(self._folder / name)) if (self._folder / name).is_dir() else 0
            for name in ("refused", "damaged")
        }

    # How it is done

    def _of(self, urgency: int) -> Path:
        return self._folder / str(urgency)

    def _paths(self, urgency: int) -> list[Path]:
        return sorted(_ours(self._of(urgency)))

    def _in_turn(self) -> Iterator[tuple[int, Path]]:
        """Yield everything that waits, the most urgent and oldest first."""
        for urgency in CLASSES:
            if self._count[urgency]:
                for path in self._paths(urgency):
                    yield urgency, path

    def _find(self, item_id: str, urgency: int) -> Path | None:
        if not self._count[urgency]:
            return None
        return next((path for path in _ours(self._of(urgency)) if _id_of(path) == item_id), None)

    def _take_stock(self, urgency: int) -> None:
        """Count what an earlier run left, and clear away what it did not finish."""
        for leftover in self._of(urgency).glob(f"{NEW}*"):
            leftover.unlink(missing_ok=True)
        newest: dict[str, Path] = {}
        for path in self._paths(urgency):
            older = newest.get(_id_of(path))
            if older is not None:
                # A power cut fell between a gap's new file and the removal of its old one.
                older.unlink()
            newest[_id_of(path)] = path
            self._turn = max(self._turn, int(path.name[:12]))
        self._count[urgency] = len(newest)
        self._bytes[urgency] = sum(_on_disk(path.stat().st_size) for path in newest.values())

    def _read(self, path: Path, urgency: int) -> Waiting | None:
        try:
            content = path.read_bytes()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            content = b""
        if f"{crc32(content):08x}" != path.name[13:21]:
            self._move(path, urgency, "damaged")
            return None
        return Waiting(_id_of(path), urgency, content)

    def _write(self, urgency: int, item_id: str, content: bytes) -> Path:
        path = self._of(urgency) / f"{self._turn + 1:012d}-{crc32(content):08x}-{item_id}.json"
        write_durably(path, content)
        self._turn += 1
        self._count[urgency] += 1
        self._bytes[urgency] += _on_disk(len(content))
        return path

    def _write_at_any_cost(self, urgency: int, item_id: str, content: bytes) -> None:
        while True:
            try:
                self._write(urgency, item_id, content)
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                if not self._drop_oldest():
                    raise _full(self._folder) from error
            else:
                return

    def _write_if_room(self, urgency: int, item_id: str, content: bytes) -> bool:
        while self._is_tight(urgency, len(content)):
            if not self._drop_oldest():
                return False
        try:
            self._write(urgency, item_id, content)
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            return False
        return True

    def _is_tight(self, urgency: int, size_bytes: int) -> bool:
        if self._bytes[urgency] + _on_disk(size_bytes) > self._quotas[urgency]:
            return True
        room = self._room(self._folder)
        return room.free_bytes - _on_disk(size_bytes) < max(KEEP_FREE_BYTES, KEEP_FREE_RATIO * room.total_bytes)

    def _drop_oldest(self) -> bool:
        """Drop the oldest item of class 2 and note the loss; say whether there was one."""
        path = next(iter(self._paths(CLASSES[-1])), None)
        if path is None:
            return False
        with path.open("rb") as file:
            head = _HEAD.match(file.read(400))
        kind, at = (head["kind"].decode(), head["at"].decode()) if head else ("vitals", instant(self._now()))
        self._note_loss(kind, at)
        # The gap goes first where it can: a loss told twice is better than one that is not told.
        self._keep_losses()
        self._drop(path, CLASSES[-1])
        return True

    def _note_loss(self, kind: str, at: str) -> None:
        known = self._losses.get(kind)
        if known is None:
            self._losses[kind] = Loss(_gap_id(kind), 1, at, at)
        else:
            self._losses[kind] = known._replace(
                items=known.items + 1, first=min(known.first, at), last=max(known.last, at)
            )
        self._stale = True

    def _keep_losses(self) -> bool:
        """Write what was lost as gap items of class 0; return whether it is all on disk."""
        if not self._stale:
            return True
        for kind, loss in self._losses.items():
            at = instant(self._now())
            body = {"at": at, "kind": kind, "count": loss.items, "first": loss.first, "last": loss.last}
            content = item_content(loss.id, "gap", at, json.dumps(body | {"reason": "no room"}).encode())
            old = self._kept_losses.get(kind)
            try:
                self._kept_losses[kind] = (self._write(0, loss.id, content), loss.items)
            except OSError:
                return False
            if old is not None:
                self._drop(old[0], 0)
        self._stale = False
        return True

    def _drop(self, path: Path, urgency: int) -> None:
        size_bytes = path.stat().st_size
        path.unlink()
        self._forget(urgency, size_bytes)

    def _move(self, path: Path, urgency: int, name: str) -> None:
        size_bytes = path.stat().st_size
        make_folder(self._folder / name)
        path.rename(self._folder / name / path.name)
        flush_folder(self._folder / name)
        self._forget(urgency, size_bytes)

    def _forget(self, urgency: int, size_bytes: int) -> None:
        self._count[urgency] -= 1
        self._bytes[urgency] -= _on_disk(size_bytes)


def _ours(folder: Path) -> Iterator[Path]:
    # Whatever else lies there is not ours, and stays.
    with os.scandir(folder) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                yield Path(entry.path)


def _id_of(path: Path) -> str:
    return path.name[22:-5]


def _gap_id(kind: str) -> str:
    return f"gap-{kind}-{os.urandom(8).hex()}"


def _on_disk(size_bytes: int) -> int:
    return -(-size_bytes // _BLOCK_BYTES) * _BLOCK_BYTES


@contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Turn what a disk says into an error of ours."""
    try:
        yield
    except OSError as error:
        raise FeldsherError(
            "storage-full" if error.errno in _NO_ROOM else "state-not-writable",
            f"the spool cannot be used: {error.strerror}",
            where=str(folder),
        ) from error


def _full(folder: Path) -> FeldsherError:
    return FeldsherError(
        "storage-full", "there is no room to keep this safely", where=str(folder), remedy="free some disk space"
    )

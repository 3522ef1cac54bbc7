"""The door on this machine: a socket where any of its users may ask for help, or how the agent is.

Whoever comes is a stranger: what they say is bounded, checked, and written out anew; and nobody waits behind anybody.
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from contract.errors import FeldsherError

PLEA_LIMIT_BYTES = 2 * 1024 * 1024
VISITORS_LIMIT = 16
SPEAK_SECONDS = 10.0
TICKET_SECONDS = 20.0
_PLEA = {"at": str, "complaint": str, "words": str, "report": dict}


class Said(NamedTuple):
    """What a visitor asked: a plea as JSON to pass on and its time, or just how things are."""

    plea: bytes = b""
    at: datetime | None = None


class Visitor:
    """One connection at the door."""

    def __init__(self, line: socket.socket, until: float) -> None:
        self.line = line
        self.until = until
        self.heard = bytearray()
        self.plea_id = ""

    def fileno(self) -> int:
        """Return what the loop waits on."""
        return self.line.fileno()

    def tell(self, answer: dict[str, Any]) -> bool:
        """Write one line; a visitor who does not read it is let go."""
        content = json.dumps(answer).encode() + b"\n"
        try:
            return self.line.send(content) == len(content)
        except OSError:
            return False


class Door:
    """The socket at *path*. *keep* puts a plea on disk and returns its id; *status* says how we are."""

    def __init__(
        self, path: Path, keep: Callable[[bytes, datetime], str], status: Callable[[], dict[str, Any]]
    ) -> None:
        self.visitors: list[Visitor] = []
        self._path = path
        self._keep = keep
        self._status = status
        path.unlink(missing_ok=True)
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        with _short(path) as name:
            self.line.bind(name)
        path.chmod(0o666)
        self.line.listen(VISITORS_LIMIT)

    def wakes_at(self) -> float:
        """Return when `turn` must be called even if nobody comes."""
        return min((visitor.until for visitor in self.visitors), default=float("inf"))

    def turn(self, now: float) -> None:
        """Let go of those whose time is up; who waits for a ticket is told that it will come."""
        for visitor in [visitor for visitor in self.visitors if now >= visitor.until]:
            visitor.tell({"waiting": True} if visitor.plea_id else _error("timeout", "you said nothing for too long"))
            self._dismiss(visitor)

    def welcome(self, now: float) -> None:
        """Take in whoever knocks."""
        while True:
            try:
                line, _ = self.line.accept()
            except BlockingIOError:
                return
            except OSError:
                # No file handles left, or they went away again: the rest of the agent goes on.
                return
            line.settimeout(0)
            visitor = Visitor(line, now + SPEAK_SECONDS)
            self.visitors.append(visitor)
            if len(self.visitors) > VISITORS_LIMIT:
                visitor.tell(_error("busy", "too many are asking at once; try again"))
                self._dismiss(visitor)

    def listen(self, visitor: Visitor, now: float) -> None:
        """Take what *visitor* says, and answer when it is whole."""
        try:
            more = visitor.line.recv(256 * 1024)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self._dismiss(visitor)
            return
        if visitor.plea_id:
            return
        visitor.heard += more
        end = visitor.heard.find(b"\n")
        if end < 0 and len(visitor.heard) <= PLEA_LIMIT_BYTES:
            return
        try:
            self._answer(visitor, bytes(visitor.heard[: end if end >= 0 else None]), now)
        except FeldsherError as error:
            visitor.tell(_error(error.slug, error.what))
            self._dismiss(visitor)
        visitor.heard.clear()

    def tell_ticket(self, plea_id: str, ticket: str) -> None:
        """Tell whoever waits for it which ticket their plea went to."""
        for visitor in [visitor for visitor in self.visitors if visitor.plea_id == plea_id]:
            visitor.tell({"ticket": ticket})
            self._dismiss(visitor)

    def close(self) -> None:
        """Shut the door; who waits is told that it will come."""
        self.turn(float("inf"))
        self.line.close()
        self._path.unlink(missing_ok=True)

    def _answer(self, visitor: Visitor, line: bytes, now: float) -> None:
        said = understand(line)
        if said.at is None:
            visitor.tell(self._status())
            self._dismiss(visitor)
            return
        visitor.plea_id = self._keep(said.plea, said.at)
        visitor.until = now + TICKET_SECONDS
        if not visitor.tell({"saved": visitor.plea_id}):
            self._dismiss(visitor)

    def _dismiss(self, visitor: Visitor) -> None:
        with suppress(ValueError):
            self.visitors.remove(visitor)
        visitor.line.close()


def understand(line: bytes) -> Said:
    """Return what a visitor's line asks. Raises `FeldsherError`. Pure.

    A plea is written out anew: a stranger's bytes would otherwise stand within our own message.
    """
    if len(line) > PLEA_LIMIT_BYTES:
        raise FeldsherError("too-large", "a call for help may have 2 MiB")
    try:
        asked = json.loads(line, parse_constant=_no_constant)
    except RecursionError:
        raise FeldsherError("json-depth", "this is nested too deep") from None
    except ValueError:
        raise FeldsherError("json-syntax", "this is not JSON") from None
    if asked == {"status": True}:
        return Said()
    plea = asked.get("plea") if isinstance(asked, dict) else None
    if not isinstance(plea, dict) or not all(isinstance(plea.get(name), kind) for name, kind in _PLEA.items()):
        raise FeldsherError("schema", "this is not a call for help")
    try:
        at = datetime.fromisoformat(plea["at"])
        content = json.dumps(plea, ensure_ascii=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        raise FeldsherError("schema", "this is not a call for help") from None
    if at.tzinfo is None:
        raise FeldsherError("schema", "this is not a call for help: its time has no zone")
    return Said(content, at)


def ask_status(path: Path, patience_seconds: float = 3.0) -> dict[str, Any] | None:
    """Ask at the door of another process how it is; ``None`` when nobody answers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(patience_seconds)
            with _short(path) as name:
                line.connect(name)
            line.sendall(b'{"status": true}\n')
            with line.makefile("rb") as answers:
                answer = json.loads(answers.readline(PLEA_LIMIT_BYTES))
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) else None


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Yield a name of *path* that fits a socket's address, which holds 107 bytes and no more."""
    handle = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{path.name}"
    finally:
        os.close(handle)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _error(slug: str, what: str) -> dict[str, Any]:
    return {"error": what, "slug": slug}

"""The resident's side of the hands: what they are to do, one thing at a time, and what they bring back.

Hands are started when there is something to do and are gone afterwards. They may be killed at any moment: whatever was
not handed over whole is asked for again, and they repeat it under the same id.
"""

import json
import os
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from agent.resident.held import evidence_id

BODY_LIMIT_BYTES = 16 * 1024 * 1024
LINE_LIMIT_BYTES = 64 * 1024
LONGEST_SECONDS = {"checkup": 600.0, "order": 4 * 3600.0, "resume": 4 * 3600.0}
LONGEST_PAUSE_SECONDS = 300.0
KEPT_NOTHING_SECONDS = 60.0


class Hands(Protocol):
    """Hands at work. *fileno* is what the loop waits on."""

    def fileno(self) -> int: ...
    def give(self, content: bytes) -> None: ...
    def take(self) -> bytes:
        """Return what has come; empty when they have closed. Raises `BlockingIOError` when nothing has."""

    def leave(self) -> None:
        """Close our side: they finish what they are in and go."""

    def end(self) -> None:
        """End them and all they started."""

    def is_gone(self) -> bool:
        """Whether they have gone; asking also buries them."""


class Delivery(NamedTuple):
    """One item the hands brought. *urgency* is its class; *hurry* asks not to wait, though its class could."""

    id: str
    kind: str
    at: datetime
    urgency: int
    body: bytes
    hurry: bool = False


class Errand(NamedTuple):
    """One thing to do. *order* is the id of the order it is for."""

    do: str
    order: str = ""


class Errands:
    """What the hands are to do, in turn. *keep* puts a delivery on disk and says whether it did."""

    def __init__(
        self,
        start: Callable[[], Hands],
        order: Callable[[str], bytes | None],
        keep: Callable[[Delivery], bool],
        say: Callable[..., None],
    ) -> None:
        self.hands: Hands | None = None
        self.look_again_at: datetime | None = None
        self._start = start
        self._order = order
        self._keep = keep
        self._say = say
        # What an earlier run did not finish comes before anything new.
        self._queue: deque[Errand] = deque([Errand("resume")])
        self._now: Errand | None = None
        self._deadline = 0.0
        self._not_before = 0.0
        self._crashes = 0
        self._seen = bytearray()
        self._header: dict[str, Any] | None = None
        self._kept: set[str] = set()
        self._is_done = False
        self._leaving: list[Hands] = []

    @property
    def doing(self) -> str:
        """What the hands are at, in one word; empty when there are none."""
        return self._now.do if self._now and self.hands else ""

    def want_checkup(self) -> None:
        """Ask for a checkup, unless one is asked for already."""
        errand = Errand("checkup")
        if errand != self._now and errand not in self._queue:
            self._queue.append(errand)

    def want_order(self, order_id: str) -> None:
        """Ask for an order to be carried out; orders go before checkups."""
        errand = Errand("order", order_id)
        if errand != self._now and errand not in self._queue:
            place = next((i for i, queued in enumerate(self._queue) if queued.do == "checkup"), len(self._queue))
            self._queue.insert(place, errand)

    def wakes_at(self) -> float:
        """Return when `turn` must be called even if nothing comes."""
        if self.hands:
            return self._deadline
        return self._not_before if self._queue else float("inf")

    def turn(self, now: float) -> None:
        """Start what is due; end what takes too long."""
        if self.hands:
            if now >= self._deadline:
                self._say("hands-too-slow", doing=self.doing)
                self.hands.end()
                self._over(now)
        elif self._queue and now >= self._not_before:
            self._begin(self._queue.popleft(), now)

    def read(self, now: float) -> None:
        """Take what the hands have brought."""
        assert self.hands is not None  # noqa: S101 - for the type checker: only hands at work are waited on
        try:
            more = self.hands.take()
        except BlockingIOError:
            return
        except OSError:
            more = b""
        if not more:
            self._over(now)
            return
        self._seen += more
        try:
            while self._understand():
                pass
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self._say("hands-unreadable", detail=str(error)[:200])
            self.hands.end()
            self._over(now)

    def leave(self) -> None:
        """Let hands at work finish alone; the next run asks for what they did."""
        if self.hands:
            self.hands.leave()
            self._leaving.append(self.hands)
            self.hands = None

    def reap(self) -> None:
        """Bury those that have gone."""
        self._leaving = [hands for hands in self._leaving if not hands.is_gone()]

    def _begin(self, errand: Errand, now: float) -> None:
        words: bytes | None = {
            "checkup": b'{"do":"checkup","why":"schedule"}\n',
            "resume": b'{"do":"resume"}\n',
        }.get(errand.do) or self._order(errand.order)
        if words is None:
            return
        self._now, self._is_done, self._header = errand, False, None
        self._seen.clear()
        self._deadline = now + LONGEST_SECONDS[errand.do]
        try:
            self.hands = self._start()
            self.hands.give(words)
        except OSError as error:
            self._say("hands-do-not-start", detail=str(error)[:200])
            self._over(now)

    def _over(self, now: float) -> None:
        """Find out, now that the hands have gone, whether it was done, and what comes next."""
        self.leave()
        self.reap()
        errand, self._now = self._now, None
        assert errand is not None  # noqa: S101 - for the type checker: hands without an errand are never started
        if self._is_done and (errand.do != "order" or evidence_id(errand.order) in self._kept):
            self._crashes = 0
            self._kept.discard(evidence_id(errand.order))
            return
        if self._is_done:
            # Done, but there was no room to keep the evidence: the hands have it, and are asked again.
            self._queue.append(errand)
            self._not_before = now + KEPT_NOTHING_SECONDS
            return
        self._crashes += 1
        self._not_before = now + min(LONGEST_PAUSE_SECONDS, 2.0 ** (self._crashes - 1))
        self._say("hands-gone", doing=errand.do, order=errand.order, times=self._crashes)
        if errand.do == "order":
            self._queue.appendleft(errand)
        if errand.do != "checkup" and Errand("resume") not in self._queue:
            self._queue.appendleft(Errand("resume"))

    def _understand(self) -> bool:
        """Take one line or one body from what was read; say whether there was one whole."""
        if self._header is not None:
            length = int(self._header["bytes"])
            if len(self._seen) <= length:
                return False
            body = bytes(self._seen[:length])
            del self._seen[: length + 1]
            header, self._header = self._header, None
            self._take(header, body)
            return True
        end = self._seen.find(b"\n")
        if end < 0:
            if len(self._seen) > LINE_LIMIT_BYTES:
                raise ValueError("a line is too long")
            return False
        line = json.loads(bytes(self._seen[:end]))
        del self._seen[: end + 1]
        self._told(line)
        return True

    def _told(self, line: dict[str, Any]) -> None:
        if not isinstance(line, dict):
            raise TypeError("a line is no object")
        if "item" in line:
            if not 0 <= int(line["bytes"]) <= BODY_LIMIT_BYTES:
                raise ValueError("a body is too large")
            self._header = line
        elif "look_again_at" in line:
            self.look_again_at = datetime.fromisoformat(line["look_again_at"]).astimezone(UTC)
        elif "done" in line:
            self._is_done = True
        elif "progress" in line:
            self._say("progress", doing=self.doing, detail=str(line["progress"])[:500])

    def _take(self, header: dict[str, Any], body: bytes) -> None:
        at = datetime.fromisoformat(header["at"])
        item, kind, urgency = str(header["item"]), str(header["kind"]), int(header["class"])
        delivery = Delivery(item, kind, at, urgency, body, hurry=header.get("hurry") is True)
        kept = self._keep(delivery)
        if kept:
            self._kept.add(delivery.id)
        assert self.hands is not None  # noqa: S101 - for the type checker: they have just spoken
        try:
            self.hands.give(json.dumps({"kept" if kept else "not_kept": delivery.id}).encode() + b"\n")
        except OSError:
            # They are gone, and did not hear it: they will bring it again, and it is kept once.
            self._say("hands-did-not-hear", item=delivery.id)


class ChildHands:
    """Hands that are a child process of ours."""

    def __init__(self, argv: list[str], folder: "os.PathLike[str]") -> None:
        from pathlib import Path  # noqa: PLC0415 - see below

        from agent.hosts import processes  # noqa: PLC0415 - loaded with the first errand, not while idle

        self._end_tree = processes.end_tree
        try:
            self._child = processes.start(argv, stdin_pipe=True, stdout_pipe=True, cwd=Path(folder))
        except processes.CannotStart as error:
            raise OSError(str(error)) from error
        assert self._child.stdin is not None  # noqa: S101 - for the type checker: asked for above
        assert self._child.stdout is not None  # noqa: S101 - the same
        self._in, self._out = self._child.stdin, self._child.stdout
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._out.fileno(), False)

    def fileno(self) -> int:
        """Return where they speak."""
        return self._out.fileno()

    def give(self, content: bytes) -> None:
        """Write *content*; it always fits the pipe, or they are not listening."""
        if os.write(self._in.fileno(), content) != len(content):
            raise OSError("the hands do not listen")

    def take(self) -> bytes:
        """Return what has come; empty at the end."""
        return os.read(self._out.fileno(), 256 * 1024)

    def leave(self) -> None:
        """Close both pipes. Whoever is still at work there finishes it alone."""
        self._in.close()
        self._out.close()

    def end(self) -> None:
        """End the whole tree."""
        from datetime import timedelta  # noqa: PLC0415 - rarely needed

        self._end_tree(self._child.pid, timedelta(seconds=2))

    def is_gone(self) -> bool:
        """Whether the process has ended."""
        return self._child.poll() is not None

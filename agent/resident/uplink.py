"""The one conversation with the collector: what to post, what an answer means, and when to try again."""

import json
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from agent.resident.held import Held
from agent.resident.identity import PROTOCOL, Identity
from agent.resident.line import Line, LineBroke, look_up
from agent.resident.reply import Reply
from agent.resident.spool import URGENT, Spool, Waiting
from contract.errors import KINDS, FeldsherError

BATCH_BYTES = 1024 * 1024
PARK_SECONDS = 50.0
"""How long a request may be parked: less than the minute after which home routers forget a silent connection."""
DEFLATE_FROM_BYTES = 1024
CONNECT_SECONDS = 15.0
REPLY_SECONDS = 25.0
REST_SECONDS = 15.0
LONGEST_WAIT_SECONDS = 300.0
HURRY_SECONDS = 5.0
LONGEST_HINT_SECONDS = 3600.0
# The collector knows us and says no: asking again soon will not change its mind.
_NO = {401, 403, 409, 426}
_NOT_AS_FRAMED = {400, 413, 415, 422}
_OK, _TOO_LARGE = 200, 413


class NotAnAnswer(Exception):
    """The body is no answer of a collector."""


class Heard(NamedTuple):
    """What an answer said. *orders* are as they came; *tickets* by item."""

    accepted: tuple[str, ...]
    refused: tuple[tuple[str, str, str], ...]
    orders: tuple[dict[str, Any], ...]
    tickets: dict[str, str]
    now: datetime
    reconnect_seconds: float


class Trouble(NamedTuple):
    """Why the last attempt failed."""

    slug: str
    detail: str


def compose(instance: str, items: list[Waiting], have: list[str], wait_seconds: float) -> bytes:
    """Return one exchange. The items go in as they lie on disk."""
    head = json.dumps(
        {"protocol": PROTOCOL, "instance": instance, "have": have, "wait_seconds": round(wait_seconds, 3)}
    )
    return head[:-1].encode() + b',"items":[' + b",".join(item.content for item in items) + b"]}"


def as_request(name: str, port: int, body: bytes) -> bytes:
    """Return the HTTP request that carries *body*."""
    coding = ""
    if len(body) > DEFLATE_FROM_BYTES:
        body, coding = zlib.compress(body), "Content-Encoding: deflate\r\n"
    host = f"[{name}]" if ":" in name else name
    head = (
        f"POST /v1/exchange HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nAccept-Encoding: identity, deflate\r\n{coding}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def hear(body: bytes) -> Heard:
    """Return what an answer says. Raises `NotAnAnswer` for anything that is not one, whole."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotAnAnswer("the answer is no JSON") from error
    if not isinstance(said, dict) or said.get("protocol") != PROTOCOL:
        raise NotAnAnswer("the answer is not of our protocol")
    accepted, refused = said.get("accepted", []), said.get("refused", [])
    orders, tickets = said.get("orders", []), said.get("tickets", {})
    reconnect = said.get("reconnect_seconds", 5.0)
    if not (
        _all(accepted, str)
        and _all(refused, dict)
        and _all(orders, dict)
        and isinstance(tickets, dict)
        and isinstance(reconnect, int | float)
    ):
        raise NotAnAnswer("a field of the answer is of another kind than ours")
    try:
        now = datetime.fromisoformat(str(said.get("now")))
        told = tuple((str(one["id"]), str(one["slug"]), str(one.get("detail", ""))) for one in refused)
    except (ValueError, KeyError) as error:
        raise NotAnAnswer("a field of the answer is missing or malformed") from error
    if now.tzinfo is None:
        raise NotAnAnswer("the time of the answer has no zone")
    hint = min(max(float(reconnect), 0.0), LONGEST_HINT_SECONDS) if reconnect == reconnect else 5.0  # noqa: PLR0124 - not a number
    names = {str(item): str(ticket) for item, ticket in tickets.items()}
    return Heard(tuple(accepted), told, tuple(orders), names, now, hint)


def backoff_seconds(failures: int, hint_seconds: float, random: Callable[[], float]) -> float:
    """Return how long to wait after so many *failures* in a row: anything within a window that doubles to five minutes.

    The first window is the collector's own hint, so that all its agents do not return in the second it is back.
    """
    window: float = min(LONGEST_WAIT_SECONDS, max(1.0, hint_seconds) * 2 ** min(failures - 1, 16))
    return max(0.2, random() * max(window, min(hint_seconds, LONGEST_HINT_SECONDS)))


class Uplink:
    """The conversation. The loop waits on `line`, until `due_at`, and calls `turn`."""

    def __init__(  # noqa: PLR0913 - its parts, each named
        self,
        identity: Identity,
        instance: str,
        spool: Spool,
        held: Held,
        *,
        random: Callable[[], float],
        resolve: Callable[[str, int], list[tuple[str, int]]] = look_up,
    ) -> None:
        self.line: Line | None = None
        self.due_at = 0.0
        self.trouble: Trouble | None = None
        self.reached_at: datetime | None = None
        self.failures = 0
        self._identity = identity
        self._context = identity.context()
        self._instance = instance
        self._spool = spool
        self._held = held
        self._random = random
        self._resolve = resolve
        self._known_good: tuple[str, int] | None = None
        self._deadline = 0.0
        self._sent: list[Waiting] = []
        self._asked_at = float("-inf")
        self._not_before = 0.0
        self._wait_seconds = 0.0
        self._hint_seconds = 1.0
        self._at_most_items = 1000
        self._is_asking = False
        self._is_reused = False

    @property
    def is_parked(self) -> bool:
        """Whether a request is out that waits for orders alone."""
        return bool(self._is_asking and self.line and self.line.has_sent and self._wait_seconds > 0)

    def hurry(self, now: float) -> None:
        """Something urgent waits: abandon a parked request and start over; try a failing line sooner, within reason."""
        if self._is_asking and self._wait_seconds > 0:
            self._hang_up()
            self.due_at = now
        elif not self._is_asking:
            soonest = max(self._asked_at + HURRY_SECONDS, self._not_before) if self.failures else now
            self.due_at = min(self.due_at, max(now, soonest))

    def wakes_at(self) -> float:
        """Return when `turn` must be called even if nothing comes."""
        return self._deadline if self._is_asking else self.due_at

    def rest(self, now: float) -> None:
        """Ask no sooner than in a while: there is no room for an order, and it would only be sent again at once."""
        self.due_at = now + REST_SECONDS

    def turn(self, now: float, park_until: float) -> Heard | None:
        """Do what can be done now; return an answer when one came whole. *park_until* is when we have more to say."""
        try:
            if not self._is_asking:
                if now < self.due_at:
                    return None
                self._ask(now, park_until)
            assert self.line is not None  # noqa: S101 - for the type checker: _ask has made it
            reply = self.line.turn()
            if self.line.is_secure:
                self._known_good = self.line.address
            if reply is None:
                if now >= self._deadline:
                    self._broken(LineBroke("unreachable", "the collector did not answer in time"), now)
                return None
        except LineBroke as broke:
            self._broken(broke, now)
            return None
        except FeldsherError as error:
            self._fail(Trouble(error.slug, error.what), now)
            return None
        return self._settle(reply, now)

    def stop(self) -> None:
        """Let go of the connection."""
        self._hang_up()

    def _ask(self, now: float, park_until: float) -> None:
        self._sent = self._spool.batch(BATCH_BYTES, self._at_most_items)
        waiting = sum(self._spool.counts.values())
        urgent = any(item.urgency in URGENT for item in self._sent)
        # Urgent items want their answer, a plea its ticket number; and with more to send there is no time to park.
        parks = not urgent and len(self._sent) == waiting
        # The first request after a start or a failure is answered at once: then we know how things stand.
        parks = parks and self.reached_at is not None and not self.failures
        self._wait_seconds = max(0.0, min(PARK_SECONDS, park_until - now)) if parks else 0.0
        body = compose(self._instance, self._sent, self._held.ids, self._wait_seconds)
        self._asked_at = now
        self._is_reused = self.line is not None
        if self.line is None:
            self.line = self._open()
        self._deadline = now + self._wait_seconds + REPLY_SECONDS + (0 if self._is_reused else CONNECT_SECONDS)
        self._spool.mark_offered(item.id for item in self._sent)
        self.line.ask(as_request(self._identity.address, self._identity.port, body))
        self._is_asking = True

    def _open(self) -> Line:
        # The last good address first: a machine whose name server is ill must still be reachable for its repair, and
        # TLS, not DNS, says who is at the other end.
        address = self._known_good
        self._known_good = None
        if address is None:
            found = self._resolve(self._identity.address, self._identity.port)
            address = found[self.failures % len(found)]
        return Line(address, self._identity.address, self._context)

    def _hang_up(self) -> None:
        if self.line is not None:
            if self.line.is_secure:
                self._known_good = self.line.address
            self.line.close()
        self.line = None
        self._is_asking = False

    def _broken(self, broke: LineBroke, now: float) -> None:
        stale = self._is_reused and broke.unheard and now - self._asked_at < REPLY_SECONDS
        self._hang_up()
        self._is_reused = False
        if stale and not self.failures:
            # The collector had closed the idle connection just as we wrote to it: nothing is wrong.
            self.due_at = now
            self.failures = 0
            return
        self._fail(Trouble(broke.slug, broke.detail), now)

    def _fail(self, trouble: Trouble, now: float, at_least: float = 0.0) -> None:
        self.failures += 1
        self.trouble = trouble
        self._not_before = now + at_least
        self.due_at = now + max(at_least, backoff_seconds(self.failures, self._hint_seconds, self._random))

    def _settle(self, reply: Reply, now: float) -> Heard | None:
        self._is_asking = False
        if not reply.stays_open or reply.status != _OK:
            self._hang_up()
        if reply.status != _OK:
            self._refused(reply, now)
            return None
        try:
            heard = hear(reply.body)
        except NotAnAnswer as error:
            self._hang_up()
            self._fail(Trouble("unexpected-answer", str(error)), now)
            return None
        ours = {item.id for item in self._sent}
        settled = [item_id for item_id in heard.accepted if item_id in ours]
        refused = [one for one in heard.refused if one[0] in ours]
        self._hint_seconds = heard.reconnect_seconds
        self.reached_at = heard.now
        try:
            self._spool.remove(settled)
            for item_id, slug, detail in refused:
                self._spool.set_aside(item_id, slug, detail)
        except FeldsherError as error:
            # What cannot be removed is sent again, and the collector knows it.
            self._fail(Trouble(error.slug, error.what), now)
            return heard
        if ours and not settled and not refused:
            self._fail(Trouble("unexpected-answer", "the collector neither took nor refused what was sent"), now)
            return heard
        self.failures, self.trouble = 0, None
        self._at_most_items = min(1000, self._at_most_items * 2)
        news = bool(settled or refused or any(order.get("id") not in self._held.ids for order in heard.orders))
        early = now - self._asked_at < self._wait_seconds / 2
        # A collector that does not park must not be asked as fast as it answers.
        self.due_at = now if news or not early else now + max(1.0, heard.reconnect_seconds)
        return heard

    def _refused(self, reply: Reply, now: float) -> None:
        slug, detail = _problem(reply)
        at_least = _retry_after(reply)
        if reply.status in _NOT_AS_FRAMED and self._sent:
            if len(self._sent) > 1:
                # One of them may be what it cannot take: halve, and go on at once.
                self._at_most_items = len(self._sent) // 2
                self.trouble, self.due_at = Trouble(slug, detail), now + at_least
                return
            if slug != "unexpected-answer" or reply.status == _TOO_LARGE:
                self._spool.set_aside(self._sent[0].id, "too-large" if reply.status == _TOO_LARGE else slug, detail)
                self.trouble, self.due_at = Trouble(slug, detail), now + at_least
                return
        if reply.status in _NO:
            at_least = max(at_least, LONGEST_WAIT_SECONDS * (0.5 + self._random() / 2))
        self._fail(Trouble(slug, detail), now, at_least)


def _problem(reply: Reply) -> tuple[str, str]:
    """Return slug and detail of a problem document; what is none is an unexpected answer."""
    try:
        said = json.loads(reply.body)
    except (ValueError, RecursionError):
        said = None
    if isinstance(said, dict) and said.get("code") in KINDS:
        return str(said["code"]), str(said.get("detail") or said.get("title") or "")[:500]
    slug = "busy" if reply.status in (429, 502, 503, 504) else "unexpected-answer"
    return slug, f"the collector answered {reply.status}"


def _retry_after(reply: Reply) -> float:
    text = reply.headers.get("retry-after", "")
    # The other form, a date, would need our clocks to agree.
    return min(float(text), LONGEST_HINT_SECONDS) if text.isascii() and text.isdigit() and len(text) < 9 else 0.0  # noqa: PLR2004 - any more is no time


def _all(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(isinstance(one, kind) for one in value)

"""Takes an exchange and answers it: each item once, on disk before it is acknowledged, with what it means for tickets.

One exchange is one transaction. A bad item is refused by itself and holds up nothing.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import msgspec

from collector import story
from collector.bells import Bells, wait
from collector.bodies import Body, read_body
from collector.desks.base import NewCase, Note
from collector.desks.builtin import NUMBER, BuiltinDesk
from collector.guests import Guests
from collector.orders import bell_of_host, bell_of_order
from collector.store.base import (
    Attachment,
    EntryKind,
    Host,
    OrderRecord,
    OrderState,
    Records,
    Store,
    Ticket,
    TicketState,
)
from collector.triage import Append, Move, Open, triage_evidence, triage_plea, triage_report
from contract.errors import FeldsherError
from contract.evidence import Evidence
from contract.exchange import PROTOCOL, Answer, Exchange, Gap, Item, Plea, Refused, Vitals
from contract.order import Order
from contract.report import Report

LONGEST_PARK = timedelta(seconds=55)
MOST_ITEMS = 5_000
MOST_ORDERS = 20
INSTANCE_CHARACTERS = 100
# An agent that starts anew never becomes its old self again: A, B, A is two agents, however slowly they take turns.
CLONE_WINDOW = timedelta(minutes=10)
# So many agents a second may come back after we were away, without anyone waiting for a handshake.
AGENTS_BACK_A_SECOND = 200
SHORTEST_RECONNECT_SECONDS = 5.0
_ASKED_REPORT = "report-"
_FIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DOCUMENTS = {"evidence": f"evidence-{NUMBER}.json", "report": f"report-{NUMBER}.json", "plea": f"report-{NUMBER}.json"}


class _Enclosed(msgspec.Struct):
    """A plea of which only the report is taken, byte for byte."""

    report: msgspec.Raw


_PLEA = msgspec.json.Decoder(_Enclosed)


class Intake:
    """Where agents' exchanges arrive."""

    def __init__(self, store: Store, bells: Bells, guests: Guests, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._bells = bells
        self._guests = guests
        self._clock = clock
        self._starts: dict[tuple[str, str], deque[tuple[str, datetime]]] = {}

    async def take(self, host: Host, exchange: Exchange) -> Answer:
        """Keep what the agent says and answer; with nothing said and no order here, wait for one first."""
        if exchange.protocol != PROTOCOL:
            raise FeldsherError("version", f"this collector speaks protocol {PROTOCOL}, not {exchange.protocol}")
        if not exchange.instance or len(exchange.instance) > INSTANCE_CHARACTERS:
            raise FeldsherError("limit", f"an instance has 1 to {INSTANCE_CHARACTERS} characters", where="instance")
        if len(exchange.items) > MOST_ITEMS:
            raise FeldsherError("limit", f"an exchange has up to {MOST_ITEMS} items", where="items")
        bodies = [(item, read_body(host, item)) for item in exchange.items]
        at = self._clock()
        is_clone = self._is_clone(host, exchange.instance, at)
        # The bell is taken before we look: an order given in between rings it.
        bell = self._bells.bell(bell_of_host(host.organisation, host.id))
        visit = _Visit(host, exchange, at)
        # Shielded: an agent that hangs up early must not leave those who watch its orders waiting.
        answer = await asyncio.shield(self._keep(visit, bodies, is_clone=is_clone))
        # A negative or absurd wish is no wait; what was said is acknowledged at once.
        longest = min(timedelta(seconds=max(0.0, min(exchange.wait_seconds, 3600.0))), LONGEST_PARK)
        if not (exchange.items or answer.orders or longest <= timedelta(0)):
            await wait(bell, longest)
            late = _Visit(host, exchange, self._clock())
            answer = await self._store.look(late.answer)
        reconnect = max(SHORTEST_RECONNECT_SECONDS, len(self._starts) / AGENTS_BACK_A_SECOND)
        return msgspec.structs.replace(answer, reconnect_seconds=reconnect)

    async def settle(self, by: str, organisation: str, host: str) -> None:
        """A person says that a host's identity is one machine's again: it may have orders."""
        at = self._clock()

        def release(records: Records) -> None:
            if records.host(organisation, host) is None:
                raise FeldsherError("not-found", f"there is no host {host[:64]}")
            records.set_conflict(organisation, host, None)
            records.audit(at, by, "host-released", host)

        await self._store.change(release)
        self._guests.forget(host)
        self._starts.pop((organisation, host), None)

    async def revoke(self, by: str, organisation: str, host: str) -> None:
        """Withdraw a host's identity; its next request is refused."""
        at = self._clock()

        def withdraw(records: Records) -> None:
            if records.host(organisation, host) is None:
                raise FeldsherError("not-found", f"there is no host {host[:64]}")
            records.revoke_host(organisation, host)
            records.audit(at, by, "host-revoked", host)

        await self._store.change(withdraw)
        self._guests.forget(host)
        # Its parked exchange ends, and the next is refused.
        self._bells.ring(bell_of_host(organisation, host))

    async def _keep(self, visit: "_Visit", bodies: Iterable[tuple[Item, Body | Refused]], *, is_clone: bool) -> Answer:
        answer = await self._store.change(lambda records: visit.take(records, bodies, is_clone=is_clone))
        if is_clone:
            self._guests.forget(visit.host.id)
        for order in visit.touched:
            self._bells.ring(bell_of_order(visit.host.organisation, order))
        return answer

    def _is_clone(self, host: Host, instance: str, at: datetime) -> bool:
        """Whether this start of the agent speaks again although another has spoken since."""
        starts = self._starts.setdefault((host.organisation, host.id), deque(maxlen=8))
        if starts and starts[-1][0] == instance:
            starts[-1] = (instance, at)
            return False
        is_clone = any(start == instance and at - seen <= CLONE_WINDOW for start, seen in starts)
        starts.append((instance, at))
        return is_clone


class _Visit:
    """One exchange inside its transaction. *touched* are the orders whose state it changed."""

    def __init__(self, host: Host, exchange: Exchange, at: datetime) -> None:
        self.host = host
        self._exchange = exchange
        self._at = at
        self._org = host.organisation
        self.touched: list[str] = []

    def take(self, records: Records, bodies: Iterable[tuple[Item, Body | Refused]], *, is_clone: bool) -> Answer:
        """Keep every item that can be kept, and answer."""
        accepted: list[str] = []
        refused: list[Refused] = []
        tickets: dict[str, str] = {}
        for item, body in bodies:
            if isinstance(body, Refused):
                refused.append(body)
                continue
            if refusal := self._foreign(records, item, body):
                refused.append(refusal)
                continue
            if records.add_item(self._org, self.host.id, item, self._at):
                self._understand(records, item, body)
            accepted.append(item.id)
            if item.kind == "plea":
                ticket = records.ticket_of_item(self._org, self.host.id, item.id)
                tickets |= {item.id: str(ticket)} if ticket else {}
        records.mark_seen(self._org, self.host.id, self._at, self._exchange.instance)
        for refusal in refused:
            records.audit(self._at, self.host.id, "item-refused", refusal.id, f"{refusal.slug}: {refusal.detail}")
        if is_clone:
            self._hold(records)
        queued = self._note_orders(records)
        held = is_clone or self.host.conflict_since is not None
        return Answer(PROTOCOL, self._at, accepted, refused, [] if held else queued[:MOST_ORDERS], tickets)

    def answer(self, records: Records) -> Answer:
        """Answer an exchange that was parked; reads only."""
        host = records.host(self._org, self.host.id)
        if host is None or host.revoked or host.conflict_since is not None:
            return Answer(PROTOCOL, self._at)
        have = set(self._exchange.have)
        queued = [record.order for record in records.orders_of(self._org, self.host.id, OrderState.QUEUED)]
        orders = [order for order in queued if order.id not in have and order.not_after >= self._at]
        return Answer(PROTOCOL, self._at, orders=orders[:MOST_ORDERS])

    def _foreign(self, records: Records, item: Item, body: Body) -> Refused | None:
        if not isinstance(body, Evidence):
            return None
        record = records.order(self._org, body.order)
        if record is not None and record.order.host != self.host.id:
            return Refused(item.id, "not-for-this-host", "the order was given to another host")
        return None

    def _understand(self, records: Records, item: Item, body: Body) -> None:
        match body:
            case Report():
                self._take_report(records, item, body)
            case Plea():
                self._take_plea(records, item, body)
            case Evidence():
                self._take_evidence(records, item, body)
            case Gap():
                what = f"{body.count} x {body.kind}, {body.first:%Y-%m-%d %H:%M} to {body.last:%Y-%m-%d %H:%M}"
                records.audit(self._at, self.host.id, "gap", item.id, f"{what}: {body.reason[:200]}")
            case Vitals():
                pass  # kept as they are: nobody is told of them

    def _take_report(self, records: Records, item: Item, report: Report) -> None:
        records.set_report(self._org, self.host.id, self._at, report)
        tickets = records.tickets_of(self._org, self.host.id)
        ordered = records.order(self._org, item.id.removeprefix(_ASKED_REPORT)) if report.why == "order" else None
        on = self._ticket_of(ordered, tickets)
        fixed = [ticket.number for ticket in tickets if ticket.state is TicketState.FIXED]
        ended = {number: at for number in fixed if (at := self._last_end(records, number))}
        self._move(records, item, triage_report(report, tickets, on, ended))

    def _take_plea(self, records: Records, item: Item, plea: Plea) -> None:
        records.set_report(self._org, self.host.id, self._at, plea.report)
        [ticket] = self._move(records, item, [triage_plea(plea, records.tickets_of(self._org, self.host.id))])
        records.set_ticket_of_item(self._org, self.host.id, item.id, int(ticket))
        records.audit(self._at, self.host.id, "plea", ticket)

    def _take_evidence(self, records: Records, item: Item, evidence: Evidence) -> None:
        record = records.order(self._org, evidence.order)
        if record is None:
            # As after a restored backup: what a host did is kept even if we no longer know that it was asked to.
            records.audit(self._at, self.host.id, "evidence-unasked", evidence.order, evidence.verdict)
        elif record.evidence is not None:
            # The first word stands; a second one is kept beside it, never instead of it.
            records.audit(self._at, self.host.id, "evidence-repeated", evidence.order, evidence.verdict)
        else:
            records.set_evidence(self._org, evidence.order, evidence, self._at)
            records.audit(self._at, self.host.id, "order-ended", evidence.order, evidence.verdict)
            self.touched.append(evidence.order)
        ticket = self._ticket_of(record, records.tickets_of(self._org, self.host.id))
        self._move(records, item, triage_evidence(evidence, ticket))

    def _ticket_of(self, record: OrderRecord | None, tickets: Iterable[Ticket]) -> Ticket | None:
        wanted = record.order.ticket if record else ""
        return next((ticket for ticket in tickets if str(ticket.number) == wanted), None)

    def _last_end(self, records: Records, ticket: int) -> datetime | None:
        ends = [record.evidence.ended for record in records.orders_on(self._org, ticket) if record.evidence]
        return max(ends, default=None)

    def _move(self, records: Records, item: Item, moves: Iterable[Move]) -> list[str]:
        """Make every move on the desk and return the tickets, in order."""
        desk = BuiltinDesk(records, self._org, self._at)
        # An order's evidence is named after it, if it has a name fit for a file; reports are numbered by the desk.
        is_named = item.kind == "evidence" and _FIT.fullmatch(item.id)
        name = f"{item.id}.json" if is_named else _DOCUMENTS[item.kind]
        content = _PLEA.decode(item.body).report if item.kind == "plea" else item.body
        document = Attachment(name=name, media_type="application/json", content=bytes(content))
        return [self._make(records, desk, move, document) for move in moves]

    def _make(self, records: Records, desk: BuiltinDesk, move: Move, document: Attachment) -> str:
        match move:
            case Open():
                case = NewCase(self.host.id, move.cause, move.title, move.severity, move.words)
                ticket = desk.open(case, Note(move.kind, move.by, move.text, (document,)))
                records.audit(self._at, self.host.id, "ticket-opened", ticket, move.cause)
            case Append():
                ticket = str(move.ticket)
                desk.note(ticket, Note(move.kind, move.by, move.text, (document,) if move.attaches else ()))
                if move.state is not None:
                    desk.change(ticket, move.state, move.severity)
        return ticket

    def _hold(self, records: Records) -> None:
        host = records.host(self._org, self.host.id)
        if host is not None and host.conflict_since is None:
            records.set_conflict(self._org, self.host.id, self._at)
            detail = f"instances take turns; {self._exchange.instance} is back"
            records.audit(self._at, self.host.id, "identity-conflict", self.host.id, detail)

    def _note_orders(self, records: Records) -> list[Order]:
        """Note which orders the agent holds and which nobody fetched in time; return those it is to get."""
        have = set(self._exchange.have)
        queued: list[Order] = []
        for record in records.orders_of(self._org, self.host.id, OrderState.QUEUED):
            order = record.order
            if order.id in have:
                records.set_order_state(self._org, order.id, OrderState.TAKEN, self._at)
                self.touched.append(order.id)
            elif order.not_after < self._at:
                records.set_order_state(self._org, order.id, OrderState.EXPIRED, self._at)
                records.audit(self._at, "collector", "order-expired", order.id)
                self._tell_expired(records, order)
                self.touched.append(order.id)
            else:
                queued.append(order)
        return queued

    def _tell_expired(self, records: Records, order: Order) -> None:
        if order.ticket:
            desk = BuiltinDesk(records, self._org, self._at)
            desk.note(order.ticket, Note(EntryKind.ORDERED, "collector", story.expired(order)))

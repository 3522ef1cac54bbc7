"""Gives orders: checks that the repair exists and is told what it needs, writes it down, wakes the host's exchange."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal
from uuid import uuid4

import msgspec

from agent.repair.playbook import Playbook, load_playbook, resolve_params
from collector import story
from collector.bells import Bells, wait
from collector.desks.base import Note
from collector.desks.builtin import BuiltinDesk
from collector.store.base import EntryKind, Host, OrderRecord, OrderState, Records, Store, Ticket, User
from contract.errors import FeldsherError
from contract.finding import Finding
from contract.order import Order
from contract.report import Report
from contract.sample import Place, Value
from contract.text import Text

LIFETIME = timedelta(hours=24)
LONGEST_WAIT = timedelta(seconds=55)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_DONE = {OrderState.ENDED, OrderState.EXPIRED, OrderState.CANCELLED}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a technician asks for. *name* is their own id for it: the same wish sent twice is one order."""

    kind: Literal["checkup", "repair"]
    host: str
    playbook: str = ""
    params: Mapping[str, Value] = field(default_factory=dict)
    ticket: str = ""
    check_only: bool = False
    name: str = ""


def bell_of_host(organisation: str, host: str) -> str:
    """Return the name of the bell a host's parked exchange waits for."""
    return f"host/{organisation}/{host}"


def bell_of_order(organisation: str, order: str) -> str:
    """Return the name of the bell those who watch an order wait for."""
    return f"order/{organisation}/{order}"


class Orders:
    """Gives, shows and takes back orders. *library* returns a playbook by name, or raises ``not-found``."""

    def __init__(
        self,
        store: Store,
        bells: Bells,
        clock: Callable[[], datetime],
        library: Callable[[str], Playbook] = load_playbook,
    ) -> None:
        self._store = store
        self._bells = bells
        self._clock = clock
        self._library = library

    async def create(self, by: User, wish: Wish) -> OrderRecord:
        """Give an order and return it, on disk.

        Raises `FeldsherError` ``not-found`` for an unknown host, playbook or ticket, ``host-revoked``, ``parameter``,
        and ``conflict`` when the wish's name is taken by another one.
        """
        if wish.name and not _NAME.fullmatch(wish.name):
            raise FeldsherError("limit", "an order's id is 8 to 64 letters, digits, dots and hyphens", where="id")
        playbook = self._playbook(wish)
        at = self._clock()

        def give(records: Records) -> OrderRecord:
            host = _host(records, by.organisation, wish.host)
            ticket = _ticket(records, by.organisation, host, wish.ticket)
            place = _place(records, host, ticket)
            params = resolve_params(playbook, wish.params, place) if playbook else {}
            order = Order(
                id=wish.name or f"o-{uuid4().hex}",
                kind=wish.kind,
                host=host.id,
                by=by.name,
                # A host whose clock is a little behind must not find the order to be of the future.
                not_before=at - timedelta(minutes=5),
                not_after=at + LIFETIME,
                playbook=wish.playbook,
                playbook_sha256=playbook.sha256 if playbook else "",
                params=params,
                ticket=wish.ticket,
                check_only=wish.check_only,
            )
            known = records.order(by.organisation, order.id)
            if known is not None:
                return _same(known, order)
            records.add_order(by.organisation, order, at)
            risk = f", risk {playbook.risk.word}" if playbook else ""
            what = f"{wish.playbook or wish.kind}{' (plan only)' if wish.check_only else ''}{risk}"
            records.audit(at, by.name, "ordered", order.id, f"{what} on {host.id}")
            if ticket is not None:
                _tell(records, by, at, order, story.ordered(order))
            return OrderRecord(order=order, state=OrderState.QUEUED, created_at=at, changed_at=at)

        record = await self._store.change(give)
        self._bells.ring(bell_of_host(by.organisation, record.order.host))
        return record

    async def cancel(self, by: User, order: str) -> OrderRecord:
        """Take back an order nobody has fetched; raises ``conflict`` when its host has it already."""
        at = self._clock()

        def take_back(records: Records) -> OrderRecord:
            record = records.order(by.organisation, order)
            if record is None:
                raise _no_order(order)
            if record.state is OrderState.CANCELLED:
                return record
            if record.state is not OrderState.QUEUED:
                raise FeldsherError("conflict", f"the order is {record.state} already, it cannot be taken back")
            records.set_order_state(by.organisation, order, OrderState.CANCELLED, at)
            records.audit(at, by.name, "order-cancelled", order)
            if record.order.ticket:
                _tell(records, by, at, record.order, story.cancelled(record.order, by.name))
            return msgspec.structs.replace(record, state=OrderState.CANCELLED, changed_at=at)

        record = await self._store.change(take_back)
        self._bells.ring(bell_of_order(by.organisation, order))
        return record

    async def watch(self, organisation: str, order: str, longest: timedelta = timedelta(0)) -> OrderRecord:
        """Return an order; when it has not ended, wait for that, but no longer than *longest*."""
        bell = self._bells.bell(bell_of_order(organisation, order))
        record = await self._store.look(lambda records: records.order(organisation, order))
        if record is not None and record.state not in _DONE and longest > timedelta(0):
            await wait(bell, min(longest, LONGEST_WAIT))
            record = await self._store.look(lambda records: records.order(organisation, order))
        if record is None:
            self._bells.ring(bell_of_order(organisation, order))  # nobody will ever ring it: do not keep it
            raise _no_order(order)
        return record

    def _playbook(self, wish: Wish) -> Playbook | None:
        if wish.kind == "repair":
            return self._library(wish.playbook)
        if wish.playbook or wish.params:
            raise FeldsherError("usage", "a checkup takes no playbook and no parameters")
        return None


def _no_order(order: str) -> FeldsherError:
    return FeldsherError("not-found", f"there is no order {order[:64]}")


def _host(records: Records, organisation: str, name: str) -> Host:
    host = records.host(organisation, name)
    if host is None:
        raise FeldsherError("not-found", f"there is no host {name[:64]}", where="host")
    if host.revoked:
        raise FeldsherError("host-revoked", f"the identity of {host.name} was withdrawn", where="host")
    if host.conflict_since is not None:
        raise FeldsherError(
            "identity-conflict",
            f"two live machines claim to be {host.name}; neither gets orders",
            where="host",
            remedy="enrol one of them anew, then release the host",
        )
    return host


def _ticket(records: Records, organisation: str, host: Host, number: str) -> Ticket | None:
    if not number:
        return None
    ticket = records.ticket(organisation, ticket_number(number))
    if ticket is None or ticket.host != host.id:
        raise FeldsherError("not-found", f"{host.name} has no ticket {number[:64]}", where="ticket")
    return ticket


def ticket_number(words: str) -> int:
    """Return the number in *words*; ``not-found`` for anything else, so that no odd spelling reaches the store."""
    if not (words.isascii() and words.isdigit() and len(words) <= 9):  # noqa: PLR2004 - far below 2**31
        raise FeldsherError("not-found", f"there is no ticket {words[:64]}")
    return int(words)


def _place(records: Records, host: Host, ticket: Ticket | None) -> Place:
    """Return where the ticket's cause was last seen: the finding's labels fill the playbook's parameters."""
    if ticket is None:
        return {}
    seen = (finding for finding in _findings(records, host, ticket.number) if finding.key == ticket.cause)
    return next((finding.where for finding in seen), {})


def _findings(records: Records, host: Host, ticket: int) -> Iterator[Finding]:
    """Yield what was found, the newest first: a fault that is gone from the last report stands in the ticket's own."""
    latest = records.report(host.organisation, host.id)
    if latest is not None:
        yield from (*latest.findings, *latest.watched)
    for name in reversed(records.attachments(host.organisation, ticket)):
        attached = records.attachment(host.organisation, ticket, name) if name.startswith("report-") else None
        if attached is not None:
            yield from msgspec.json.decode(attached.content, type=Report).findings
    for record in records.orders_on(host.organisation, ticket):
        if record.evidence is not None:
            yield from record.evidence.findings_before


def _same(known: OrderRecord, order: Order) -> OrderRecord:
    """Return the order that is there already, when it is the one that was asked for."""
    when = {"not_before": order.not_before, "not_after": order.not_after}
    if msgspec.structs.replace(known.order, **when) != order:
        raise FeldsherError("conflict", "another order has this id", where="id")
    return known


def _tell(records: Records, by: User, at: datetime, order: Order, text: Text) -> None:
    desk = BuiltinDesk(records, by.organisation, at)
    desk.note(order.ticket, Note(EntryKind.ORDERED, by.name, text))

"""The exam every store sits: what the rest of the collector counts on.

A store's own test makes a class of `StoreExam` with a fixture ``store``; everything here then runs against it.
"""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from collector.audit import broken_at
from collector.store.base import (
    HOME,
    Attachment,
    Entry,
    EntryKind,
    Host,
    OrderState,
    Records,
    Store,
    Ticket,
    TicketState,
    User,
)
from contract.evidence import Evidence, Verdict
from contract.exchange import Item
from contract.finding import Severity
from contract.order import Order
from contract.report import HostFacts, Report
from contract.text import Text

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
FACTS = HostFacts("atlas", "linux", "debian", "12", "6.1", "systemd", "x86_64", elevated=False)
REPORT = Report(at=NOON, took_seconds=1.5, why="schedule", host=FACTS, samples=(), findings=())


def a_host(name: str = "h-1", certificate: str = "c-1", organisation: str = HOME) -> Host:
    """Return a host nobody has seen yet."""
    return Host(
        organisation=organisation,
        id=name,
        name="atlas",
        facts=FACTS,
        certificate_sha256=certificate,
        machine_id="m",
        enrolled_at=NOON,
    )


def a_ticket(cause: str = "disk-full[mount=/]", organisation: str = HOME) -> Ticket:
    """Return an open ticket."""
    return Ticket(
        organisation=organisation,
        number=0,
        host="h-1",
        cause=cause,
        title=Text("/ is full", "/ заполнен"),
        severity=Severity.HIGH,
        state=TicketState.OPEN,
        opened_at=NOON,
        changed_at=NOON,
    )


def an_item(name: str = "i-1", body: bytes = b"{}") -> Item:
    """Return an item as an exchange brings it."""
    return Item(name, "vitals", NOON, msgspec.Raw(body))


def an_order(name: str = "o-1") -> Order:
    """Return an order good for a day."""
    until = NOON + timedelta(days=1)
    return Order(id=name, kind="checkup", host="h-1", by="ada", not_before=NOON, not_after=until, ticket="1")


class StoreExam:
    """Sat by every store."""

    async def test_a_host_comes_back_as_it_was(self, store: Store) -> None:
        """A technician would otherwise repair a machine by another's facts."""
        await store.change(lambda records: records.add_host(a_host()))
        assert await store.look(lambda records: records.host(HOME, "h-1")) == a_host()
        assert await store.look(lambda records: records.host_by_certificate("c-1")) == a_host()
        assert await store.look(lambda records: records.hosts(HOME)) == [a_host()]

    async def test_another_organisation_sees_nothing(self, store: Store) -> None:
        """A customer's machines are nobody else's business, not even that they exist."""

        def fill(records: Records) -> None:
            records.add_host(a_host())
            records.open_ticket(a_ticket())
            records.add_item(HOME, "h-1", an_item(), NOON)
            records.add_order(HOME, an_order(), NOON)

        await store.change(fill)
        assert await store.look(lambda records: records.host("other", "h-1")) is None
        assert await store.look(lambda records: records.hosts("other")) == []
        assert await store.look(lambda records: records.ticket("other", 1)) is None
        assert await store.look(lambda records: records.tickets("other")) == []
        assert await store.look(lambda records: records.item_ids("other", "h-1")) == []
        assert await store.look(lambda records: records.order("other", "o-1")) is None

    async def test_an_item_is_new_once(self, store: Store) -> None:
        """An agent that lost our answer sends again; the customer must not read everything twice."""
        assert await store.change(lambda records: records.add_item(HOME, "h-1", an_item(), NOON))
        assert not await store.change(lambda records: records.add_item(HOME, "h-1", an_item(), NOON))
        assert await store.change(lambda records: records.add_item(HOME, "h-2", an_item(), NOON))
        assert await store.look(lambda records: records.item_ids(HOME, "h-1")) == ["i-1"]

    async def test_a_failed_act_is_undone_alone(self, store: Store) -> None:
        """One bad message must not take the good ones that share its flush with it."""

        def fail(records: Records) -> None:
            records.add_item(HOME, "h-1", an_item("half"), NOON)
            raise LookupError("half way")

        acts = [store.change(lambda records, n=n: records.add_item(HOME, "h-1", an_item(f"i-{n}"), NOON)) for n in "ab"]  # type: ignore[misc]  # mypy: a lambda with a default
        ends = await asyncio.gather(acts[0], store.change(fail), acts[1], return_exceptions=True)
        assert ends[0] is True
        assert isinstance(ends[1], LookupError)
        assert ends[2] is True
        assert await store.look(lambda records: records.item_ids(HOME, "h-1")) == ["i-a", "i-b"]

    async def test_a_look_cannot_change_anything(self, store: Store) -> None:
        """A page that is only looked at must never leave a trace."""
        with pytest.raises(Exception, match="tried to change"):
            await store.look(lambda records: records.add_host(a_host()))
        assert await store.look(lambda records: records.hosts(HOME)) == []

    async def test_a_code_is_spent_once_a_key(self, store: Store) -> None:
        """A code read over a shoulder must not enrol a second machine; a lost answer must not lock out the first."""
        until = NOON + timedelta(hours=1)
        await store.change(lambda records: records.add_code("s", HOME, until, 1, "ada"))
        assert await store.change(lambda records: records.use_code("s", NOON, "key")) == HOME
        assert await store.change(lambda records: records.use_code("s", NOON, "key")) == HOME
        assert await store.change(lambda records: records.use_code("s", NOON, "another")) is None
        assert await store.change(lambda records: records.use_code("wrong", NOON, "key")) is None
        late = until + timedelta(seconds=1)
        assert await store.change(lambda records: records.use_code("s", late, "key")) is None

    async def test_a_ticket_keeps_its_story(self, store: Store) -> None:
        """The person who takes over the case must find everything, in order."""

        def tell(records: Records) -> int:
            number = records.open_ticket(a_ticket())
            for kind in (EntryKind.OPENED, EntryKind.NOTE):
                text = Text(f"{kind}", "слово")
                records.add_entry(HOME, number, Entry(number=0, at=NOON, kind=kind, by="ada", text=text))
            records.attach(HOME, number, Attachment(name="b.json", media_type="text/plain", content=b"\x00\xff"))
            records.attach(HOME, number, Attachment(name="a.json", media_type="text/plain", content=b""))
            return number

        number = await store.change(tell)
        assert number == 1
        ticket = await store.look(lambda records: records.ticket(HOME, number))
        assert ticket == msgspec.structs.replace(a_ticket(), number=1)
        entries = await store.look(lambda records: records.entries(HOME, number))
        assert [(entry.number, entry.kind) for entry in entries] == [(1, "opened"), (2, "note")]
        assert await store.look(lambda records: records.attachments(HOME, number)) == ["b.json", "a.json"]
        kept = await store.look(lambda records: records.attachment(HOME, number, "b.json"))
        assert kept is not None
        assert kept.content == b"\x00\xff"

    async def test_tickets_are_numbered_from_one_in_every_organisation(self, store: Store) -> None:
        """How many tickets a neighbour has is not ours to tell."""
        assert await store.change(lambda records: records.open_ticket(a_ticket("a"))) == 1
        assert await store.change(lambda records: records.open_ticket(a_ticket("b"))) == 2
        assert await store.change(lambda records: records.open_ticket(a_ticket("a", "other"))) == 1

    async def test_one_cause_is_one_case_until_it_is_closed(self, store: Store) -> None:
        """Two tickets about one disk are answered twice."""
        number = await store.change(lambda records: records.open_ticket(a_ticket()))
        with pytest.raises(Exception, match=r"UNIQUE|unique|refused"):
            await store.change(lambda records: records.open_ticket(a_ticket()))
        closed = msgspec.structs.replace(a_ticket(), number=number, state=TicketState.CLOSED)
        await store.change(lambda records: records.set_ticket(closed))
        assert await store.look(lambda records: records.ticket_about(HOME, "h-1", closed.cause)) is None
        assert await store.look(lambda records: records.tickets(HOME)) == []
        assert len(await store.look(lambda records: records.tickets(HOME, with_closed=True))) == 1
        assert await store.change(lambda records: records.open_ticket(a_ticket())) == 2

    async def test_an_order_goes_from_queued_to_ended(self, store: Store) -> None:
        """A technician watches it go; a state that is not told is a repair that is given twice."""
        evidence = Evidence(
            order="o-1", host="h-1", playbook="p", version="1", started=NOON, ended=NOON, verdict=Verdict.FIXED
        )
        later = NOON + timedelta(seconds=5)
        await store.change(lambda records: records.add_order(HOME, an_order(), NOON))
        queued = await store.look(lambda records: records.orders_of(HOME, "h-1", OrderState.QUEUED))
        assert [record.order for record in queued] == [an_order()]
        await store.change(lambda records: records.set_order_state(HOME, "o-1", OrderState.TAKEN, later))
        assert await store.look(lambda records: records.orders_of(HOME, "h-1", OrderState.QUEUED)) == []
        await store.change(lambda records: records.set_evidence(HOME, "o-1", evidence, later))
        record = await store.look(lambda records: records.order(HOME, "o-1"))
        assert record is not None
        assert (record.state, record.evidence, record.changed_at) == (OrderState.ENDED, evidence, later)
        assert len(await store.look(lambda records: records.orders_on(HOME, 1))) == 1

    async def test_the_latest_report_replaces_the_one_before(self, store: Store) -> None:
        """A page of yesterday's findings sends a technician after a fault that is gone."""
        newer = msgspec.structs.replace(REPORT, took_seconds=2.0)
        await store.change(lambda records: records.set_report(HOME, "h-1", NOON, REPORT))
        await store.change(lambda records: records.set_report(HOME, "h-1", NOON, newer))
        assert await store.look(lambda records: records.report(HOME, "h-1")) == newer
        assert await store.look(lambda records: records.report(HOME, "h-2")) is None

    async def test_a_host_seen_revoked_and_in_conflict_says_so(self, store: Store) -> None:
        """A stolen identity that still looks well is a door left open."""
        await store.change(lambda records: records.add_host(a_host()))
        await store.change(lambda records: records.mark_seen(HOME, "h-1", NOON, "start-1"))
        await store.change(lambda records: records.set_conflict(HOME, "h-1", NOON))
        await store.change(lambda records: records.revoke_host(HOME, "h-1"))
        seen = await store.look(lambda records: records.host(HOME, "h-1"))
        assert seen is not None
        assert (seen.seen_at, seen.instance, seen.conflict_since, seen.revoked) == (NOON, "start-1", NOON, True)

    async def test_a_session_ends_in_time_or_when_dropped(self, store: Store) -> None:
        """A technician who signed out at a customer's desk has signed out."""
        ada = User(organisation=HOME, name="ada", role="technician", password_hash="x")
        until = NOON + timedelta(hours=1)
        await store.change(lambda records: records.add_user(ada))
        await store.change(lambda records: records.add_session("t", "ada", until))
        assert await store.look(lambda records: records.session("t", NOON)) == ada
        assert await store.look(lambda records: records.session("t", until)) is None
        await store.change(lambda records: records.drop_session("t"))
        assert await store.look(lambda records: records.session("t", NOON)) is None

    async def test_the_audit_is_a_chain(self, store: Store) -> None:
        """Who changes or removes a line afterwards is found out."""
        for act in ("enrolled", "ordered", "ended"):
            await store.change(lambda records, act=act: records.audit(NOON, "ada", act, "h-1"))  # type: ignore[misc]  # mypy: a lambda with a default
        lines = list(await store.look(lambda records: records.audit_lines()))
        assert broken_at(lines) is None
        changed = [lines[0], msgspec.structs.replace(lines[1], who="eve"), lines[2]]
        assert broken_at(changed) == 2
        assert broken_at([lines[0], lines[2]]) == 3
        after = await store.look(lambda records: records.audit_lines(since=2))
        assert broken_at(after, lines[1].digest, 2) is None

    async def test_old_vitals_make_room_and_what_a_person_was_told_stays(self, store: Store) -> None:
        """A collector that never forgets is full one night, and then takes nothing."""
        plea = Item("p", "plea", NOON, msgspec.Raw(b"{}"))
        await store.change(lambda records: records.add_item(HOME, "h-1", an_item("v"), NOON))
        await store.change(lambda records: records.add_item(HOME, "h-1", plea, NOON))
        late = NOON + timedelta(days=8)
        assert await store.change(lambda records: records.forget(late, NOON)) == 1
        assert await store.look(lambda records: records.vitals(HOME, "h-1", NOON)) == []
        assert await store.look(lambda records: records.item_ids(HOME, "h-1")) == ["p", "v"]
        await store.change(lambda records: records.forget(late, late))
        assert await store.look(lambda records: records.item_ids(HOME, "h-1")) == ["p"]

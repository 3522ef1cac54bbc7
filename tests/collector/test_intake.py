"""What happens to what an agent says: kept once, refused alone, told to tickets, answered with orders."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from collector.orders import Wish
from collector.store.base import HOME, EntryKind, OrderState, TicketState
from contract.evidence import Evidence, Verdict
from contract.exchange import Gap
from contract.order import Order
from tests.fakes.desk import ADA, FULL, NOON, Agent, Collector, a_plea, a_report, an_item, vitals

pytestmark = pytest.mark.anyio


@pytest.fixture
async def agent(collector: Collector) -> Agent:
    """Enrol one machine."""
    return await collector.enrol()


async def give(agent: Agent, ticket: str = "") -> Order:
    """Order a checkup of *agent*'s machine."""
    record = await agent.collector.parts.orders.create(ADA, Wish("checkup", agent.host.id, ticket=ticket))
    return record.order


async def seen(agent: Agent) -> None:
    """Wait until what *agent* posted is in the store."""
    store = agent.collector.parts.store
    while await store.look(lambda records: records.hosts(HOME)[0].seen_at) is None:
        pass


def the_end_of(order: Order, verdict: Verdict = Verdict.FIXED, playbook: str = "free-disk-space") -> Evidence:
    """Return the evidence a host sends for *order*."""
    return Evidence(
        order=order.id,
        host=order.host,
        playbook=playbook,
        version="1",
        started=NOON,
        ended=NOON,
        verdict=verdict,
        findings_before=(FULL,),
    )


async def test_an_item_sent_again_is_accepted_and_kept_once(agent: Agent) -> None:
    """An answer lost on the way must cost neither the agent nor the reader anything."""
    for _ in range(2):
        reply = await agent.post(vitals("v-1"), an_item("r-1", "report", a_report(FULL)))
        assert reply.json["accepted"] == ["v-1", "r-1"]
        assert reply.json["refused"] == []
    store = agent.collector.parts.store
    assert await store.look(lambda records: records.item_ids(HOME, agent.host.id)) == ["r-1", "v-1"]
    assert len(await store.look(lambda records: records.tickets(HOME))) == 1


async def test_a_plea_sent_again_gets_the_same_number(agent: Agent) -> None:
    """The person at the machine reads one number, and it is the one the technician sees."""
    first = await agent.post(an_item("p-1", "plea", a_plea(FULL)))
    assert first.json["tickets"] == {"p-1": "1"}
    assert (await agent.post(an_item("p-1", "plea", a_plea(FULL)))).json["tickets"] == {"p-1": "1"}
    entries = await agent.collector.parts.store.look(lambda records: records.entries(HOME, 1))
    assert [entry.kind for entry in entries] == [EntryKind.PLEA]


async def test_the_report_of_a_plea_hangs_on_its_ticket_byte_for_byte(agent: Agent) -> None:
    """What the technician downloads is what the customer agreed to send."""
    plea = a_plea(FULL)
    await agent.post(an_item("p-1", "plea", plea))
    store = agent.collector.parts.store
    attached = await store.look(lambda records: records.attachment(HOME, 1, "report-1.json"))
    assert attached is not None
    assert attached.content == msgspec.json.encode(plea.report)


@pytest.mark.parametrize(
    ("body", "slug"),
    [
        (b'{"at": "yesterday", "samples": []}', "schema"),
        (b'{"at": "2026-01-01T24:60:60Z", "samples": []}', "schema"),
        (b'{"at": "2026-01-01T00:00:00", "samples": []}', "schema"),
        (b'{"samples": []}', "schema"),
        (b"[]", "schema"),
        (b"7", "schema"),
        (b'{"at": "2026-01-01T00:00:00Z", "samples": [{"name": "x", "value": 1e999}]}', "schema"),
        (b'{"at": "2026-01-01T00:00:00Z", "samples": [{"name": "x", "value": %s}]}' % (b"9" * 5000), "schema"),
        (b'{"at": "2026-01-01T00:00:00Z", "samples": [], "new": "\xff"}', "json-syntax"),
    ],
)
async def test_a_bad_item_is_refused_alone(agent: Agent, body: bytes, slug: str) -> None:
    """One item an old agent cannot say right must not hold up a thousand that it can."""
    reply = await agent.post(vitals("before"), an_item("bad", "vitals", body), vitals("after"))
    assert reply.status == 200
    assert reply.json["accepted"] == ["before", "after"]
    assert [(refused["id"], refused["slug"]) for refused in reply.json["refused"]] == [("bad", slug)]


async def test_a_field_of_a_newer_agent_is_tolerated(agent: Agent) -> None:
    """Agents and collector are never upgraded in the same minute."""
    body = b'{"at": "2026-01-01T00:00:00Z", "samples": [], "mood": {"deep": [1, 2]}}'
    assert (await agent.post(an_item("v", "vitals", body))).json["accepted"] == ["v"]


@pytest.mark.parametrize("name", ["", "x" * 201, "line\nfeed", "\x00"])
async def test_an_item_without_a_proper_name_is_refused(agent: Agent, name: str) -> None:
    """What cannot be named cannot be kept once."""
    [refused] = (await agent.post(vitals(name))).json["refused"]
    assert refused["slug"] == "limit"


async def test_large_numbers_are_kept_and_harm_nothing(agent: Agent) -> None:
    """A counter of 2**64 is real; SQLite's integers end at 2**63."""
    body = b'{"at": "9999-12-31T23:59:59-12:00", "samples": [{"name": "x", "value": 18446744073709551616}]}'
    item = msgspec.structs.replace(
        an_item("v", "vitals", body), at=msgspec.json.decode(b'"9999-12-31T23:59:59-12:00"', type=type(NOON))
    )
    assert (await agent.post(item)).json["accepted"] == ["v"]
    store = agent.collector.parts.store
    assert len(await store.look(lambda records: records.vitals(HOME, agent.host.id, NOON))) == 1


async def test_a_gap_is_written_down(agent: Agent) -> None:
    """What was dropped is never dropped silently."""
    gap = Gap(NOON, "vitals", 12, NOON - timedelta(hours=1), NOON, "the spool was full")
    await agent.post(an_item("g-1", "gap", gap))
    lines = await agent.collector.parts.store.look(lambda records: records.audit_lines())
    assert [line.detail for line in lines if line.act == "gap"] == [
        "12 x vitals, 2026-03-01 11:00 to 2026-03-01 12:00: the spool was full"
    ]


async def test_an_order_goes_out_until_it_is_held_and_ends_once(agent: Agent) -> None:
    """A repair is given at most once, however many answers are lost."""
    order = await give(agent)
    orders = agent.collector.parts.orders
    for _ in range(2):
        [sent] = (await agent.post()).json["orders"]
        assert sent["id"] == order.id
    assert (await agent.post(have=(order.id,))).json["orders"] == []
    assert (await orders.watch(HOME, order.id)).state is OrderState.TAKEN
    assert (await agent.post()).json["orders"] == []
    await agent.post(an_item(f"evidence-{order.id}", "evidence", the_end_of(order)))
    ended = await orders.watch(HOME, order.id)
    assert ended.state is OrderState.ENDED
    assert ended.evidence is not None
    again = msgspec.structs.replace(the_end_of(order), verdict=Verdict.LEFT)
    await agent.post(an_item("another-name", "evidence", again))
    assert (await orders.watch(HOME, order.id)).evidence == ended.evidence


async def test_evidence_is_written_on_the_ticket_and_fixes_it(agent: Agent) -> None:
    """The whole point: the case ends with its proof."""
    await agent.post(an_item("r-1", "report", a_report(FULL)))
    order = await give(agent, ticket="1")
    body = msgspec.json.encode(the_end_of(order))
    await agent.post(an_item(f"evidence-{order.id}", "evidence", body))
    store = agent.collector.parts.store
    ticket = await store.look(lambda records: records.ticket(HOME, 1))
    assert ticket is not None
    assert ticket.state is TicketState.FIXED
    kinds = [entry.kind for entry in await store.look(lambda records: records.entries(HOME, 1))]
    assert kinds == [EntryKind.FINDING, EntryKind.ORDERED, EntryKind.EVIDENCE]
    attached = await store.look(lambda records: records.attachment(HOME, 1, f"evidence-{order.id}.json"))
    assert attached is not None
    assert attached.content == body


async def test_evidence_about_another_machine_is_refused(agent: Agent) -> None:
    """One stolen machine must not report another's repair done."""
    other = await agent.collector.enrol("other")
    order = await give(other)
    about_other = the_end_of(order)
    for name, evidence in (("a", about_other), ("b", msgspec.structs.replace(about_other, host=agent.host.id))):
        [refused] = (await agent.post(an_item(name, "evidence", evidence))).json["refused"]
        assert refused["slug"] == "not-for-this-host"
    assert (await agent.collector.parts.orders.watch(HOME, order.id)).state is OrderState.QUEUED


async def test_evidence_of_an_order_we_forgot_is_kept(agent: Agent) -> None:
    """After a restored backup, what a machine did must not be lost with what we knew."""
    order = Order(id="o-old", kind="repair", host=agent.host.id, by="ada", not_before=NOON, not_after=NOON)
    assert (await agent.post(an_item("e", "evidence", the_end_of(order)))).json["accepted"] == ["e"]


async def test_an_order_nobody_fetched_in_time_is_never_sent(agent: Agent) -> None:
    """A repair meant for yesterday evening must not start in the middle of today's work."""
    await agent.post(an_item("r-1", "report", a_report(FULL)))
    order = await give(agent, ticket="1")
    agent.collector.clock.pass_by(timedelta(hours=25))
    assert (await agent.post()).json["orders"] == []
    assert (await agent.collector.parts.orders.watch(HOME, order.id)).state is OrderState.EXPIRED
    entries = await agent.collector.parts.store.look(lambda records: records.entries(HOME, 1))
    assert order.id in entries[-1].text.en


async def test_a_parked_exchange_is_answered_when_an_order_is_given(agent: Agent) -> None:
    """A technician who presses repair waits for the machine, not for a timer."""
    parked = asyncio.ensure_future(agent.post(wait=50))
    await seen(agent)
    assert not parked.done()
    order = await give(agent)
    reply = await asyncio.wait_for(parked, 5)
    assert [sent["id"] for sent in reply.json["orders"]] == [order.id]


async def test_what_was_said_is_acknowledged_without_waiting(agent: Agent) -> None:
    """An agent that waits a minute for every acknowledgement loses a minute of what it saw in a crash."""
    reply = await asyncio.wait_for(agent.post(vitals("v"), wait=50), 5)
    assert reply.json["accepted"] == ["v"]


async def test_the_parked_are_released_when_the_collector_ends(agent: Agent) -> None:
    """A restart must not wait a minute for every agent."""
    parked = asyncio.ensure_future(agent.post(wait=50))
    await seen(agent)
    agent.collector.bells.close()
    assert (await asyncio.wait_for(parked, 5)).status == 200


async def test_two_agents_that_take_turns_with_one_identity_are_both_held(agent: Agent) -> None:
    """A copied disk: an order would repair whichever machine happens to ask next."""
    await give(agent)
    assert (await agent.post(instance="A")).json["orders"]
    assert (await agent.post(instance="B")).json["orders"], "a restart is no clone"
    assert (await agent.post(instance="A")).json["orders"] == []
    assert (await agent.post(instance="B")).json["orders"] == []
    host = await agent.collector.parts.store.look(lambda records: records.host(HOME, agent.host.id))
    assert host is not None
    assert host.conflict_since == NOON
    lines = await agent.collector.parts.store.look(lambda records: records.audit_lines())
    assert [line.act for line in lines].count("identity-conflict") == 1
    await agent.collector.parts.intake.settle("root", HOME, agent.host.id)
    assert (await agent.post(instance="B")).json["orders"]


async def test_what_clones_say_is_still_kept(agent: Agent) -> None:
    """Held means no orders; a fault on either is still a fault."""
    for instance in "ABAB":
        assert (await agent.post(vitals(f"v-{instance}"), instance=instance)).json["accepted"]


async def test_another_protocol_is_said_to_be_one(agent: Agent) -> None:
    """An old agent that is told why keeps what it has until it is upgraded."""
    body = {"protocol": 99, "instance": "a", "items": []}
    reply = await agent.collector.ask("POST", "/v1/exchange", body, certificate=agent.certificate)
    assert (reply.status, reply.slug) == (426, "version")

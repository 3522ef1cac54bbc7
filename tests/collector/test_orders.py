"""Who may be told to do what, and what is written down about it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from agent.repair.playbook import load_playbook
from collector.orders import Wish
from collector.store.base import HOME, OrderState
from contract.errors import FeldsherError
from tests.fakes.desk import ADA, FULL, Agent, Collector, a_report, an_item

pytestmark = pytest.mark.anyio


@pytest.fixture
async def agent(collector: Collector) -> Agent:
    """Enrol one machine with a full disk and a ticket about it."""
    agent = await collector.enrol()
    await agent.post(an_item("r-1", "report", a_report(FULL)))
    return agent


async def test_an_order_is_written_on_its_ticket_and_in_the_audit(agent: Agent) -> None:
    """Who told a customer's machine to do what is asked a year later."""
    parts = agent.collector.parts
    record = await parts.orders.create(ADA, Wish("checkup", agent.host.id, ticket="1"))
    entries = await parts.store.look(lambda records: records.entries(HOME, 1))
    assert (entries[-1].by, record.order.id in entries[-1].text.ru) == ("ada", True)
    lines = await parts.store.look(lambda records: records.audit_lines())
    assert (lines[-1].who, lines[-1].act, lines[-1].about) == ("ada", "ordered", record.order.id)


@pytest.mark.parametrize(
    ("wish", "slug"),
    [
        (Wish("checkup", "h-nobody"), "not-found"),
        (Wish("checkup", "{host}", ticket="99"), "not-found"),
        (Wish("checkup", "{host}", ticket="1_0"), "not-found"),
        (Wish("checkup", "{host}", ticket="٣"), "not-found"),
        (Wish("checkup", "{host}", ticket="9" * 30), "not-found"),
        (Wish("repair", "{host}", playbook="no-such-playbook"), "not-found"),
        (Wish("repair", "{host}", playbook="../../etc/passwd"), "not-found"),
        (Wish("repair", "{host}"), "not-found"),
        (Wish("checkup", "{host}", playbook="x"), "usage"),
        (Wish("checkup", "{host}", name="short"), "limit"),
        (Wish("checkup", "{host}", name="with spaces in it"), "limit"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_and_leaves_nothing(agent: Agent, wish: Wish, slug: str) -> None:
    """A slip of the finger must not reach a machine."""
    parts = agent.collector.parts
    before = await parts.store.look(lambda records: records.audit_lines())
    filled = replace(wish, host=wish.host.replace("{host}", agent.host.id))
    with pytest.raises(FeldsherError) as refusal:
        await parts.orders.create(ADA, filled)
    assert refusal.value.slug == slug
    assert await parts.store.look(lambda records: records.audit_lines()) == before
    assert await parts.store.look(lambda records: records.orders_of(HOME, agent.host.id, OrderState.QUEUED)) == []


async def test_another_machines_ticket_is_not_one_of_this_machines(agent: Agent) -> None:
    """The proof would be written on the wrong customer's case."""
    other = await agent.collector.enrol("other")
    with pytest.raises(FeldsherError, match="not-found"):
        await agent.collector.parts.orders.create(ADA, Wish("checkup", other.host.id, ticket="1"))


async def test_a_revoked_host_gets_no_orders(agent: Agent) -> None:
    """Its key may be a thief's."""
    parts = agent.collector.parts
    await parts.intake.revoke("root", HOME, agent.host.id)
    with pytest.raises(FeldsherError, match="host-revoked"):
        await parts.orders.create(ADA, Wish("checkup", agent.host.id))


async def test_another_organisations_host_is_not_there(agent: Agent) -> None:
    """Not even that it exists is told."""
    stranger = msgspec.structs.replace(ADA, organisation="other")
    with pytest.raises(FeldsherError, match="not-found"):
        await agent.collector.parts.orders.create(stranger, Wish("checkup", agent.host.id))


async def test_the_same_wish_sent_twice_is_one_order(agent: Agent) -> None:
    """A technician whose line broke presses the button again; the repair must run once."""
    parts = agent.collector.parts
    wish = Wish("checkup", agent.host.id, name="my-own-name-1")
    first = await parts.orders.create(ADA, wish)
    agent.collector.clock.pass_by(timedelta(minutes=1))
    assert (await parts.orders.create(ADA, wish)).order == first.order
    with pytest.raises(FeldsherError, match="conflict"):
        await parts.orders.create(ADA, Wish("checkup", agent.host.id, ticket="1", name="my-own-name-1"))


async def test_an_order_can_be_taken_back_until_it_is_fetched(agent: Agent) -> None:
    """A technician who picked the wrong machine has until its next breath."""
    parts = agent.collector.parts
    first = await parts.orders.create(ADA, Wish("checkup", agent.host.id, ticket="1"))
    assert (await parts.orders.cancel(ADA, first.order.id)).state is OrderState.CANCELLED
    assert (await agent.post()).json["orders"] == []
    second = await parts.orders.create(ADA, Wish("checkup", agent.host.id))
    await agent.post(have=(second.order.id,))
    with pytest.raises(FeldsherError, match="conflict"):
        await parts.orders.cancel(ADA, second.order.id)
    with pytest.raises(FeldsherError, match="not-found"):
        await parts.orders.cancel(ADA, "o-nobody")


async def test_who_watches_an_order_is_told_when_it_ends(agent: Agent) -> None:
    """The technician's screen shows the proof when it is there, not when it is next polled."""
    parts = agent.collector.parts
    record = await parts.orders.create(ADA, Wish("checkup", agent.host.id))
    watching = asyncio.ensure_future(parts.orders.watch(HOME, record.order.id, timedelta(seconds=50)))
    await parts.store.look(lambda records: records.hosts(HOME))
    assert not watching.done()
    await parts.orders.cancel(ADA, record.order.id)
    assert (await asyncio.wait_for(watching, 5)).state is OrderState.CANCELLED


async def test_a_repair_takes_its_place_from_the_ticket(agent: Agent) -> None:
    """The technician presses repair on the ticket; nobody types a mount point, not even when the fault is gone."""
    parts = agent.collector.parts
    wish = Wish("repair", agent.host.id, playbook="free-disk-space", ticket="1")
    first = await parts.orders.create(ADA, wish)
    assert first.order.params["mount"] == "/"
    assert first.order.playbook_sha256 == load_playbook("free-disk-space").sha256
    await agent.post(an_item("r-2", "report", a_report()))
    assert (await parts.orders.create(ADA, wish)).order.params == first.order.params


async def test_a_repair_without_what_it_needs_is_refused(agent: Agent) -> None:
    """A repair of an unnamed disk must not pick one."""
    with pytest.raises(FeldsherError, match="parameter"):
        await agent.collector.parts.orders.create(ADA, Wish("repair", agent.host.id, playbook="free-disk-space"))

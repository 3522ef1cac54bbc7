"""How a machine becomes known, and how nobody else does."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from collector.store.base import HOME
from contract.enrol_code import heard
from contract.errors import FeldsherError
from contract.exchange import PROTOCOL, Enrol
from tests.fakes.desk import FACTS, Collector, request_of

pytestmark = pytest.mark.anyio


async def a_code(collector: Collector, uses: int = 1) -> str:
    """Return the secret of a new code, as an agent sends it."""
    return heard(await collector.parts.codes.make(HOME, "root", collector.clock(), uses=uses)).secret.hex()


def asking(secret: str, pem: str = "") -> Enrol:
    """Return what a machine with a key of its own asks."""
    return Enrol(PROTOCOL, secret, pem or request_of(ec.generate_private_key(ec.SECP256R1())), "m-1", FACTS)


async def test_a_code_says_where_we_are_and_who_vouches_for_us(collector: Collector) -> None:
    """The agent checks the authority before its first word."""
    code = heard(await collector.parts.codes.make(HOME, "root", collector.clock()))
    assert code.address == "desk.test:8443"
    assert code.authority == collector.parts.authority.fingerprint


async def test_a_machine_is_enrolled_over_the_wire(collector: Collector) -> None:
    """One line on the machine, and it is ours to look after."""
    reply = await collector.ask("POST", "/v1/enrol", asking(await a_code(collector)))
    assert reply.status == 200
    host = await collector.parts.store.look(lambda records: records.host(HOME, reply.json["host"]))
    assert host is not None
    assert (host.name, host.machine_id, host.facts) == ("atlas", "m-1", FACTS)
    assert "BEGIN CERTIFICATE" in reply.json["certificate_pem"]


async def test_one_code_used_by_fifty_at_once_lets_in_one(collector: Collector) -> None:
    """A code read over a shoulder must not enrol a stranger's machine beside the customer's."""
    secret = await a_code(collector)
    at = collector.clock()
    tries = [collector.parts.codes.enrol(asking(secret), at, f"10.0.0.{number}") for number in range(50)]
    ends = await asyncio.gather(*tries, return_exceptions=True)
    refused = [end for end in ends if isinstance(end, FeldsherError)]
    assert {error.slug for error in refused} == {"enrol-code"}
    assert len(refused) == 49
    assert len(await collector.parts.store.look(lambda records: records.hosts(HOME))) == 1
    acts = [line.act for line in await collector.parts.store.look(lambda records: records.audit_lines())]
    assert (acts.count("enrolled"), acts.count("enrol-refused")) == (1, 49)


async def test_a_machine_whose_answer_was_lost_asks_again(collector: Collector) -> None:
    """A broken line during the one minute of set-up must not need a second call to the desk."""
    asked = asking(await a_code(collector))
    first = await collector.parts.codes.enrol(asked, collector.clock(), "10.0.0.1")
    second = await collector.parts.codes.enrol(asked, collector.clock(), "10.0.0.1")
    assert first.host == second.host
    assert len(await collector.parts.store.look(lambda records: records.hosts(HOME))) == 1


@pytest.mark.parametrize("secret", ["", "00" * 16, "x", "\x00", "é" * 40, "a" * 100_000])
async def test_a_wrong_code_is_refused_and_written_down(collector: Collector, secret: str) -> None:
    """Somebody is guessing: the administrator must be able to see it."""
    reply = await collector.ask("POST", "/v1/enrol", asking(secret))
    assert (reply.status, reply.slug) == (401, "enrol-code")
    lines = await collector.parts.store.look(lambda records: records.audit_lines())
    assert [(line.who, line.act) for line in lines] == [("127.0.0.1", "enrol-refused")]


async def test_an_old_code_is_refused(collector: Collector) -> None:
    """A code found in last month's chat opens nothing."""
    secret = await a_code(collector)
    collector.clock.pass_by(timedelta(minutes=61))
    assert (await collector.ask("POST", "/v1/enrol", asking(secret))).slug == "enrol-code"


async def test_a_withdrawn_machine_does_not_come_back_with_its_old_key(collector: Collector) -> None:
    """A thief who has the key must not be helped by a code."""
    asked = asking(await a_code(collector))
    enrolled = await collector.parts.codes.enrol(asked, collector.clock(), "10.0.0.1")
    await collector.parts.intake.revoke("root", HOME, enrolled.host)
    again = msgspec.structs.replace(asked, secret=await a_code(collector))
    assert (await collector.ask("POST", "/v1/enrol", again)).slug == "host-revoked"


async def test_a_guesser_is_slowed_down(collector: Collector) -> None:
    """128 bits cannot be guessed, but our time can be wasted."""
    slugs = [(await collector.ask("POST", "/v1/enrol", b"{}")).slug for _ in range(25)]
    assert slugs[0] == "schema"
    assert slugs[-1] == "rate"


@pytest.mark.parametrize(("uses", "minutes"), [(0, 60), (501, 60), (1, 0), (1, -5), (1, 8 * 24 * 60)])
async def test_a_code_without_bounds_is_not_made(collector: Collector, uses: int, minutes: int) -> None:
    """A code for everybody for ever is a door without a lock."""
    reply = await collector.ask("POST", "/v1/codes", {"uses": uses, "minutes": minutes}, by="root")
    assert (reply.status, reply.slug) == (422, "limit")

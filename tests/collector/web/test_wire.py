"""What agents and tools get for what they send, down to the bytes strangers send."""

import zlib

import msgspec
import pytest

from collector.store.base import HOME, User
from collector.web import interface
from tests.fakes.desk import FULL, Agent, Collector, a_plea, a_report, an_item, let_in, vitals

pytestmark = pytest.mark.anyio


@pytest.fixture
async def agent(collector: Collector) -> Agent:
    """Enrol one machine."""
    return await collector.enrol()


async def test_an_agent_without_a_certificate_is_nobody(collector: Collector) -> None:
    """Reports anyone could send are reports nobody can trust."""
    reply = await collector.ask("POST", "/v1/exchange", {})
    assert (reply.status, reply.slug) == (401, "not-signed-in")
    reply = await collector.ask("POST", "/v1/exchange", {}, certificate=b"of our authority, but of no host")
    assert (reply.status, reply.slug) == (401, "not-signed-in")


async def test_a_revoked_agent_is_refused_at_its_next_word(agent: Agent) -> None:
    """A stolen machine is shut out the moment somebody says so."""
    assert (await agent.post(vitals("v-1"))).status == 200
    reply = await agent.collector.ask("POST", f"/v1/hosts/{agent.host.id}/revoke", by="root")
    assert reply.json["revoked"] is True
    reply = await agent.post(vitals("v-2"))
    assert (reply.status, reply.slug) == (403, "host-revoked")
    ids = await agent.collector.parts.store.look(lambda records: records.item_ids(HOME, agent.host.id))
    assert ids == ["v-1"]


async def test_an_agent_that_posts_without_end_is_slowed(agent: Agent) -> None:
    """One machine gone mad must not cost the others their minute."""
    statuses = [(await agent.post()).status for _ in range(125)]
    assert statuses[100] == 200
    assert statuses[-1] == 429


@pytest.mark.parametrize(
    ("body", "headers", "status", "slug"),
    [
        (b"", {}, 400, "json-syntax"),
        (b"{", {}, 400, "json-syntax"),
        (b'{"protocol":1,"instance":"a"} {}', {}, 400, "json-syntax"),
        (b'\xff\xfe{"a":1}', {}, 400, "json-syntax"),
        (b'{"protocol":1,"instance":"\\ud800"}', {}, 400, "json-syntax"),
        (b"[" * 40 + b"]" * 40, {}, 400, "json-depth"),
        (b"[]", {}, 422, "schema"),
        (b'{"protocol":true,"instance":"a"}', {}, 422, "schema"),
        (b'{"protocol":1.5,"instance":"a"}', {}, 422, "schema"),
        (b'{"protocol":99999999999999999999999999,"instance":"a"}', {}, 426, "version"),
        (b'{"protocol":1,"instance":""}', {}, 422, "limit"),
        (b'{"protocol":1,"instance":"a","wait_seconds":NaN}', {}, 400, "json-syntax"),
        (b'{"protocol":1,"instance":"a","wait_seconds":1e999}', {}, 422, "schema"),
        (b'{"protocol":1,"instance":"a","items":[{"id":"x","kind":"rumour"}]}', {}, 422, "schema"),
        (b"{}", {"content-type": "text/xml"}, 415, "unsupported-media"),
        (b"{}", {"content-encoding": "gzip"}, 415, "unsupported-media"),
        (zlib.compress(bytes(17 * 1024 * 1024)), {"content-encoding": "deflate"}, 413, "archive-limit"),
        (b"{}", {"content-length": str(64 * 1024 * 1024)}, 413, "too-large"),
        (b"{}", {"content-length": "9" * 400}, 413, "too-large"),
    ],
)
async def test_what_is_no_exchange_gets_its_own_answer(
    agent: Agent, body: bytes, headers: dict[str, str], status: int, slug: str
) -> None:
    """An agent of any age can tell what was wrong; and the next good word is taken as if nothing had been."""
    reply = await agent.collector.ask("POST", "/v1/exchange", body, certificate=agent.certificate, headers=headers)
    assert (reply.status, reply.slug) == (status, slug)
    assert set(reply.json) == {"type", "title", "status", "code", "detail", "request_id"}
    assert len(reply.body) < 4096
    assert (await agent.post(vitals("canary"))).json["accepted"] == ["canary"]


async def test_a_deflated_exchange_is_understood(agent: Agent) -> None:
    """What agents really send."""
    body = zlib.compress(msgspec.json.encode({"protocol": 1, "instance": "a", "items": [vitals("v")]}))
    reply = await agent.collector.ask(
        "POST", "/v1/exchange", body, certificate=agent.certificate, headers={"content-encoding": "deflate"}
    )
    assert reply.json["accepted"] == ["v"]


@pytest.mark.parametrize("wait", [-1.0, -1e300])
async def test_a_negative_wait_is_no_wait(agent: Agent, wait: float) -> None:
    """A clock that jumped must not park an agent for ever."""
    assert (await agent.post(wait=wait)).status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v1/nothing", 404), ("GET", "/v1/hosts/", 404), ("PUT", "/v1/hosts", 405), ("TRACE", "/healthz", 405)],
)
async def test_a_wrong_address_or_method_is_a_problem_document_too(
    collector: Collector, method: str, path: str, status: int
) -> None:
    """A tool reads one kind of error, wherever it comes from; and no redirect is built from its Host."""
    reply = await collector.ask(method, path)
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert "location" not in reply.headers


async def test_we_are_well_when_the_store_answers(collector: Collector) -> None:
    """Whatever watches us wants one word."""
    assert (await collector.ask("GET", "/healthz")).json == {"status": "ok"}


async def test_a_technician_reads_the_whole_case(agent: Agent) -> None:
    """The command line and the pages tell the same story."""
    desk = agent.collector
    await agent.post(an_item("p", "plea", a_plea(FULL)))
    [host] = (await desk.ask("GET", "/v1/hosts", by="ada")).json["hosts"]
    assert (host["id"], host["name"]) == (agent.host.id, "atlas")
    shown = (await desk.ask("GET", f"/v1/hosts/{host['id']}", by="ada")).json
    assert shown["report"]["findings"][0]["rule"] == "disk-full"
    assert [ticket["number"] for ticket in shown["tickets"]] == [1]
    [listed] = (await desk.ask("GET", "/v1/tickets", by="ada")).json["tickets"]
    assert (listed["host_name"], listed["cause"]) == ("atlas", FULL.key)
    noted = await desk.ask("POST", "/v1/tickets/1/notes", {"text": "called her"}, by="ada")
    assert noted.json["entries"][-1]["by"] == "ada"
    closed = await desk.ask("POST", "/v1/tickets/1/close", by="ada")
    assert closed.json["state"] == "closed"
    again = await desk.ask("POST", "/v1/tickets/1/close", by="ada")
    assert len(again.json["entries"]) == len(closed.json["entries"])
    assert (await desk.ask("GET", "/v1/tickets", by="ada")).json["tickets"] == []
    assert len((await desk.ask("GET", "/v1/tickets?closed=1", by="ada")).json["tickets"]) == 1


async def test_a_document_is_handed_over_as_a_file_and_nothing_else(agent: Agent) -> None:
    """Whoever wrote it is a stranger; a browser that shows it would run it in the desk's name."""
    await agent.post(an_item("p", "plea", a_plea(FULL)))
    reply = await agent.collector.ask("GET", "/v1/tickets/1/attachments/report-1.json", by="ada")
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["content-disposition"] == "attachment"
    assert msgspec.json.decode(reply.body)["schema"] == "feldsher.report/1"
    assert (await agent.collector.ask("GET", "/v1/tickets/1/attachments/nothing", by="ada")).slug == "not-found"


async def test_a_technician_opens_a_ticket_by_hand(agent: Agent) -> None:
    """Somebody called."""
    reply = await agent.collector.ask("POST", "/v1/tickets", {"host": agent.host.id, "words": "no sound"}, by="ada")
    assert (reply.status, reply.json["title"]["ru"]) == (201, "no sound")
    reply = await agent.collector.ask("POST", "/v1/tickets", {"host": "h-nobody", "words": "no sound"}, by="ada")
    assert (reply.status, reply.slug) == (404, "not-found")


async def test_an_order_is_given_and_watched_over_the_interface(agent: Agent) -> None:
    """From the button to the proof."""
    desk = agent.collector
    given = await desk.ask("POST", "/v1/orders", {"kind": "checkup", "host": agent.host.id}, by="ada")
    assert (given.status, given.json["state"]) == (201, "queued")
    name = given.json["order"]["id"]
    await agent.post(have=(name,))
    assert (await desk.ask("GET", f"/v1/orders/{name}", by="ada")).json["state"] == "taken"
    report = a_report(FULL, why="order")
    assert (await agent.post(an_item(f"report-{name}", "report", report))).status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/orders", {"kind": "checkup", "host": "h", "role": "administrator"}),
        ("/v1/orders", {"kind": "checkup", "host": "h", "state": "ended"}),
        ("/v1/orders", {"kind": "format", "host": "h"}),
        ("/v1/orders", {"kind": "repair", "host": "h", "params": {"mount": ["a", "b"]}}),
        ("/v1/tickets", {"host": "h", "words": "w", "organisation": "other"}),
        ("/v1/tickets", {"host": "h"}),
        ("/v1/tickets/1/notes", {"text": 7}),
    ],
)
async def test_a_wish_with_a_field_we_do_not_know_is_refused(collector: Collector, path: str, body: object) -> None:
    """Who misspells check_only would otherwise repair instead of looking."""
    reply = await collector.ask("POST", path, body, by="ada")
    assert (reply.status, reply.slug) == (422, "schema")


@pytest.mark.parametrize("wait", ["-1", "1e9", "nan", "inf", "1_0", "٣", "x", "1000"])
async def test_a_wait_is_a_plain_number(collector: Collector, wait: str) -> None:
    """Python reads more spellings of numbers than anybody means."""
    reply = await collector.ask("GET", f"/v1/orders/o-1?wait={wait}", by="ada")
    assert (reply.status, reply.slug) == (400, "usage")


@pytest.mark.parametrize("number", ["0", "999999999", "9999999999999999999999", "-1", "1_0", "1e3", "x", "%D9%A3"])
async def test_a_ticket_that_is_not_there_is_not_found(collector: Collector, number: str) -> None:
    """However its number is spelt."""
    assert (await collector.ask("GET", f"/v1/tickets/{number}", by="ada")).slug == "not-found"


async def test_another_organisations_things_are_not_there(agent: Agent) -> None:
    """The same answer as for what does not exist: not even that it exists is told."""
    desk = agent.collector
    await agent.post(an_item("p", "plea", a_plea(FULL)))
    order = (await desk.ask("POST", "/v1/orders", {"kind": "checkup", "host": agent.host.id}, by="ada")).json["order"]
    await let_in(desk, User(organisation="other", name="eve", role="administrator", password_hash="-"))
    for path in (f"/v1/hosts/{agent.host.id}", "/v1/tickets/1", "/v1/tickets/1/attachments/report-1.json"):
        assert (await desk.ask("GET", path, by="eve")).status == 404
    assert (await desk.ask("GET", f"/v1/orders/{order['id']}", by="eve")).status == 404
    for path in ("/v1/tickets/1/notes", "/v1/tickets/1/close", f"/v1/hosts/{agent.host.id}/revoke"):
        assert (await desk.ask("POST", path, {"text": "x"}, by="eve")).status == 404
    assert (await desk.ask("GET", "/v1/hosts", by="eve")).json["hosts"] == []


async def test_every_verb_of_the_interface_says_its_schema(collector: Collector) -> None:
    """A tool of another version must be able to tell what it reads."""
    for path in ("/v1/hosts", "/v1/tickets"):
        assert (await collector.ask("GET", path, by="ada")).json["schema"].startswith("feldsher.")
    assert interface.ROUTES


async def test_our_own_mistake_is_a_number_and_nothing_else(collector: Collector) -> None:
    """A stack trace tells a stranger where to dig; the number tells us."""
    await collector.parts.store.close()
    with pytest.raises(Exception, match="cannot schedule new futures"):
        await collector.ask("GET", "/healthz")

"""The server on a real socket with real TLS: who is let in, what is cut off, and how it ends."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from collector.authority import make_server, open_authority
from collector.server import Protocol, Server, configure, listen_on, name_of
from collector.store.base import HOME
from contract.enrol_code import heard
from contract.errors import FeldsherError
from contract.exchange import PROTOCOL, Enrol, Exchange
from tests.fakes.desk import ADA, FACTS, Collector, open_collector, request_of, vitals

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Line:
    """Where a collector listens, and how to talk to it over TLS."""

    collector: Collector
    server: Server
    task: "asyncio.Task[None]"
    host: str
    port: int

    def context(self, folder: Path | None = None) -> ssl.SSLContext:
        """Return TLS that trusts this collector alone, with the certificate in *folder*."""
        context = ssl.create_default_context(cafile=str(self.collector.folder / "authority" / "certificate.pem"))
        if folder:
            context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        return context

    async def say(self, sent: bytes, context: ssl.SSLContext | None = None) -> bytes:
        """Send bytes and return all that comes until the other end hangs up."""
        reader, writer = await asyncio.open_connection(self.host, self.port, ssl=context or self.context())
        writer.write(sent)
        try:
            return await asyncio.wait_for(reader.read(), 10)
        finally:
            writer.close()

    async def enrol(self, folder: Path) -> str:
        """Enrol a machine whose key lies in *folder*, over the wire, and return its name."""
        key = ec.generate_private_key(ec.SECP256R1())
        await asyncio.to_thread(folder.mkdir)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (folder / "key.pem").write_bytes(pem)
        code = heard(await self.collector.parts.codes.make(HOME, "root", self.collector.clock()))
        answer = await self.say(post("/v1/enrol", Enrol(PROTOCOL, code.secret.hex(), request_of(key), "m", FACTS)))
        enrolled = json.loads(answer.partition(b"\r\n\r\n")[2])
        (folder / "certificate.pem").write_text(enrolled["certificate_pem"])
        return str(enrolled["host"])


def post(path: str, message: object, *headers: str) -> bytes:
    """Return a whole request that asks to be hung up on."""
    body = msgspec.json.encode(message)
    head = [f"POST {path} HTTP/1.1", "Host: desk", "Connection: close", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def status_of(answer: bytes) -> int:
    """Return the status of an answer."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


class Hasty(Protocol):
    """A connection that waits half a second for a request."""

    head_seconds = 0.5


@pytest.fixture
async def line(collector: Collector) -> AsyncIterator[Line]:
    """Serve a collector on a port of its own, and end it whatever happens."""
    listening = listen_on("127.0.0.1:0")
    host, _, port = name_of(listening).rpartition(":")
    up = asyncio.Event()
    authority = collector.folder / "authority" / "certificate.pem"
    config = configure(collector.app, collector.folder / "server", authority, Hasty)
    server = Server(config, up.set, collector.bells.close)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    await asyncio.wait_for(up.wait(), 10)
    yield Line(collector, server, task, host, int(port))
    server.should_exit = True
    await asyncio.wait_for(task, 20)
    listening.close()


@pytest.mark.slow
async def test_an_agent_is_known_by_the_certificate_of_its_connection(line: Line, tmp_path: Path) -> None:
    """The one place where uvicorn's own names are leaned on: identity is the key, and nothing the agent says."""
    name = await line.enrol(tmp_path / "agent")
    posted = post("/v1/exchange", Exchange(PROTOCOL, "start-1", [vitals("v-1")]))
    assert status_of(await line.say(posted)) == 401
    assert status_of(await line.say(posted, line.context(tmp_path / "agent"))) == 200
    ids = await line.collector.parts.store.look(lambda records: records.item_ids(HOME, name))
    assert ids == ["v-1"]


@pytest.mark.slow
async def test_a_certificate_of_another_authority_does_not_even_connect(line: Line, tmp_path: Path) -> None:
    """Anyone can make a certificate; only ours count."""
    stranger = open_collector(tmp_path / "elsewhere")
    make_server(open_authority(tmp_path / "elsewhere" / "authority"), tmp_path / "agent", ["x"])
    context = line.context()
    context.load_cert_chain(tmp_path / "agent" / "certificate.pem", tmp_path / "agent" / "key.pem")
    answer = b""
    try:
        answer = await line.say(post("/v1/exchange", {}), context)
    except (ssl.SSLError, ConnectionError):
        answer = b""
    await stranger.parts.store.close()
    assert answer == b""


@pytest.mark.slow
async def test_nothing_older_than_tls_1_3_is_spoken(line: Line) -> None:
    """In older ones an agent's certificate crosses the wire in clear."""
    context = line.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await line.say(b"GET /healthz HTTP/1.1\r\n\r\n", context)


HEAD = b"POST /v1/exchange HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.slow
async def test_what_is_not_http_as_we_speak_it_is_refused_and_cut_off(line: Line) -> None:
    """Two readers who differ about where a request ends are how one customer reads another's answer."""
    cases = {
        b"hello\r\n\r\n": 400,
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}": 400,
        HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}": 400,
        HEAD + b"Content-Length: +2\r\n\r\n{}": 400,
        HEAD + b"Content-Length: 0x2\r\n\r\n{}": 400,
        HEAD + b"Content-Length: 2,2\r\n\r\n{}": 400,
        HEAD + b"Content-Length: -1\r\n\r\n{}": 400,
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
        HEAD + b"Transfer-Encoding: gzip, chunked, x\r\n\r\n0\r\n\r\n": 400,
        HEAD + b"Host: b\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}": 400,
        b"POST /v1/exchange HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}": 400,
        HEAD + b"".join(b"X-%d: 1\r\n" % number for number in range(80)) + b"\r\n": 431,
        HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n": 431,
        b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n": 431,
        HEAD + b"Connection: close\r\nContent-Length: 67108864\r\nExpect: 100-continue\r\n\r\n": 401,
        b"POST /v1/enrol HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 67108864\r\n\r\n": 413,
    }
    for sent, status in cases.items():
        answer = await line.say(sent)
        assert status_of(answer) in {status, 413 if status == 401 else status}, (sent[:200], answer)
        assert b"100 Continue" not in answer
        assert b"server:" not in answer.lower()
        assert b"application/problem+json" in answer
    good = await line.say(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert status_of(good) == 200


@pytest.mark.slow
async def test_a_connection_that_says_nothing_is_closed(line: Line) -> None:
    """Ten thousand silent connections cost as much as ten thousand busy ones."""
    assert status_of(await line.say(b"")) == 408
    assert status_of(await line.say(b"POST /v1/exchange HTTP/1.1\r\nHo")) == 408


@pytest.mark.slow
async def test_it_ends_at_once_although_an_agent_is_parked(line: Line, tmp_path: Path) -> None:
    """An upgrade must not wait a minute for every agent; each gets its answer and comes back later."""
    await line.enrol(tmp_path / "agent")
    posted = post("/v1/exchange", Exchange(PROTOCOL, "start-1", wait_seconds=50))
    parked = asyncio.ensure_future(line.say(posted, line.context(tmp_path / "agent")))
    while await line.collector.parts.store.look(lambda records: records.hosts(HOME)[0].seen_at) is None:
        pass
    line.server.should_exit = True
    assert status_of(await asyncio.wait_for(parked, 5)) == 200
    await asyncio.wait_for(line.task, 5)


@pytest.mark.slow
async def test_an_agent_that_hangs_up_is_not_waited_for(line: Line, tmp_path: Path) -> None:
    """It has something urgent, and comes back with it at once."""
    await line.enrol(tmp_path / "agent")
    context = line.context(tmp_path / "agent")
    _, writer = await asyncio.open_connection(line.host, line.port, ssl=context)
    writer.write(post("/v1/exchange", Exchange(PROTOCOL, "start-1", wait_seconds=50)))
    while await line.collector.parts.store.look(lambda records: records.hosts(HOME)[0].seen_at) is None:
        pass
    writer.close()
    urgent = post("/v1/exchange", Exchange(PROTOCOL, "start-1", [vitals("v")]))
    assert status_of(await line.say(urgent, context)) == 200
    async with asyncio.timeout(5):
        while line.server.server_state.tasks:
            await line.collector.parts.store.look(lambda records: records.hosts(HOME))


def test_a_port_in_use_is_said_in_one_line() -> None:
    """The most common trouble of a first start must not be a traceback."""
    with listen_on("127.0.0.1:0") as taken, pytest.raises(FeldsherError) as refusal:
        listen_on(name_of(taken))
    assert refusal.value.slug == "port-in-use"


@pytest.mark.parametrize("address", ["", "8443", "127.0.0.1", "127.0.0.1:99999", ":8443", "127.0.0.1:x"])
def test_an_address_that_is_none_is_said_to_be_none(address: str) -> None:
    """A slip in an option is answered with an example."""
    with pytest.raises(FeldsherError) as refusal:
        listen_on(address)
    assert refusal.value.slug == "usage"


async def test_people_are_told_apart_from_agents(line: Line) -> None:
    """The same port serves both; a person comes without a certificate."""
    token = line.collector.tokens[ADA.name]
    head = f"GET /v1/hosts HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    assert status_of(await line.say(head.encode())) == 200

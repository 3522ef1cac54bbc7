"""A real collector, killed again and again while agents post: what it acknowledged is there, exactly once."""

import asyncio
import os
import random
import signal
import ssl
import sys
from pathlib import Path
from subprocess import Popen

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from agent.hosts import processes
from collector.authority import certificate_sha256, read_request
from collector.state import SETTINGS, STORE, Settings, make_state
from collector.store.base import HOME, Host
from collector.store.sqlite import SqliteStore
from contract.exchange import PROTOCOL, Answer, Exchange, Item
from tests.fakes.desk import FACTS, NOON, a_plea, an_item, request_of, vitals

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
SERVE = "import sys; from pathlib import Path; from collector.main import serve; serve(Path(sys.argv[1]), sys.argv[2])"
KILLS = 5
ITEMS = 400


async def test_what_was_acknowledged_survives_being_killed(tmp_path: Path) -> None:
    """The agent throws away what we said we keep, and nobody can ask it again."""
    seed = random.SystemRandom().randrange(2**32)
    dice = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    state, address, context = await a_collector(tmp_path)
    ledger = [vitals(f"v-{number}") for number in range(ITEMS)]
    ledger += [an_item(f"p-{number}", "plea", a_plea(words=f"plea {number}")) for number in range(20)]
    dice.shuffle(ledger)
    acknowledged: set[str] = set()
    waiting = list(ledger)
    for kill in range(KILLS + 1):
        child = processes.start([sys.executable, "-c", SERVE, str(state), address], stderr=tmp_path / "log")
        try:
            await listening(state, child)
            # The last time nobody is killed: everything that is left must get through.
            stop_at = dice.randrange(1, 25) if kill < KILLS else None
            waiting = await post_all((address, context), waiting, acknowledged, stop_at, child.pid)
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
            await asyncio.to_thread(child.wait)
            (state / "listening.json").unlink(missing_ok=True)
    assert not waiting, f"seed {seed}"
    store = SqliteStore(state / STORE)
    kept = await store.look(lambda records: records.item_ids(HOME, "h-1"))
    tickets = await store.look(lambda records: records.tickets(HOME))
    await store.close()
    assert sorted(kept) == sorted(item.id for item in ledger), f"seed {seed}"
    assert len(tickets) == 20, f"seed {seed}: each plea has its one ticket"


async def post_all(
    line: tuple[str, ssl.SSLContext], waiting: list[Item], acknowledged: set[str], stop_at: int | None, pid: int
) -> list[Item]:
    """Post what is *waiting* in small batches, three at a time; kill *pid* during batch number *stop_at*."""
    batches = [waiting[start : start + 7] for start in range(0, len(waiting), 7)]
    count = 0

    async def work() -> None:
        nonlocal count
        while batches:
            batch = batches.pop()
            count += 1
            if count == stop_at:
                asyncio.get_running_loop().call_later(0.002, os.kill, pid, signal.SIGKILL)
            answer = await post(*line, batch)
            acknowledged.update(answer.accepted)

    await asyncio.gather(*(work() for _ in range(3)), return_exceptions=stop_at is not None)
    return [item for item in waiting if item.id not in acknowledged]


async def post(address: str, context: ssl.SSLContext, items: list[Item]) -> Answer:
    """Post *items* over a line of their own and return the answer."""
    host, _, port = address.partition(":")
    body = msgspec.json.encode(Exchange(PROTOCOL, "start-1", items))
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
    try:
        head = f"POST /v1/exchange HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        answer = await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()
    head_, _, said = answer.partition(b"\r\n\r\n")
    if b" 200 " not in head_[:20]:
        raise ConnectionError(answer[:300])
    return msgspec.json.decode(said, type=Answer)


async def listening(state: Path, child: Popen[bytes]) -> None:
    """Wait until the collector listens."""
    async with asyncio.timeout(30):
        while not await asyncio.to_thread((state / "listening.json").exists):
            assert child.poll() is None, "it did not start"
            await asyncio.sleep(0.02)


async def a_collector(folder: Path) -> tuple[Path, str, ssl.SSLContext]:
    """Make a collector's state with one enrolled host; return it, a free address and the host's TLS."""
    state = folder / "state"
    authority = make_state(state, "127.0.0.1:0", ["127.0.0.1"])
    settings = msgspec.json.encode(Settings("127.0.0.1:0", ("127.0.0.1",), exchanges_per_minute=1e6))
    await asyncio.to_thread((state / SETTINGS).write_bytes, settings)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = authority.certify_host(read_request(request_of(key)), "h-1")
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    await asyncio.to_thread((folder / "agent.pem").write_bytes, pem)
    host = Host(
        organisation=HOME,
        id="h-1",
        name="atlas",
        facts=FACTS,
        certificate_sha256=certificate_sha256(certificate.public_bytes(Encoding.DER)),
        machine_id="m",
        enrolled_at=NOON,
    )
    store = SqliteStore(state / STORE)
    await store.change(lambda records: records.add_host(host))
    await store.close()
    context = ssl.create_default_context(cafile=str(state / "authority" / "certificate.pem"))
    context.load_cert_chain(folder / "agent.pem")
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return state, f"127.0.0.1:{port}", context

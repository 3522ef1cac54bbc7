"""Durable items a second: many connections over mutual TLS, each posting a real one and waiting for its yes."""

import asyncio
import json
import ssl
import uuid
from datetime import UTC, datetime
from typing import NamedTuple

import uvloop

from bench.stage import Stage

CONNECTIONS = 32
SECONDS = 10.0
_OK = b"HTTP/1.1 200"


class Rate(NamedTuple):
    """What came of it: *kept* of *sent* items, each of *item_bytes*, in *seconds*."""

    sent: int
    kept: int
    item_bytes: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Items a second, acknowledged after they were on disk."""
        return self.kept / self.seconds


def post_for(stage: Stage, kind: str, body: bytes, seconds: float = SECONDS) -> Rate:
    """Post *body* again and again, under a new name each time, over `CONNECTIONS` connections."""
    return uvloop.run(_post_all(stage, kind, body, seconds))


async def _post_all(stage: Stage, kind: str, body: bytes, seconds: float) -> Rate:
    context = _identity(stage)
    host, _, port = stage.address.rpartition(":")
    instance = json.loads((stage.agent / "resident.json").read_text())["instance"]
    loop = asyncio.get_running_loop()
    begun = loop.time()
    before = b'{"protocol":1,"instance":"%b","have":[],"wait_seconds":0,"items":[{"id":"' % instance.encode()
    after = b'","kind":"%b","body":%b}]}' % (kind.encode(), body)
    lines = [await asyncio.open_connection(host, int(port), ssl=context) for _ in range(CONNECTIONS)]
    counts = await asyncio.gather(*(_post(*line, before, after, begun + seconds) for line in lines))
    sent, kept = (sum(column) for column in zip(*counts, strict=True))
    return Rate(sent, kept, len(body), loop.time() - begun)


async def _post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, before: bytes, after: bytes, ends: float
) -> tuple[int, int]:
    loop = asyncio.get_running_loop()
    sent = kept = 0
    while loop.time() < ends:
        item, at = uuid.uuid4().hex, datetime.now(UTC).isoformat()
        body = before + b'%b","at":"%b%b' % (item.encode(), at.encode(), after)
        head = "POST /v1/exchange HTTP/1.1\r\nHost: collector\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        sent += 1
        answered = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in answered.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        answer = json.loads(await reader.readexactly(length))
        kept += answered.startswith(_OK) and answer["accepted"] == [item]
    writer.close()
    return sent, kept


def _identity(stage: Stage) -> ssl.SSLContext:
    identity = stage.agent / "identity"
    context = ssl.create_default_context(cafile=identity / "authority.pem")
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(identity / "certificate.pem", identity / "key.pem")
    return context

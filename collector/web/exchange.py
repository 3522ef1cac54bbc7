"""The wire to agents: who they are by their certificate, what they post, and the wait for an order."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from collector.authority import certificate_sha256
from collector.store.base import Host
from collector.web.read import parts_of, read, say, source_of
from collector.web.route import Route
from contract.errors import FeldsherError
from contract.exchange import Answer, Enrol, Exchange


async def admit_agent(request: Request) -> Host:
    """Return the host whose certificate the connection carries; ``not-signed-in``, ``host-revoked`` or ``rate``."""
    der: bytes | None = getattr(request.state, "client_cert", None)
    if der is None:
        raise FeldsherError("not-signed-in", "an agent shows its certificate")
    name = certificate_sha256(der)
    parts = parts_of(request)
    host = await parts.guests.host(name)
    if host is None:
        raise FeldsherError("not-signed-in", "this certificate is not known here", remedy="enrol the host")
    if host.revoked:
        raise FeldsherError("host-revoked", "this host's identity was withdrawn")
    if not parts.exchange_pace.allows(host.id):
        raise FeldsherError("rate", "this host posts too often")
    return host


async def exchange(request: Request) -> Response:
    """Take what an agent has and answer; an agent that hangs up while parked is not waited for."""
    host: Host = request.state.host
    posted = await read(request, Exchange)
    taking = asyncio.ensure_future(parts_of(request).intake.take(host, posted))
    if posted.wait_seconds <= 0:
        return say(await taking)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({taking, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not taking.done():
            # Nobody reads this answer. What was posted is in its transaction, whichever way we turn.
            return say(Answer(posted.protocol, parts_of(request).clock()))
        return say(taking.result())
    finally:
        for task in (taking, leaving):
            task.cancel()
            with suppress(asyncio.CancelledError, FeldsherError):
                await task


async def enrol(request: Request) -> Response:
    """Make a host known."""
    parts, source = parts_of(request), source_of(request)
    if not parts.enrol_pace.allows(source):
        raise FeldsherError("rate", "too many tries to enrol from this address")
    asked = await read(request, Enrol)
    return say(await parts.codes.enrol(asked, parts.clock(), source))


async def healthz(request: Request) -> Response:
    """Say that we are up and the store answers."""
    async with asyncio.timeout(timedelta(seconds=5).total_seconds()):
        await parts_of(request).store.look(lambda records: records.host_by_certificate(""))
    return say({"status": "ok"})


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


ROUTES = (
    Route("/v1/exchange", exchange, ("POST",), "agent"),
    Route("/v1/enrol", enrol, ("POST",), "open"),
    Route("/healthz", healthz, ("GET",), "open"),
)

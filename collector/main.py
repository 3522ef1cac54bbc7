"""Wires the collector together: the only file that knows the concrete store, desk and server by name."""

import asyncio
import logging
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import msgspec
import uvloop

from collector import log as logs
from collector.authority import Authority, open_authority
from collector.bells import Bells
from collector.enrolment import Codes
from collector.guests import Guests
from collector.intake import Intake
from collector.orders import Orders
from collector.pace import Pace
from collector.parts import Clock, Parts
from collector.server import Server, configure, listen_on, name_of
from collector.state import Settings, State, read_settings
from collector.store.base import Store
from collector.store.sqlite import SqliteStore
from collector.web.app import make_app
from contract.errors import FeldsherError

# What is older is of no use to a chart or a page; an agent sends nothing again after thirty days.
KEEP_BODIES = timedelta(days=7)
KEEP_ITEMS = timedelta(days=40)
TIDY_EVERY = timedelta(hours=1)
ENROL_BURST, ENROL_PER_MINUTE = 20.0, 10.0
_LOG = logging.getLogger("collector")


def serve(state: Path, listen: str = "127.0.0.1:8443", log: Path | None = None) -> None:
    """Run the collector of the folder *state* on ``host:port`` until SIGTERM; it logs to *log*, else standard error.

    Raises `FeldsherError`: ``config`` where there is no collector, ``state-not-writable``, ``port-in-use``.
    """
    settings = read_settings(state)
    _check_writable(state)
    with listen_on(listen) as listening:
        handler = logs.begin(log)
        try:
            uvloop.run(_serve(State(state), settings, listening, is_chosen=settings.follows or listen.endswith(":0")))
        finally:
            handler.close()


def wire(store: Store, authority: Authority, settings: Settings, clock: Clock) -> tuple[Parts, Bells]:
    """Return the parts of a collector on *store*, and the bells that must be closed when it ends."""
    bells, guests = Bells(), Guests(store, monotonic)
    parts = Parts(
        store=store,
        authority=authority,
        guests=guests,
        intake=Intake(store, bells, guests, clock),
        orders=Orders(store, bells, clock),
        codes=Codes(store, authority, settings.address),
        enrol_pace=Pace(ENROL_BURST, ENROL_PER_MINUTE, monotonic),
        exchange_pace=Pace(settings.exchanges_per_minute, settings.exchanges_per_minute, monotonic),
        clock=clock,
        address=settings.address,
    )
    return parts, bells


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


async def _serve(state: State, settings: Settings, listening: socket.socket, *, is_chosen: bool) -> None:
    authority = open_authority(state.authority)
    store = await asyncio.to_thread(SqliteStore, state.store)
    try:
        address = name_of(listening)
        if is_chosen:
            # Nobody said where we are reached: codes must name the port there is.
            settings = msgspec.structs.replace(settings, address=_reached_at(settings.address, address))
        parts, bells = wire(store, authority, settings, now)
        config = configure(make_app(parts), state.server, state.authority / "certificate.pem")
        server = Server(config, lambda: _say_listening(state, address), bells.close)
        tidying = asyncio.create_task(_tidy(store))
        await server.serve(sockets=[listening])
        tidying.cancel()
        with suppress(asyncio.CancelledError):
            await tidying
    finally:
        state.listening.unlink(missing_ok=True)
        await store.close()
    _LOG.info("ended")


def _reached_at(known: str, listening: str) -> str:
    """Return where agents reach us: by the name that is *known*, at the port we are *listening* on."""
    host, _, port = listening.rpartition(":")
    is_here_alone = host in {"127.0.0.1", "[::1]"}
    return listening if is_here_alone else f"{known.rpartition(':')[0]}:{port}"


async def _tidy(store: Store) -> None:
    while True:
        at = now()
        try:
            count = await store.change(lambda records, at=at: records.forget(at - KEEP_BODIES, at - KEEP_ITEMS))  # type: ignore[misc]  # mypy cannot type a lambda's default
            _LOG.info("tidied %d old items", count)
        except FeldsherError as error:
            # A full disk is told of where it hurts; tidying is tried again in an hour.
            _LOG.warning("not tidied: %s", error)
        await asyncio.sleep(TIDY_EVERY.total_seconds())


def _say_listening(state: State, address: str) -> None:
    # Whoever started us waits for this file; it must never be seen half written.
    whole = state.listening.with_suffix(".new")
    whole.write_bytes(msgspec.json.encode({"address": address, "pid": os.getpid()}))
    whole.rename(state.listening)
    _LOG.info("listening on %s", address)


def _check_writable(state: Path) -> None:
    if not os.access(state, os.W_OK | os.X_OK):
        raise FeldsherError("state-not-writable", "the state folder cannot be written", where=str(state))

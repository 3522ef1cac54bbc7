"""Sets up a new collector: its folder, its first administrator, and the context for the commands beside it."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from collector.access import new_password, new_user, open_session
from collector.client import Context
from collector.state import State, make_state
from collector.store.base import HOME, Records
from collector.store.sqlite import SqliteStore
from contract.errors import FeldsherError

LOCAL_TOKEN_LIFE = timedelta(days=365)
"""How long the commands on the collector's own machine stay signed in: who reads that folder owns the collector."""


async def set_up(  # noqa: PLR0913 - what an administrator decides
    folder: Path, address: str, names: tuple[str, ...], admin: str, password: str = "", *, follows: bool = False
) -> dict[str, str]:
    """Make a collector in *folder* and say what was made; without *password* one is made up and told.

    *follows*: nobody decided on *address*; see `Settings`.

    Raises `FeldsherError`: ``usage`` for a name or password that will not do, ``state-exists``, ``state-not-writable``.
    """
    made_up = "" if password else new_password()
    # Whatever can be refused is refused before anything is made.
    user = await asyncio.to_thread(new_user, HOME, admin, "administrator", password or made_up)
    host, _, port = address.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and int(port) < 1 << 16):
        raise FeldsherError("usage", "the address is not host:port", where="--address")
    authority = make_state(folder, address, names, follows=follows)
    store = await asyncio.to_thread(SqliteStore, State(folder).store)
    try:

        def begin(records: Records) -> str:
            at = datetime.now(UTC)
            records.add_user(user)
            records.audit(at, admin, "collector-made", address)
            return open_session(records, admin, at + LOCAL_TOKEN_LIFE)

        token = await store.change(begin)
    finally:
        await store.close()
    _keep(folder / "context.json", msgspec.json.encode(Context(f"localhost:{port}", authority.pem, token)))
    return {
        "state": str(folder),
        "address": address,
        "admin": admin,
        "password": made_up,
        "fingerprint": authority.fingerprint.hex(),
    }


def _keep(path: Path, content: bytes) -> None:
    try:
        # Made by nobody before, and never readable to others for a moment.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as error:
        raise FeldsherError("state-not-writable", error.strerror or "not written", where=str(path)) from error

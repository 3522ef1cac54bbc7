"""The folder a collector lives in: what lies where, and what the administrator decided."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from collector.authority import Authority, make_authority, make_server
from contract.errors import FeldsherError

AUTHORITY, SERVER, STORE, SETTINGS = "authority", "server", "store.sqlite", "settings.json"


class Settings(msgspec.Struct, frozen=True):
    """What an administrator decided: *address*, the ``host:port`` agents are given; *names*, for the certificate.

    *follows* says that nobody decided on an address: agents are then given the port we are found to listen on.
    """

    address: str
    names: tuple[str, ...]
    follows: bool = False
    exchanges_per_minute: float = 120.0


@dataclass(frozen=True, slots=True)
class State:
    """Where everything of a collector lies in its *folder*."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The authority's key and certificate."""
        return self.folder / AUTHORITY

    @property
    def server(self) -> Path:
        """The server's key and certificate."""
        return self.folder / SERVER

    @property
    def store(self) -> Path:
        """The store."""
        return self.folder / STORE

    @property
    def listening(self) -> Path:
        """Where a running collector says on what address it listens."""
        return self.folder / "listening.json"


def make_state(folder: Path, address: str, names: Sequence[str], *, follows: bool = False) -> Authority:
    """Make a new state in *folder* and return its authority; raises ``state-exists``, ``state-not-writable``.

    The settings come last: a folder without them was never finished.
    """
    state = State(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if (folder / SETTINGS).exists() or state.authority.exists():
            raise FeldsherError("state-exists", "there is a collector already", where=str(folder))
        authority = make_authority(state.authority)
        make_server(authority, state.server, names)
        (folder / SETTINGS).write_bytes(msgspec.json.encode(Settings(address, tuple(names), follows)))
    except OSError as error:
        raise FeldsherError(
            "state-not-writable", error.strerror or "it cannot be written", where=str(folder)
        ) from error
    return authority


def read_settings(folder: Path) -> Settings:
    """Return the settings in *folder*; ``config`` when there are none or they cannot be read."""
    try:
        return msgspec.json.decode((folder / SETTINGS).read_bytes(), type=Settings)
    except FileNotFoundError as error:
        raise FeldsherError(
            "config", "there is no collector here", where=str(folder), remedy="make one: feldsher collector init"
        ) from error
    except (OSError, msgspec.MsgspecError) as error:
        raise FeldsherError("config", str(error), where=str(folder / SETTINGS)) from error

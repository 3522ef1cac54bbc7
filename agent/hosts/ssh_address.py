"""Where a machine is reached over SSH, who we are there, and what we trust: words only, nothing is touched."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from contract.errors import FeldsherError

SSH_PORT = 22
_SHAPE = re.compile(
    r"ssh://(?P<user>[^@/:\s]+)@(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^@/:\[\]\s]+)(?::(?P<port>[0-9]{1,5}))?/?"
)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_MOST_PORTS = 65_535
_REMEDY = "write ssh://user@host or ssh://user@host:port"


@dataclass(frozen=True, slots=True)
class Address:
    """A machine and the account we use on it."""

    user: str
    host: str
    port: int = SSH_PORT

    @property
    def name(self) -> str:
        """How ``known_hosts`` calls it."""
        return self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"


@dataclass(frozen=True, slots=True)
class Trust:
    """How the machine must prove who it is. A *fingerprint* must match, and is all there is on first contact."""

    known_hosts: tuple[Path, ...] = ()
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """How we prove who we are. With an *identity* or a *password*, nothing else is tried."""

    identity: Path | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long each step of getting in may take."""

    connect: timedelta = timedelta(seconds=10)
    banner: timedelta = timedelta(seconds=15)
    sign_in: timedelta = timedelta(seconds=20)


PATIENCE = Patience()


def read_address(text: str) -> Address:
    """Return the address that *text* says; `FeldsherError` with the shape it must have."""
    said = _SHAPE.fullmatch(text)
    if said is None or said["host"].startswith("-") or not 0 < int(said["port"] or SSH_PORT) <= _MOST_PORTS:
        # It is not repeated: somebody may have written a password into it.
        raise FeldsherError("usage", "that is not an SSH address", remedy=_REMEDY)
    return Address(said["user"], said["host"].strip("[]"), int(said["port"] or SSH_PORT))


def read_fingerprint(text: str) -> str:
    """Return a fingerprint as ``ssh-keygen -l`` prints it."""
    text = text.strip().rstrip("=")
    if not _FINGERPRINT.fullmatch(text):
        raise FeldsherError(
            "usage", "that is not a SHA256 fingerprint", remedy="write it as `ssh-keygen -lf` shows it: SHA256:…"
        )
    return text

"""What ``known_hosts`` says of a machine, and whether the key it shows is one we trust. Pure.

The format is that of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". Authorities (``@cert-authority``) are passed over.
"""

import hashlib
import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterable
from fnmatch import fnmatchcase

from msgspec import Struct

from agent.hosts.ssh_address import Address
from contract.errors import FeldsherError

_ORDINARY, _REVOKED = "", "@revoked"


class Known(Struct, frozen=True):
    """Keys by kind: those the machine is known by, and those that were withdrawn."""

    keys: tuple[tuple[str, bytes], ...] = ()
    revoked: tuple[bytes, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which kinds of key to ask the machine for: of another kind it could show any."""
        return tuple({kind: None for kind, _ in self.keys})


def look_up(address: Address, files: Iterable[str]) -> Known:
    """Return what the texts of ``known_hosts`` files say of *address*. A line that makes no sense is passed over."""
    keys: list[tuple[str, bytes]] = []
    revoked: list[bytes] = []
    for text in files:
        for line in text.splitlines():
            marker, names, kind, blob = _fields(line)
            if blob and _is_named(address.name.lower(), names):
                if marker == _ORDINARY:
                    keys.append((kind, blob))
                elif marker == _REVOKED:
                    revoked.append(blob)
    return Known(tuple(keys), tuple(revoked))


def fingerprint_of(blob: bytes) -> str:
    """Return the fingerprint of a public key, as ``ssh-keygen -l`` shows it."""
    return "SHA256:" + b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def check(address: Address, kind: str, blob: bytes, known: Known, fingerprint: str) -> None:
    """Accept the key that *address* shows, or raise ``not-trusted``. Nothing is ever learnt by itself."""
    shown = fingerprint_of(blob)
    where = f"{address.host}:{address.port}"
    if blob in known.revoked:
        raise FeldsherError("not-trusted", f"the host key {shown} was revoked in known_hosts", where=where)
    if fingerprint and fingerprint != shown:
        raise FeldsherError(
            "not-trusted",
            f"its {kind} host key is {shown}, not the fingerprint that was given",
            where=where,
            remedy="do not go on until somebody at the machine has confirmed its key: ssh-keygen -lf on its host key",
        )
    if known.keys and blob not in (key for _, key in known.keys):
        raise FeldsherError(
            "not-trusted",
            f"its host key has changed: it shows {kind} {shown}, and known_hosts says otherwise",
            where=where,
            remedy="somebody may stand between, or the machine was set up anew; in the second case, once its owner"
            f" has confirmed that, remove the old line: ssh-keygen -R '{address.name}'",
        )
    if not known.keys and not fingerprint:
        raise FeldsherError(
            "not-trusted",
            f"its host key is unknown: {kind} {shown}",
            where=where,
            remedy=f"compare it with what its owner tells you, then add --fingerprint {shown}",
        )


def _fields(line: str) -> tuple[str, str, str, bytes]:
    fields = line.split()
    if not fields or fields[0].startswith("#"):
        return "", "", "", b""
    marker = fields.pop(0) if fields[0].startswith("@") else _ORDINARY
    if len(fields) < 3:  # noqa: PLR2004 - names, kind, key
        return "", "", "", b""
    try:
        return marker, fields[0], fields[1], b64decode(fields[2], validate=True)
    except (NotBase64, ValueError):
        return "", "", "", b""


def _is_named(name: str, patterns: str) -> bool:
    if patterns.startswith("|1|"):
        return _is_hash_of(name, patterns)
    named = False
    for pattern in patterns.lower().split(","):
        # [ is an ordinary sign there: [host]:port.
        if fnmatchcase(name, pattern.removeprefix("!").replace("[", "[[]")):
            if pattern.startswith("!"):
                return False
            named = True
    return named


def _is_hash_of(name: str, hashed: str) -> bool:
    try:
        salt, digest = (b64decode(part, validate=True) for part in hashed.split("|")[2:])
    except (NotBase64, ValueError):
        return False
    # SHA-1 is what the format has; it only hides names here, and vouches for nothing.
    return hmac.compare_digest(hmac.new(salt, name.encode(), "sha1").digest(), digest)

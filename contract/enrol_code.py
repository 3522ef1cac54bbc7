"""The code that enrols a host: where the collector is, a one-time secret, and the fingerprint of its authority.

One line to copy or read aloud: Crockford base32 in groups of five, with a check at the end so that a slip of the
finger is told apart from a code that is used up. Standard library only.
"""

from base64 import b32decode, b32encode
from hashlib import sha256
from typing import NamedTuple

from contract.errors import FeldsherError

PREFIX = "FSH1-"
SECRET_BYTES = 16
FINGERPRINT_BYTES = 32
_CHECK_BYTES = 3
# Crockford's alphabet has no I, L, O and U: they are read as 1, 1, 0 and V.
_PLAIN, _CROCKFORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SPEAK = str.maketrans(_PLAIN, _CROCKFORD)
_HEAR = str.maketrans(_CROCKFORD + "ILOU", _PLAIN + _PLAIN[1] + _PLAIN[1] + _PLAIN[0] + _PLAIN[27])


class EnrolCode(NamedTuple):
    """What a code says. *address* is ``host:port``; *authority* the SHA-256 of the authority's certificate in DER."""

    address: str
    secret: bytes
    authority: bytes

    def spoken(self) -> str:
        """Return the code as it is shown to a person."""
        content = self.secret + self.authority + self.address.encode()
        digits = b32encode(content + _check(content)).decode().rstrip("=").translate(_SPEAK)
        return PREFIX + "-".join(digits[start : start + 5] for start in range(0, len(digits), 5))


def heard(words: str) -> EnrolCode:
    """Return what the code *words* says, however it was spaced, hyphenated or cased.

    Raises `FeldsherError` ``enrol-code`` when it cannot be one of ours or was mistyped.
    """
    wrong = FeldsherError(
        "enrol-code",
        "this enrolment code was mistyped or cut short",
        remedy="copy the whole line that begins " + PREFIX,
    )
    squeezed = "".join(words.split()).upper()
    if not squeezed.startswith(PREFIX):
        raise wrong
    digits = squeezed.removeprefix(PREFIX).replace("-", "").translate(_HEAR)
    try:
        whole = b32decode(digits + "=" * (-len(digits) % 8))
    except ValueError:
        raise wrong from None
    content, check = whole[:-_CHECK_BYTES], whole[-_CHECK_BYTES:]
    if len(content) <= SECRET_BYTES + FINGERPRINT_BYTES or check != _check(content):
        raise wrong
    secret, rest = content[:SECRET_BYTES], content[SECRET_BYTES:]
    try:
        address = rest[FINGERPRINT_BYTES:].decode("ascii")
    except UnicodeDecodeError:
        raise wrong from None
    return EnrolCode(address, secret, rest[:FINGERPRINT_BYTES])


def _check(content: bytes) -> bytes:
    return sha256(content).digest()[:_CHECK_BYTES]

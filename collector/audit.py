"""The chain of acts: each line's digest covers the digest before it, so no line can be changed or taken out alone.

A chain by itself does not show that its end was cut off; that takes a witness who remembers how long it was.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

import msgspec

from collector.store.base import AuditLine

BEGINNING = "0" * 64
"""The digest before the first line."""


def digest_after(before: str, number: int, at: datetime, words: tuple[str, str, str, str]) -> str:
    """Return the digest of line *number*; *words* are its who, act, about and detail."""
    # JSON, not joined text: no two different lines may have the same bytes.
    return sha256(msgspec.json.encode([before, number, at, *words])).hexdigest()


def broken_at(lines: Iterable[AuditLine], before: str = BEGINNING, number: int = 0) -> int | None:
    """Return the number of the first line that does not follow from *before*; ``None`` when the chain holds.

    *before* and *number* are the digest and number of the line before the first.
    """
    for line in lines:
        number += 1
        words = (line.who, line.act, line.about, line.detail)
        if line.number != number or line.digest != digest_after(before, line.number, line.at, words):
            return line.number
        before = line.digest
    return None

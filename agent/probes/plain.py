"""Plain numbers and plain words out of whatever a machine said, however odd it was.

Python's own ``int`` takes ``1_000``, ``+7`` and Arabic digits, and numbers no database keeps; these do not.
"""

from agent.probes.base import Unreadable

LARGEST = 2**63 - 1
_SHOWN = 40


def number(word: str) -> int:
    """Return the count that *word* spells in plain digits; `Unreadable` if it is no count a machine can have."""
    if word.isascii() and word.isdigit() and len(word) <= len(str(LARGEST)) and int(word) <= LARGEST:
        return int(word)
    raise Unreadable(f"not a count: {shown(word)}")


def decimal(word: str) -> float:
    """Return the number that *word* spells as ``12`` or ``12.34``; `Unreadable` otherwise."""
    whole, point, rest = word.partition(".")
    if point and not (rest.isascii() and rest.isdigit()):
        raise Unreadable(f"not a number: {shown(word)}")
    return float(f"{number(whole)}.{rest[:15] or 0}")


def words(content: bytes) -> str:
    """Return *content* as text; bytes that are no UTF-8 come out escaped, never lost."""
    return content.decode("utf-8", errors="backslashreplace")


def visible(name: str) -> str:
    """Return *name* with every character that moves a cursor or hides escaped: it will be shown to people."""
    if name.isprintable():
        return name
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)


def shown(seen: str) -> str:
    """Return the beginning of *seen*, fit to stand in a message."""
    return repr(visible(seen[:_SHOWN])) + ("..." if len(seen) > _SHOWN else "")

"""What a probe is: two lines that touch the machine, and a pure function that understands what they brought."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from agent.hosts.base import Host
from contract.sample import Quantity, Sample

BETWEEN_READINGS = timedelta(milliseconds=500)
"""How far apart the two readings of a `twice` probe are, at least."""


class Unreadable(Exception):
    """The machine answered, but not in a form this probe understands; the text says what it saw."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One way to look.

    *read* touches the machine and returns what it said, unparsed; it may raise the host's four errors.
    *understand* is pure: from what was read (twice, for a rate) to samples; it may raise `Unreadable`.
    *gives* lists every quantity it can yield. *runs* and *reads* are the commands and paths it may use, for the page
    "everything we may look at on your machine". *every* is how often a scheduled checkup needs it fresh.
    """

    name: str
    gives: tuple[Quantity, ...]
    read: Callable[[Host], Any]
    understand: Callable[..., Iterator[Sample]]
    os: tuple[str, ...] = ("linux",)
    twice: bool = False
    runs: tuple[tuple[str, ...], ...] = ()
    reads: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    time_limit: timedelta = timedelta(seconds=10)
    every: timedelta = field(default=timedelta(minutes=5))

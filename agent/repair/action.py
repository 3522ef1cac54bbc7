"""What an action is: one row with its arguments, its risk, its inverse, and the functions that touch a host."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from agent.hosts.base import Host, Ran
from agent.repair.parameters import Kind
from agent.repair.risk import Risk
from contract.sample import Value

Arguments = Mapping[str, Any]
"""Checked values by name: sizes in bytes, durations in seconds; ``run`` alone has a list."""


@dataclass(frozen=True, slots=True)
class Acted:
    """How an act went by its own account. Only a verify proves anything."""

    ok: bool
    did: str
    output: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of an action. *within* lists the only values it may have; *pattern* is what they must look like."""

    name: str
    kind: Kind
    optional: bool = False
    within: tuple[str, ...] = ()
    pattern: str = ""


def _nothing(_host: Host, _arguments: Arguments) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Action:
    """One way to change a machine.

    *prepare* touches nothing: it returns what the inverse will need, and raises one of the host's four errors when the
    action must not or cannot be carried out here. *carry* does it. *take_back* is the inverse, from what *prepare*
    returned; it must be harmless when *carry* did not happen, or was already taken back. *instead_of* are the
    beginnings of command lines that this action replaces.
    """

    name: str
    meaning: str
    risk: Risk
    carry: Callable[[Host, Arguments, timedelta], Acted]
    arguments: tuple[Argument, ...] = ()
    prepare: Callable[[Host, Arguments], Any] = field(default=_nothing)
    take_back: Callable[[Host, Arguments, Any, timedelta], Acted] | None = None
    os: tuple[str, ...] = ("linux",)
    instead_of: tuple[tuple[str, ...], ...] = ()


def acted(ran: Ran, did: str) -> Acted:
    """Return how a command went: its exit code, and all it printed."""
    output = "\n".join(part.rstrip() for part in (ran.text, ran.error_text) if part.strip())
    if ran.exit_code == 0:
        return Acted(ok=True, did=did, output=output)
    return Acted(ok=False, did=did, output=output, detail=f"it ended with exit code {ran.exit_code}")


def in_words(arguments: Mapping[str, Value]) -> str:
    """Return *arguments* for a person, as ``keep=200``."""
    return ", ".join(f"{name}={value}" for name, value in arguments.items())

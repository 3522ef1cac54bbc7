"""The side of a repair that touches a machine: the few things a repair asks of it, and the real one over a host.

A rehearsal is another machine behind the same door, made of data.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from agent.checkup import Look
from agent.hosts.base import Host
from agent.probes.base import Probe
from agent.probes.catalogue import probes_giving
from agent.repair.action import Acted, Arguments
from agent.repair.actions import ACTIONS
from contract.sample import Sample


@dataclass(frozen=True, slots=True)
class Seen:
    """What a fresh look saw. *blind* are quantities whose probe failed: they are unknown, not missing."""

    samples: tuple[Sample, ...]
    blind: frozenset[str] = frozenset()


class Machine(Protocol):
    """What a repair asks of a machine. The acts may raise the host's four errors."""

    def elapsed(self) -> float:
        """Return seconds on a clock that only runs forward."""

    def wait(self, span: timedelta) -> None:
        """Let time pass."""

    def os_name(self) -> str:
        """Return which system it runs: ``linux`` or ``windows``."""

    def room_bytes(self) -> int:
        """Return the room where the repair writes down what it does."""

    def look(self, names: frozenset[str]) -> Seen:
        """Look afresh at the quantities *names*; nothing is kept from an earlier look."""

    def prepare(self, action: str, arguments: Arguments) -> Any:
        """Return what taking the action back will need; touch nothing."""

    def act(self, action: str, arguments: Arguments, time_limit: timedelta) -> Acted:
        """Carry the action out."""

    def take_back(self, action: str, arguments: Arguments, before: Any, time_limit: timedelta) -> Acted:
        """Carry out the action's inverse, from what `prepare` returned."""


class HostMachine:
    """A machine behind a `Host`. *state* is a folder on the filesystem that holds the repair's journal."""

    def __init__(self, host: Host, look: Callable[[Host, Sequence[Probe]], Look], state: Path) -> None:
        self._host = host
        self._look = look
        self._state = state

    def elapsed(self) -> float:
        """Return seconds on the host's clock that only runs forward."""
        return self._host.elapsed()

    def wait(self, span: timedelta) -> None:
        """Let time pass at the host."""
        self._host.wait(span)

    def os_name(self) -> str:
        """Return which system the host runs."""
        return self._host.facts.os

    def room_bytes(self) -> int:
        """Return what we can write there: root's reserve counts for root alone."""
        space = self._host.space(str(self._state))
        return space.free_bytes if self._host.facts.elevated else space.available_bytes

    def look(self, names: frozenset[str]) -> Seen:
        """Look with every probe that gives one of *names*."""
        probes = probes_giving(names)
        look = self._look(self._host, probes)
        # A probe that says "not there" has looked: there is no such thing, and that is an answer.
        failed = {unseen.probe for unseen in look.not_seen if unseen.reason != "not-there"}
        seen = {sample.name for sample in look.samples}
        blind = {quantity.name for probe in probes if probe.name in failed for quantity in probe.gives} - seen
        return Seen(look.samples, frozenset(blind) & names)

    def prepare(self, action: str, arguments: Arguments) -> Any:
        """Return what taking the action back will need."""
        return ACTIONS[action].prepare(self._host, arguments)

    def act(self, action: str, arguments: Arguments, time_limit: timedelta) -> Acted:
        """Carry the action out on the host."""
        return ACTIONS[action].carry(self._host, arguments, time_limit)

    def take_back(self, action: str, arguments: Arguments, before: Any, time_limit: timedelta) -> Acted:
        """Carry out the action's inverse on the host."""
        inverse = ACTIONS[action].take_back
        if inverse is None:
            return Acted(ok=False, did=f"{action} was not taken back", detail="the action has no inverse")
        return inverse(self._host, arguments, before, time_limit)

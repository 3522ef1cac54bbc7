"""The shape of a playbook once it was read: frozen, typed, nothing left to check."""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from msgspec import Struct

from agent.expression import Expression
from agent.repair.parameters import Param
from agent.repair.risk import Risk
from contract.text import Text

STEP_TIMEOUT = timedelta(seconds=60)
REPAIR_TIMEOUT = timedelta(minutes=30)


class UndoWord(StrEnum):
    """What taking a step back means, where it is not a list of actions."""

    NOT_NEEDED = "not_needed"  # it changes nothing that lasts
    REGENERABLE = "regenerable"  # what it removed is made again by itself
    IMPOSSIBLE = "impossible"
    INVERSE = "inverse"  # each action's own inverse, from what it saved before


class Act(Struct, frozen=True):
    """One action with its arguments as written: a text may hold ``{name}`` of a parameter or of a quantity."""

    action: str
    arguments: Mapping[str, Any]


class Retry(Struct, frozen=True):
    """How often what failed is tried again: an act after a fresh check, a verify by a fresh look.

    Without it an act is tried once, and a verify is looked at for `VERIFY_PATIENCE`.
    """

    times: int = 0
    delay: timedelta = timedelta(0)


class Step(Struct, frozen=True, kw_only=True):
    """One part of a repair. *name* is unique in its playbook: it is the identity of the evidence."""

    name: str
    when: Expression | None
    check: Expression
    do: tuple[Act, ...]
    verify: Expression
    undo: UndoWord | tuple[Act, ...]
    timeout: timedelta = STEP_TIMEOUT
    retry: Retry = Retry()
    risk: Risk
    line: int = 0


class Needs(Struct, frozen=True):
    """What must be there before it is begun, and the time it may take in all before it is taken back."""

    free_bytes: int = 0
    within: timedelta = REPAIR_TIMEOUT


class Tell(Struct, frozen=True):
    """What the customer is told at the end."""

    fixed: Text
    not_fixed: Text


class Playbook(Struct, frozen=True, kw_only=True):
    """A playbook as it was read.

    *risk* is what it declares, never less than its steps carry. *evidence* are quantities to measure before and after,
    beside those that its conditions and the rules lean on.
    """

    name: str
    version: str
    title: Text
    answers: tuple[str, ...]
    os: str
    risk: Risk
    params: tuple[Param, ...]
    needs: Needs
    evidence: tuple[str, ...] = ()
    ask: Text | None
    tell: Tell
    steps: tuple[Step, ...]
    content: bytes
    where: str

    @property
    def sha256(self) -> str:
        """The digest of the file's exact bytes: what an order names, and what a host trusts."""
        return sha256(self.content).hexdigest()

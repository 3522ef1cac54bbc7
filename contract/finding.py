"""Something wrong, found; with the signs for it, against it and missing."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from contract.sample import Place
from contract.text import Text


class Severity(StrEnum):
    """How loudly a finding speaks; the order of the members is the order of urgency."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Held(StrEnum):
    """Whether a sign was seen. *unknown* is never silently *no*."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Sign(Struct, frozen=True):
    """One thing that speaks for (*weight* > 0, in log-odds) or against (*weight* < 0) a finding."""

    that: str
    held: Held
    weight: float
    say: Text
    missing: tuple[str, ...] = ()


class Finding(Struct, frozen=True, kw_only=True):
    """A rule's *found* at one place.

    *title* and the two tellings are already filled in. *confidence* is a probability. *explained_by* names the findings
    (by ``key``) whose shadow this one is; empty for a cause. *since* is when it was first seen.
    """

    rule: str
    where: Place
    severity: Severity
    confidence: float
    title: Text
    customer: Text
    technician: Text
    signs: tuple[Sign, ...] = ()
    explained_by: tuple[str, ...] = ()
    remedy: tuple[str, ...] = ()
    learn: str = ""
    since: datetime | None = None

    @property
    def key(self) -> str:
        """The stable name of this finding on its host: ``rule`` or ``rule[label=value,…]``."""
        return finding_key(self.rule, self.where)

    @property
    def is_cause(self) -> bool:
        """Whether no other finding explains this one."""
        return not self.explained_by


class CannotTell(Struct, frozen=True):
    """A rule that could say neither *found* nor *not found* at *where*, and the samples it lacked."""

    rule: str
    where: Place
    missing: tuple[str, ...]


def finding_key(rule: str, where: Place) -> str:
    """Return the stable name of a finding of *rule* at *where*."""
    labels = ",".join(f"{label}={value}" for label, value in sorted(where.items()))
    return f"{rule}[{labels}]" if labels else rule

"""What was done in a repair, before and after, and how it ended."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from contract.finding import Finding
from contract.sample import Sample
from contract.text import Text


class Verdict(StrEnum):
    """How a repair ended."""

    HEALTHY = "healthy"  # there was nothing to do
    FIXED = "fixed"
    PUT_BACK = "put_back"  # it did not help, and the machine is as we found it
    LEFT = "left"  # it did not help, and some of it cannot be undone: a person must look
    BLOCKED = "blocked"
    REFUSED = "refused"
    WAITING = "waiting"
    PENDING_REBOOT = "pending_reboot"
    INTERRUPTED = "interrupted"
    EXPIRED = "expired"
    PLANNED = "planned"  # a dry run: nothing was changed


class StepEnd(StrEnum):
    """How one step ended. *unknown* means a power cut hid it; it is never rounded to success."""

    NOTHING_TO_DO = "nothing_to_do"
    WOULD_DO = "would_do"
    CANNOT_KNOW = "cannot_know"
    SKIPPED = "skipped"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    TAKEN_BACK = "taken_back"
    NOT_TAKEN_BACK = "not_taken_back"
    NOT_REACHED = "not_reached"


class StepEvidence(Struct, frozen=True, kw_only=True):
    """One step as it went. *did* are the acts in words, *output* what they printed (cut says so)."""

    name: str
    end: StepEnd
    did: tuple[str, ...] = ()
    output: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    detail: str = ""


class BeforeAfter(Struct, frozen=True):
    """One quantity measured by the same probe before and after; ``None`` where it could not be read."""

    before: Sample | None
    after: Sample | None


class Evidence(Struct, frozen=True, kw_only=True):
    """A whole repair. *reason* is a slug where the verdict needs one (blocked, refused, left).

    *findings_before* are those the repair answers; *findings_after* what a fresh checkup still found of them.
    *tell* is the playbook's own sentence for the customer.
    """

    order: str
    host: str
    playbook: str
    version: str
    ticket: str = ""
    started: datetime
    ended: datetime
    verdict: Verdict
    reason: str = ""
    detail: str = ""
    steps: tuple[StepEvidence, ...] = ()
    measured: tuple[BeforeAfter, ...] = ()
    findings_before: tuple[Finding, ...] = ()
    findings_after: tuple[Finding, ...] = ()
    tell: Text | None = None

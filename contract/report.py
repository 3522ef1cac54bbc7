"""What one checkup saw: ``feldsher.report/1``, the same on the screen, on the wire, on disk and on the ticket."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from contract.finding import CannotTell, Finding
from contract.sample import Sample

SCHEMA: Literal["feldsher.report/1"] = "feldsher.report/1"


class HostFacts(Struct, frozen=True):
    """What every host can say of itself. *family* is the distribution's (``debian``, ``rhel``, ``windows``)."""

    name: str
    os: str
    family: str
    version: str
    kernel: str
    init: str
    arch: str
    elevated: bool
    language: str = "en"


class NotSeen(Struct, frozen=True):
    """A probe that could not look, with *reason* one of the host's: ``not-there``, ``too-slow`` and their like."""

    probe: str
    reason: str
    detail: str = ""


class Redacted(Struct, frozen=True):
    """How many values of one kind were replaced before anything was written."""

    kind: str
    count: int


class Report(Struct, frozen=True, kw_only=True):
    """One look at one host. *took_seconds* is wall time; *why* says what asked for it.

    A scheduled look tells the findings that have lasted long enough; younger ones are *watched*. A look that a person
    asked for tells all. *rules* are those that were judged: only their silence means anything.
    """

    schema: Literal["feldsher.report/1"] = SCHEMA
    at: datetime
    took_seconds: float
    why: Literal["schedule", "order", "person", "repair"]
    host: HostFacts
    samples: tuple[Sample, ...]
    findings: tuple[Finding, ...]
    watched: tuple[Finding, ...] = ()
    rules: tuple[str, ...] = ()
    cannot_tell: tuple[CannotTell, ...] = ()
    not_seen: tuple[NotSeen, ...] = ()
    redacted: tuple[Redacted, ...] = ()
    complaint: str = ""

    @property
    def causes(self) -> tuple[Finding, ...]:
        """The findings nothing else explains, the surest and most urgent first (the order of *findings*)."""
        return tuple(finding for finding in self.findings if finding.is_cause)

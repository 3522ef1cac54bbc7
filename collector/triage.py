"""What a finding, a plea or evidence means for the tickets of its host: open, append, or leave. Pure.

One host and one cause is one ticket, for as long as it is not closed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector import story
from collector.store.base import EntryKind, Ticket, TicketState
from contract.evidence import Evidence, Verdict
from contract.exchange import Plea
from contract.finding import Finding, Severity
from contract.report import Report
from contract.text import Text

_URGENCY = list(Severity)
AGENT = "agent"
"""Who says what an agent saw by itself."""
CUSTOMER = "customer"
"""Who says what a person at the machine said."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open a ticket, the document that told of it attached."""

    cause: str
    title: Text
    severity: Severity
    kind: EntryKind
    by: str
    text: Text
    words: str = ""


@dataclass(frozen=True, slots=True)
class Append:
    """Add a line to *ticket*, and the document if it *attaches*; *state* and *severity* where they change."""

    ticket: int
    kind: EntryKind
    by: str
    text: Text
    attaches: bool
    state: TicketState | None = None
    severity: Severity | None = None


Move = Open | Append


def triage_report(
    report: Report, tickets: Sequence[Ticket], on: Ticket | None = None, ended: Mapping[int, datetime] | None = None
) -> list[Move]:
    """Return what a report that nobody's plea brought means for the *tickets* of its host.

    Only a scheduled look opens tickets: an ordered one tells of findings too young to be sure of. Its order's ticket is
    *on*, which gets the whole look. *ended* is when the last repair of a fixed ticket ended, by the host's clock: a
    look from before it that arrives late does not open it again.
    """
    ended = ended or {}
    about = {ticket.cause: ticket for ticket in tickets if ticket.cause and ticket.state is not TicketState.CLOSED}
    moves: list[Move] = []
    if on is not None:
        state = TicketState.OPEN if on.state is TicketState.SILENT and _sees(report, on) else None
        moves.append(Append(on.number, EntryKind.FINDING, AGENT, story.looked(report), attaches=True, state=state))
    for cause in report.causes:
        ticket = about.get(cause.key)
        if ticket is not None and ticket is not on and report.at >= ended.get(ticket.number, report.at):
            moves += _seen_again(cause, ticket)
        elif ticket is None and report.why == "schedule" and _weighs(cause):
            moves.append(_open(cause))
    moves += _fallen_silent(report, about)
    return moves


def triage_plea(plea: Plea, tickets: Sequence[Ticket]) -> Move:
    """Return where a plea goes: it always gets a ticket."""
    causes = plea.report.causes
    cause = causes[0].key if causes else ""
    title = causes[0].title if causes else story.title_of(plea)
    for ticket in tickets:
        # Without a cause it is the same case only when it is the same complaint in the same words.
        same = ticket.cause == cause and (cause or ticket.title == title)
        if same and ticket.state is not TicketState.CLOSED:
            return Append(
                ticket.number, EntryKind.PLEA, CUSTOMER, story.asked(plea), attaches=True, state=TicketState.OPEN
            )
    severity = causes[0].severity if causes else Severity.MEDIUM
    return Open(cause, title, severity, EntryKind.PLEA, CUSTOMER, story.asked(plea), plea.words.strip())


def triage_evidence(evidence: Evidence, ticket: Ticket | None) -> list[Move]:
    """Return what the end of an order means for its *ticket*."""
    # A checkup has no playbook: its report is the evidence, and comes by itself.
    if ticket is None or not evidence.playbook:
        return []
    # A repair of something else on the same machine does not settle what this ticket is about.
    concerns = not ticket.cause or any(finding.key == ticket.cause for finding in evidence.findings_before)
    fixed = evidence.verdict is Verdict.FIXED and concerns and ticket.state is not TicketState.CLOSED
    state = TicketState.FIXED if fixed else None
    return [Append(ticket.number, EntryKind.EVIDENCE, AGENT, story.repaired(evidence), attaches=True, state=state)]


def _open(cause: Finding) -> Open:
    return Open(cause.key, cause.title, cause.severity, EntryKind.FINDING, AGENT, story.found(cause))


def _seen_again(cause: Finding, ticket: Ticket) -> Iterator[Append]:
    """Say what is news about a known cause; that it is still there is none."""
    again = ticket.state in {TicketState.SILENT, TicketState.FIXED}
    worse = _URGENCY.index(cause.severity) > _URGENCY.index(ticket.severity)
    if again or worse:
        text = story.found(cause, again=again, worse=worse)
        severity = cause.severity if worse else None
        state = TicketState.OPEN
        yield Append(ticket.number, EntryKind.FINDING, AGENT, text, attaches=True, state=state, severity=severity)


def _fallen_silent(report: Report, about: dict[str, Ticket]) -> Iterator[Append]:
    for ticket in about.values():
        if ticket.state is TicketState.OPEN and _is_silent(report, ticket.cause):
            state = TicketState.SILENT
            yield Append(ticket.number, EntryKind.SILENT, AGENT, story.gone(), attaches=False, state=state)


def _is_silent(report: Report, cause: str) -> bool:
    """Whether *report* looked for *cause* and did not see it; one that could not look says nothing."""
    rule, _, place = cause.partition("[")
    if rule not in report.rules or any(finding.key == cause for finding in (*report.findings, *report.watched)):
        return False
    return not any(one.rule == rule and _may_be(place, one.where) for one in report.cannot_tell)


def _may_be(place: str, where: dict[str, str]) -> bool:
    """Whether nothing in *where* contradicts *place*, the part of a finding's key in brackets."""
    return all(f"{label}={value}" in place or f"{label}=" not in place for label, value in where.items())


def _sees(report: Report, ticket: Ticket) -> bool:
    return any(finding.key == ticket.cause for finding in report.findings)


def _weighs(finding: Finding) -> bool:
    return _URGENCY.index(finding.severity) >= _URGENCY.index(Severity.MEDIUM)

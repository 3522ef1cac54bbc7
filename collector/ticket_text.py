"""A ticket as a technician reads it on a terminal: the verdict first, then what it rests on and what was done. Pure."""

from collections.abc import Iterator, Sequence

from collector.run_text import LABELS, in_two_columns, labelled, repair_parts
from collector.store.base import Entry, EntryKind, Ticket, TicketState
from collector.web import words
from collector.wording import moment, visible
from contract.evidence import Evidence, Verdict
from contract.finding import Finding, Held, Sign
from contract.readable import percent, printable
from contract.report import Report
from contract.text import Language, Text

WIDTH = 100
_EVIDENCE_LINES = 2
_TICKET = Text("Ticket", "Заявка")
_MACHINE = Text("Machine", "Машина")
_VERDICT = Text("Verdict", "Заключение")
_WORDS = Text("They said", "Слова клиента")
_CUSTOMER = Text("Say", "Сказать")
_EXPLAINS = Text("Explains", "Объясняет")
_EVIDENCE = Text("Evidence", "Признаки")
_NOT_READ = Text("Not read", "Не прочитано")
_STORY = Text("Story", "История")
_NEXT = Text("Next", "Дальше")
_SINCE = Text("since {moment}", "с {moment}")
_SURE = Text("{percent} sure", "уверенность {percent}")
_OPENED = Text("opened {moment}", "открыта {moment}")
_LABELS = (*LABELS, _TICKET, _MACHINE, _VERDICT, _WORDS, _CUSTOMER, _EXPLAINS, _EVIDENCE, _NOT_READ, _STORY, _NEXT)


def as_text(  # noqa: PLR0913 - what a ticket is made of, each part from its own place
    ticket: Ticket,
    entries: Sequence[Entry],
    report: Report | None,
    evidence: Evidence | None,
    language: Language,
    *,
    width: int = WIDTH,
) -> str:
    """Return the whole ticket in *language*, at most *width* columns wide where words can be wrapped.

    *report* is the host's look that shows the cause, *evidence* the last repair. Nothing in them can steer a terminal.
    """
    return in_two_columns(_parts(ticket, entries, report, evidence, language), _LABELS, language, width)


def finding_of(ticket: Ticket, report: Report | None, evidence: Evidence | None) -> Finding | None:
    """Return what *ticket* is about, as the look or else the repair saw it."""
    seen = (*(report.findings if report else ()), *(evidence.findings_before if evidence else ()))
    return next((finding for finding in seen if finding.key == ticket.cause), None)


def _parts(
    ticket: Ticket, entries: Sequence[Entry], report: Report | None, evidence: Evidence | None, language: Language
) -> Iterator[tuple[Text | None, str]]:
    finding = finding_of(ticket, report, evidence)
    title = printable(ticket.title.in_language(language))
    opened = _filled(_OPENED, language, moment=moment(ticket.opened_at, language))
    yield _TICKET, f"{ticket.number} · {words.STATE[ticket.state.value].in_language(language)} · {opened}"
    yield _VERDICT, f"{_mark(ticket, language)}  {title}"
    if finding:
        sure = _filled(_SURE, language, percent=percent(finding.confidence, language))
        since = _filled(_SINCE, language, moment=moment(finding.since, language)) if finding.since else ""
        yield None, ", ".join(part for part in (sure, since) if part)
        yield None, visible(finding.technician.in_language(language))
    if report:
        facts = report.host
        yield _MACHINE, printable(f"{facts.name} · {facts.family} {facts.version} · {facts.kernel} · {facts.arch}")
    if ticket.words:
        yield _WORDS, f"“{visible(ticket.words)}”"
    if finding:
        yield from labelled(_EVIDENCE, _signs(finding.signs, language))
        shadows = [other for other in (report.findings if report else ()) if finding.key in other.explained_by]
        if shadows:
            yield _EXPLAINS, "; ".join(printable(other.title.in_language(language)) for other in shadows)
    if report and report.not_seen:
        yield _NOT_READ, ", ".join(printable(gap.probe) for gap in report.not_seen)
    if evidence:
        yield from repair_parts(evidence, language)
    if finding:
        tell = evidence.tell if evidence and evidence.verdict is Verdict.FIXED and evidence.tell else finding.customer
        yield _CUSTOMER, visible(tell.in_language(language))
    yield from labelled(_STORY, [_entry(entry, language) for entry in entries])
    if finding and finding.remedy and ticket.state is TicketState.OPEN:
        yield _NEXT, f"feldsher run start {printable(finding.remedy[0])} --on {ticket.host} --ticket {ticket.number}"


def _signs(signs: Sequence[Sign], language: Language) -> list[str]:
    """Return what speaks for and against, then what is unknown, then in one line what was looked for and not so."""
    lines = []
    for sign in signs:
        if sign.held is Held.YES:
            against = f" ({words.PAGE['sign_against'].in_language(language)})" if sign.weight < 0 else ""
            lines.append(f"{'-' if sign.weight < 0 else '+'} {printable(sign.say.in_language(language))}{against}")
    unknown = words.PAGE["sign_unknown"].in_language(language)
    lines += [
        f"? {printable(sign.say.in_language(language))} ({unknown})" for sign in signs if sign.held is Held.UNKNOWN
    ]
    not_so = [printable(sign.say.in_language(language)) for sign in signs if sign.held is Held.NO]
    if not_so:
        lines.append(f"{words.PAGE['signs_not_so'].in_language(language)}: {'; '.join(not_so)}")
    return lines


def _entry(entry: Entry, language: Language) -> str:
    lines = visible(entry.text.in_language(language)).splitlines()
    if entry.kind is EntryKind.EVIDENCE and len(lines) > _EVIDENCE_LINES:
        # The last repair stands above in full, and every one of them in its attachment.
        lines = [*lines[:_EVIDENCE_LINES], "…"]
    said = "\n    ".join(lines)
    attached = f" [{printable(entry.attachment)}]" if entry.attachment else ""
    return f"{moment(entry.at, language)} · {printable(entry.by)}{attached}\n    {said}"


def _mark(ticket: Ticket, language: Language) -> str:
    if ticket.state is TicketState.OPEN:
        return f"{words.SHAPE[ticket.severity]} {words.SEVERITY[ticket.severity].in_language(language).upper()}"
    shape, word = words.SHAPE[ticket.state.value], words.STATE[ticket.state.value]
    return f"{shape} {word.in_language(language).upper()}"


def _filled(text: Text, language: Language, **values: str) -> str:
    return text.filled(values).in_language(language)

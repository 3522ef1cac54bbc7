"""A report as a person reads it on a terminal: the verdict first, plain words, nothing left out silently. Pure."""

from collections.abc import Iterator
from textwrap import wrap

from agent import words
from contract.finding import Finding, Held
from contract.readable import percent, printable
from contract.report import Report
from contract.text import Language

MARK_WIDTH = 7


def as_text(report: Report, language: Language, *, said: str = "", width: int = 100, technician: bool = False) -> str:
    """Return the whole report in *language*, at most *width* columns wide where words can be wrapped.

    *said* are the person's own words. *technician* adds the other telling, the signs and what could not be judged.
    """
    lines = _lines(report, language, said, width, technician=technician)
    return "\n".join(printable(line) for line in lines) + "\n"


def _lines(report: Report, language: Language, said: str, width: int, *, technician: bool) -> Iterator[str]:
    if said:
        yield words.COMPARED.filled({"words": said}).in_language(language)
        yield ""
    for cause in report.causes:
        yield from _finding(cause, report, language, width, technician=technician)
    quiet = len(set(report.rules) - {finding.rule for finding in report.findings})
    yield _row("ok", words.count_checks(quiet, language), language)
    if report.causes:
        top = report.causes[0]
        yield ""
        yield (
            words.MOST_LIKELY.in_language(language)
            .replace("{title}", top.title.in_language(language))
            .replace("{sure}", percent(top.confidence, language))
        )
    else:
        yield ""
        yield words.NOTHING.in_language(language)
    if report.not_seen:
        yield ""
        yield words.COULD_NOT_LOOK.in_language(language)
        for gap in report.not_seen:
            subject = words.PROBES[gap.probe].in_language(language) if gap.probe in words.PROBES else gap.probe
            reason = words.REASONS[gap.reason].in_language(language) if gap.reason in words.REASONS else gap.reason
            yield _row("unknown", f"{subject}: {reason}", language)
            if technician and gap.detail:
                yield " " * MARK_WIDTH + gap.detail
    if technician and report.cannot_tell:
        yield ""
        yield words.CANNOT_TELL.in_language(language)
        for doubt in report.cannot_tell:
            place = "".join(f" {label}={value}" for label, value in doubt.where.items())
            yield _row("unknown", f"{doubt.rule}{place}: {', '.join(doubt.missing)}", language)


def _finding(cause: Finding, report: Report, language: Language, width: int, *, technician: bool) -> Iterator[str]:
    yield _row(cause.severity.value, cause.title.in_language(language), language)
    indent = " " * MARK_WIDTH
    yield from (indent + line for line in wrap(cause.customer.in_language(language), max(width - MARK_WIDTH, 20)))
    if technician:
        yield from (indent + line for line in wrap(cause.technician.in_language(language), max(width - MARK_WIDTH, 20)))
        for sign in cause.signs:
            # A sign that was looked for and is not so says nothing in its own words: left out.
            if sign.held is not Held.NO:
                mark = "?" if sign.held is Held.UNKNOWN else "+" if sign.weight > 0 else "-"
                yield f"{indent}{mark} {sign.say.in_language(language)}"
    for shadow in report.findings:
        if cause.key in shadow.explained_by:
            yield indent + words.FOLDED.in_language(language).replace("{title}", shadow.title.in_language(language))


def _row(status: str, text: str, language: Language) -> str:
    return f"{words.STATUS[status].in_language(language):<{MARK_WIDTH}}{text}"

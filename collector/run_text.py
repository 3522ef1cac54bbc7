"""A repair as a technician reads it on a terminal: how it ended, each step, before and after. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap

from collector.web import words
from collector.wording import named, visible
from contract.evidence import BeforeAfter, Evidence, StepEvidence, Verdict
from contract.readable import printable, readable, span
from contract.sample import Sample
from contract.text import Language, Text

WIDTH = 100
Part = tuple[Text | None, str]
"""A label, where a new one begins, and what stands beside it."""

_REPAIR = Text("Repair", "Ремонт")
_MEASURED = Text("Measured", "Измерено")
_LEFT = Text("Still there", "Осталось")
LABELS = (_REPAIR, _MEASURED, _LEFT)
_ABSENT = Text("not seen", "не видно")
_OUTPUT_LINES = 6


def as_text(evidence: Evidence, language: Language, *, width: int = WIDTH) -> str:
    """Return the whole repair in *language*. Nothing in it can steer a terminal."""
    return in_two_columns(repair_parts(evidence, language), LABELS, language, width)


def in_two_columns(parts: Iterable[Part], labels: Iterable[Text], language: Language, width: int) -> str:
    """Return *parts* with their labels on the left, as wide as the widest of *labels*, and the rest wrapped beside."""
    indent = max(len(label.in_language(language)) for label in labels) + 2
    room = max(width - indent, 20)
    lines = []
    for label, said in parts:
        beside = label.in_language(language) if label else ""
        for line in said.split("\n"):
            # What follows a line hangs under it, so that the next one still begins where the eye expects it.
            hanging = " " * (len(line) - len(line.lstrip()) + 2)
            for piece in wrap(line, room, replace_whitespace=False, subsequent_indent=hanging) or [""]:
                lines.append(f"{beside:<{indent}}{piece}".rstrip())
                beside = ""
    return "\n".join(lines) + "\n"


def repair_parts(evidence: Evidence, language: Language) -> Iterator[Part]:
    """Yield the lines that tell a repair: how it ended, each step, what was measured, what is left."""
    verdict = words.VERDICT[evidence.verdict].in_language(language)
    glyph = {"good": "✓", "calm": "→"}.get(words.VERDICT_TONE.get(evidence.verdict, ""), "✗")
    took = span((evidence.ended - evidence.started).total_seconds(), language)
    yield _REPAIR, f"{glyph} {verdict} · {printable(evidence.playbook)} {printable(evidence.version)} · {took}"
    if evidence.detail or evidence.reason:
        yield (
            None,
            visible(" ".join(part for part in (evidence.detail, f"({evidence.reason})") if part != "()").strip()),
        )
    for step in evidence.steps:
        yield None, _step(step, language)
    # A plan looks once: it has no "after" to compare with.
    if evidence.verdict is not Verdict.PLANNED:
        yield from labelled(_MEASURED, _before_after(evidence.measured, language))
    if evidence.findings_after:
        yield _LEFT, "; ".join(printable(left.title.in_language(language)) for left in evidence.findings_after)


def _step(step: StepEvidence, language: Language) -> str:
    end = words.STEP[step.end].in_language(language)
    took = ""
    if step.started and step.ended:
        took = " · " + span((step.ended - step.started).total_seconds(), language)
    lines = [f"{words.STEP_SHAPE[step.end]} {printable(step.name)} — {end}{took}"]
    lines += [f"  {printable(act)}" for act in (*step.did, step.detail) if act]
    printed = visible(step.output).splitlines()
    lines += [f"  | {line}" for line in printed[:_OUTPUT_LINES]]
    if len(printed) > _OUTPUT_LINES:
        lines.append(f"  | … +{len(printed) - _OUTPUT_LINES}")
    return "\n".join(lines)


def _before_after(measured: Sequence[BeforeAfter], language: Language) -> list[str]:
    rows = []
    # What can be compared comes before what is no longer there.
    for pair in sorted(measured, key=lambda pair: pair.after is None):
        one = pair.before or pair.after
        if one:
            name = printable(named(one, language))
            rows.append((name, _amount(pair.before, language), _amount(pair.after, language)))
    if not rows:
        return []
    names = max(len(name) for name, _, _ in rows)
    befores = max(len(before) for _, before, _ in rows)
    return [f"{name:<{names}}  {before:>{befores}} → {after}" for name, before, after in rows]


def _amount(sample: Sample | None, language: Language) -> str:
    return printable(readable(sample.value, sample.unit, language)) if sample else _ABSENT.in_language(language)


def labelled(label: Text, lines: Sequence[str]) -> Iterator[Part]:
    """Yield *lines*, the first of them under *label*."""
    for place, line in enumerate(lines):
        yield (None if place else label), line

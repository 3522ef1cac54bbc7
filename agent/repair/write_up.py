"""Turns a journal into evidence: what was done, before and after, and how it ended. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent.repair.engine import Check, Do, Finish, FreshCheckup, LookAfter, LookBefore, Undo, VerifyStep, was_cut
from agent.repair.journal import Kind, Line, Outcome
from agent.repair.shape import Playbook, Step
from contract.evidence import BeforeAfter, Evidence, StepEnd, StepEvidence, Verdict
from contract.order import Order
from contract.sample import Sample
from contract.text import Text

REASONS = {
    "cannot-tell": Text(
        "something could not be seen, so nothing was done blindly",
        "что-то не удалось увидеть, а вслепую ничего не делается",
    ),
    "no-room": Text("there was no room to repair safely", "не хватило места, чтобы чинить безопасно"),
    "not-allowed": Text("the machine does not allow it", "компьютер этого не разрешает"),
    "not-there": Text("what the repair needs is not there", "нет того, что нужно для ремонта"),
    "not-verified": Text("a step did not have its effect", "шаг не подействовал"),
    "parameter": Text("a value did not fit", "значение не подошло"),
    "still-found": Text("the fault was still found afterwards", "неполадка осталась и после ремонта"),
    "state-damaged": Text("the record of the repair was damaged", "запись о ремонте повреждена"),
    "step-failed": Text("a step failed", "шаг не удался"),
    "stopped": Text("somebody stopped it", "ремонт остановили"),
    "too-slow": Text("it took too long", "ремонт занял слишком много времени"),
    "unreachable": Text("the machine did not answer", "компьютер не ответил"),
    "unreadable": Text("the machine answered in a way we do not understand", "ответ компьютера непонятен"),
}
"""Every reason that a verdict may have, in words for the customer."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What the evidence is of."""

    playbook: Playbook
    order: Order
    place_words: dict[str, str]


def write_up(subject: Subject, lines: Sequence[Line], finish: Finish, ended: datetime) -> Evidence:
    """Return the evidence of a repair that is over."""
    playbook, order = subject.playbook, subject.order
    before = _last(lines, LookBefore.name)
    after = _last(lines, FreshCheckup.name, LookAfter.name)
    helped = finish.verdict in {Verdict.FIXED, Verdict.HEALTHY}
    tell = playbook.tell.fixed if helped else playbook.tell.not_fixed
    return Evidence(
        order=order.id,
        host=order.host,
        playbook=playbook.name,
        version=playbook.version,
        ticket=order.ticket,
        started=lines[0].at if lines else ended,
        ended=ended,
        verdict=finish.verdict,
        reason=finish.reason,
        detail=finish.detail,
        steps=tuple(step_evidence(step, lines) for step in playbook.steps),
        measured=measured(before.samples if before else (), after.samples if after else ()),
        findings_before=before.findings if before else (),
        findings_after=after.findings if after else (),
        tell=None if finish.verdict is Verdict.PLANNED else tell.filled(subject.place_words),
    )


def measured(before: Sequence[Sample], after: Sequence[Sample]) -> tuple[BeforeAfter, ...]:
    """Pair what was measured before with the same thing after; ``None`` where one of them could not be read."""
    earlier = {_identity(sample): sample for sample in before}
    later = {_identity(sample): sample for sample in after}
    return tuple(BeforeAfter(earlier.get(key), later.get(key)) for key in sorted(earlier.keys() | later.keys()))


def step_evidence(step: Step, lines: Sequence[Line]) -> StepEvidence:
    """Return how *step* went, from its lines."""
    own = [line for line in lines if line.step == step.name]
    results = [line for line in own if line.kind is Kind.RESULT]
    return StepEvidence(
        name=step.name,
        end=_end(step, lines, results),
        did=tuple(did for line in results for did in line.did),
        output="\n".join(line.output for line in results if line.output),
        started=own[0].at if own else None,
        ended=results[-1].at if results else None,
        detail="; ".join(dict.fromkeys(line.detail for line in results if line.detail)),
    )


def _end(step: Step, lines: Sequence[Line], results: Sequence[Line]) -> StepEnd:  # noqa: PLR0911 - one return an end
    came = {line.move: line.outcome for line in results}
    if Undo.name in came:
        return StepEnd.TAKEN_BACK if came[Undo.name] is Outcome.YES else StepEnd.NOT_TAKEN_BACK
    if any(line.kind is Kind.INTENT and line.move == Undo.name and line.step == step.name for line in lines):
        # It was begun, and nobody lived to write down whether it worked.
        return StepEnd.NOT_TAKEN_BACK
    if came.get(VerifyStep.name) is Outcome.YES:
        return StepEnd.DONE
    if was_cut(step, lines):
        return StepEnd.UNKNOWN
    if Do.name in came or VerifyStep.name in came:
        return StepEnd.FAILED
    match came.get(Check.name):
        case Outcome.YES:
            return StepEnd.NOTHING_TO_DO
        case Outcome.SKIPPED:
            return StepEnd.SKIPPED
        case Outcome.UNKNOWN:
            return StepEnd.CANNOT_KNOW
        case _:
            return StepEnd.NOT_REACHED


def _last(lines: Sequence[Line], *moves: str) -> Line | None:
    results = [line for line in lines if line.kind is Kind.RESULT and line.move in moves]
    return results[-1] if results else None


def _identity(sample: Sample) -> tuple[str, tuple[tuple[str, str], ...]]:
    return sample.name, tuple(sorted(sample.where.items()))

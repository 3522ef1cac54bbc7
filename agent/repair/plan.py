"""The truthful plan of a repair: what it would do, what is done already, what cannot be known yet. Changes nothing."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from agent.repair.engine import Finish
from agent.repair.journal import Outcome
from agent.repair.looking import Answer, Looker
from agent.repair.shape import Step
from agent.repair.write_up import Subject, measured, write_up
from contract.evidence import Evidence, StepEnd, StepEvidence, Verdict

_ENDS = {
    Outcome.YES: StepEnd.NOTHING_TO_DO,
    Outcome.NO: StepEnd.WOULD_DO,
    Outcome.SKIPPED: StepEnd.SKIPPED,
    Outcome.UNKNOWN: StepEnd.CANNOT_KNOW,
}


def plan(subject: Subject, looker: Looker, clock: Callable[[], datetime]) -> Evidence:
    """Return the evidence of a dry run: the plan, and what was found and measured."""
    started = clock()
    needs = looker.needs()
    whole = looker.everything()
    would_change: frozenset[str] = frozenset()
    steps: list[StepEvidence] = []
    for step in subject.playbook.steps:
        at, answer = clock(), looker.check(step)
        if would_change & _leans_on(step) and answer.outcome is not Outcome.SKIPPED:
            answer = Answer(Outcome.UNKNOWN, detail="an earlier step would change what it depends on")
        if answer.outcome is Outcome.NO:
            would_change |= step.verify.names
        steps.append(
            StepEvidence(name=step.name, end=_ENDS[answer.outcome], started=at, ended=clock(), detail=answer.detail)
        )
    finish = Finish(Verdict.PLANNED, needs.reason, needs.detail)
    return msgspec.structs.replace(
        write_up(subject, (), finish, clock()),
        started=started,
        steps=tuple(steps),
        measured=measured(whole.samples, ()),
        findings_before=whole.judgement.findings,
    )


def _leans_on(step: Step) -> frozenset[str]:
    return step.check.names | (step.when.names if step.when else frozenset())

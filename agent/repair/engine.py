"""Decide what comes next in a repair. Pure: it touches no machine and reads no clock.

The journal's lines are the whole state. A repair cut short by a power cut is taken up again by reading them back and
asking again. What is promised: nothing is done unless a check said *no* since the repair was last taken up; a step that
was begun is undone when it failed, and all before it, last first; success is every verify and the silence of the rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.repair.journal import Kind, Line, Outcome
from agent.repair.shape import Playbook, Step, UndoWord
from contract.evidence import Verdict

UNDO_CUTS = 3
"""An undo that was cut short this often is not begun again: something about it takes the machine down."""


@dataclass(frozen=True, slots=True)
class CheckNeeds:
    """Find out whether there is room to repair at all."""

    name = "needs"


@dataclass(frozen=True, slots=True)
class LookBefore:
    """Measure what the repair is about."""

    name = "look"


@dataclass(frozen=True, slots=True)
class Check:
    """Find out, by a fresh look, whether *step* has anything to do. *again*: it was tried and failed; wait first."""

    step: Step
    again: bool = False
    name = "check"


@dataclass(frozen=True, slots=True)
class Do:
    """Carry the step out. *again*: what its undo needs was saved at the first try and stays."""

    step: Step
    again: bool = False
    name = "do"


@dataclass(frozen=True, slots=True)
class VerifyStep:
    """Find out, by a fresh look, whether the step worked."""

    step: Step
    name = "verify"


@dataclass(frozen=True, slots=True)
class FreshCheckup:
    """Judge the rules that the playbook answers, on a fresh look."""

    name = "checkup"


@dataclass(frozen=True, slots=True)
class Undo:
    """Take the step back."""

    step: Step
    name = "undo"


@dataclass(frozen=True, slots=True)
class LookAfter:
    """Measure once more: something was taken back since the last look."""

    name = "after"


@dataclass(frozen=True, slots=True)
class Finish:
    """It is over. *reason* is a slug and *detail* the words, where the verdict needs them."""

    verdict: Verdict
    reason: str = ""
    detail: str = ""
    name = "finish"


Move = CheckNeeds | LookBefore | Check | Do | VerifyStep | FreshCheckup | Undo | LookAfter | Finish


@dataclass(frozen=True, slots=True)
class _Wrong:
    reason: str
    detail: str = ""


def what_next(playbook: Playbook, lines: Sequence[Line]) -> Move:
    """Return the next move, given everything that was written down."""
    wrong: _Wrong | None = None
    ahead: Move | None = None
    for move_or_wrong in _stages(playbook, lines):
        if isinstance(move_or_wrong, _Wrong):
            wrong = move_or_wrong
            break
        if move_or_wrong is not None:
            ahead = move_or_wrong
            break
    stop = next((line for line in lines if line.kind is Kind.STOP), None)
    if wrong is None and stop is not None:
        wrong = _Wrong(stop.reason, stop.detail)
    if wrong is not None:
        return _back_out(playbook, lines, wrong)
    if ahead is not None:
        return ahead
    changed = any(was_touched(step, lines) for step in playbook.steps)
    return Finish(Verdict.FIXED if changed else Verdict.HEALTHY)


def was_touched(step: Step, lines: Sequence[Line]) -> bool:
    """Whether *step* may have changed the machine: it was begun, and not refused before anything happened."""
    ends = _ends_of_begun(step, lines)
    return any(end is not Outcome.REFUSED for end in ends)


def was_cut(step: Step, lines: Sequence[Line]) -> bool:
    """Whether *step* was begun once without anybody living to write down how it went."""
    return None in _ends_of_begun(step, lines)


def _ends_of_begun(step: Step, lines: Sequence[Line]) -> list[Outcome | None]:
    """Return how each begun act of *step* came out; ``None`` where nobody wrote it down."""
    ends: list[Outcome | None] = []
    open_intent = False
    for line in lines:
        if line.kind is Kind.RESUMED:
            open_intent = False
        elif _is_intent(line, Do.name, step.name):
            open_intent = True
            ends.append(None)
        elif open_intent and line.step == step.name and line.move == Do.name:
            open_intent = False
            ends[-1] = line.outcome
    return ends


def _stages(playbook: Playbook, lines: Sequence[Line]) -> "list[Move | _Wrong | None]":
    """Return for each stage of the repair, in order, the move it still needs, what went wrong in it, or nothing."""
    return [
        _stage(CheckNeeds(), lines),
        _stage(LookBefore(), lines),
        *(_within(step, lines) for step in playbook.steps),
        _stage(FreshCheckup(), lines),
    ]


def _stage(move: CheckNeeds | LookBefore | FreshCheckup, lines: Sequence[Line]) -> Move | _Wrong | None:
    result = _last_result(move.name, lines)
    if result is None:
        return move
    return None if result.outcome is Outcome.YES else _Wrong(result.reason, result.detail)


def _within(step: Step, lines: Sequence[Line]) -> Move | _Wrong | None:
    """Walk through what *step* has been through so far; the last answer counts."""
    answer: Move | _Wrong | None = Check(step)
    tries = 0
    for line in lines:
        if line.kind is Kind.RESUMED and isinstance(answer, Do):
            # The check was true of the machine as it was before the cut, not of this one.
            answer = Check(step, again=tries > 0)
        if line.step != step.name or line.move == Undo.name:
            continue
        match line.move, line.outcome:
            case Check.name, Outcome.YES | Outcome.SKIPPED:
                answer = VerifyStep(step) if tries else None
            case Check.name, Outcome.NO:
                answer = Do(step, again=tries > 0)
            case Do.name, None:
                # Until its result is written nobody knows how it went; then verify decides, it is not done twice.
                tries += 1
                answer = VerifyStep(step)
            case Do.name, Outcome.YES:
                answer = VerifyStep(step)
            case Do.name, Outcome.NO if tries <= step.retry.times:
                answer = Check(step, again=True)
            case VerifyStep.name, Outcome.YES:
                answer = None
            case _:
                answer = _Wrong(line.reason, line.detail)
    return answer


def _back_out(playbook: Playbook, lines: Sequence[Line], wrong: _Wrong) -> Move:
    """Undo whatever was begun, last first: a step that failed may have half happened."""
    touched = [step for step in reversed(playbook.steps) if was_touched(step, lines)]
    clean = True
    for step in touched:
        if isinstance(step.undo, UndoWord) and step.undo is not UndoWord.INVERSE:
            clean &= step.undo is not UndoWord.IMPOSSIBLE
            continue
        result = _last_result(Undo.name, lines, step.name)
        cuts = sum(_is_intent(line, Undo.name, step.name) for line in lines)
        if result is None and cuts < UNDO_CUTS:
            return Undo(step)
        clean &= result is not None and result.outcome is Outcome.YES
    if touched and _is_stale(lines):
        return LookAfter()
    if not touched and wrong.reason in _ONLY_TAKEN_BACK:
        return Finish(Verdict.PUT_BACK, wrong.reason, wrong.detail)
    if not touched:
        return Finish(Verdict.BLOCKED, wrong.reason, wrong.detail)
    return Finish(Verdict.PUT_BACK if clean else Verdict.LEFT, wrong.reason, wrong.detail)


# Nothing was changed in these cases either, but nothing stood in the way: it ran, and did not help or was stopped.
_ONLY_TAKEN_BACK = frozenset({"still-found", "stopped", "too-slow"})


def _is_stale(lines: Sequence[Line]) -> bool:
    """Whether anything was begun since the machine was last measured as a whole."""
    stale = True
    for line in lines:
        if line.kind is Kind.INTENT:
            stale = True
        elif line.kind is Kind.RESULT and line.move in {FreshCheckup.name, LookAfter.name}:
            stale = False
    return stale


def _last_result(move: str, lines: Sequence[Line], step: str = "") -> Line | None:
    results = [line for line in lines if line.kind is Kind.RESULT and line.move == move and line.step == step]
    return results[-1] if results else None


def _is_intent(line: Line, move: str, step: str) -> bool:
    return line.kind is Kind.INTENT and line.move == move and line.step == step

"""The engine's promises, on playbooks made for the purpose and on every story a machine could make up."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.expression import parse_condition
from agent.repair.engine import (
    Check,
    CheckNeeds,
    Do,
    Finish,
    FreshCheckup,
    LookAfter,
    LookBefore,
    Move,
    Undo,
    VerifyStep,
    what_next,
)
from agent.repair.journal import Kind, Line, Outcome
from agent.repair.risk import Risk
from agent.repair.shape import Act, Needs, Playbook, Retry, Step, Tell, UndoWord
from contract.evidence import Verdict
from contract.text import Text

NOON = datetime(2024, 1, 1, tzinfo=UTC)
SAID = Text(en="said", ru="сказано")
TRUE = parse_condition("1 == 1", {})
MOST_MOVES = 200


def step(name: str, undo: UndoWord = UndoWord.INVERSE, retries: int = 0) -> Step:
    return Step(
        name=name,
        when=None,
        check=TRUE,
        do=(Act("note", {"text": name}),),
        verify=TRUE,
        undo=undo,
        retry=Retry(times=retries),
        risk=Risk.LOW,
    )


def book(*steps: Step) -> Playbook:
    return Playbook(
        name="made-up",
        version="1.0.0",
        title=SAID,
        answers=("stuck",),
        os="linux",
        risk=Risk.LOW,
        params=(),
        needs=Needs(),
        ask=None,
        tell=Tell(fixed=SAID, not_fixed=SAID),
        steps=steps,
        content=b"",
        where="made-up.yaml",
    )


STOP, WIPE = step("stop"), step("wipe")
BOOK = book(STOP, WIPE)


class Story:
    """Lines as they would stand in the journal, written in short."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.add(Kind.BEGAN)

    def add(self, kind: Kind, move: str = "", step: str = "", outcome: Outcome | None = None, reason: str = "") -> None:
        number = len(self.lines) + 1
        self.lines.append(Line(number=number, at=NOON, kind=kind, move=move, step=step, outcome=outcome, reason=reason))

    def result(self, move: Move | type[Move], outcome: Outcome = Outcome.YES, reason: str = "") -> "Story":
        self.add(Kind.RESULT, move.name, getattr(getattr(move, "step", None), "name", ""), outcome, reason)
        return self

    def done(self, step: Step, outcome: Outcome = Outcome.YES) -> "Story":
        self.result(Check(step), Outcome.NO)
        self.add(Kind.INTENT, Do.name, step.name)
        return self.result(Do(step), outcome)

    def worked(self, step: Step) -> "Story":
        return self.done(step).result(VerifyStep(step))


def begun() -> Story:
    return Story().result(CheckNeeds()).result(LookBefore())


def test_makes_the_moves_in_order() -> None:
    """A technician reads the evidence in the order of the file."""
    story = Story()
    assert what_next(BOOK, story.lines) == CheckNeeds()
    assert what_next(BOOK, story.result(CheckNeeds()).lines) == LookBefore()
    assert what_next(BOOK, story.result(LookBefore()).lines) == Check(STOP)
    assert what_next(BOOK, story.result(Check(STOP), Outcome.NO).lines) == Do(STOP)
    story.add(Kind.INTENT, Do.name, STOP.name)
    assert what_next(BOOK, story.result(Do(STOP)).lines) == VerifyStep(STOP)
    assert what_next(BOOK, story.result(VerifyStep(STOP)).lines) == Check(WIPE)
    assert what_next(BOOK, story.result(Check(WIPE)).lines) == FreshCheckup()
    assert what_next(BOOK, story.result(FreshCheckup()).lines) == Finish(Verdict.FIXED)


def test_a_machine_that_is_well_is_left_alone() -> None:
    """A customer whose machine was repaired yesterday must not be repaired again."""
    story = begun().result(Check(STOP)).result(Check(WIPE), Outcome.SKIPPED).result(FreshCheckup())
    assert what_next(BOOK, story.lines) == Finish(Verdict.HEALTHY)


def test_nothing_to_do_and_still_ill_is_no_success() -> None:
    """A ticket must not be closed by a repair that found nothing to repair."""
    story = begun().result(Check(STOP)).result(Check(WIPE)).result(FreshCheckup(), Outcome.NO, "still-found")
    assert what_next(BOOK, story.lines) == Finish(Verdict.PUT_BACK, "still-found")


def test_takes_back_last_first() -> None:
    """A repair that did not help is taken back in reverse order, and measured again."""
    story = begun().worked(STOP).worked(WIPE).result(FreshCheckup(), Outcome.NO, "still-found")
    for expected in (WIPE, STOP):
        assert what_next(BOOK, story.lines) == Undo(expected)
        story.add(Kind.INTENT, Undo.name, expected.name)
        story.result(Undo(expected))
    assert what_next(BOOK, story.lines) == LookAfter()
    assert what_next(BOOK, story.result(LookAfter()).lines) == Finish(Verdict.PUT_BACK, "still-found")


def test_takes_back_the_step_that_failed() -> None:
    """It may have half happened."""
    assert what_next(BOOK, begun().done(STOP, Outcome.NO).lines) == Undo(STOP)


def test_does_nothing_where_it_cannot_see() -> None:
    """Nothing is applied unless the check is false now; unknown is not false."""
    story = begun().result(Check(STOP), Outcome.UNKNOWN, "cannot-tell")
    assert what_next(BOOK, story.lines) == Finish(Verdict.BLOCKED, "cannot-tell")


def test_a_refusal_before_the_act_needs_no_undo() -> None:
    """What another program manages was never touched, so there is nothing to take back."""
    story = begun().result(Check(STOP), Outcome.NO).result(Do(STOP), Outcome.REFUSED, "not-allowed")
    assert what_next(BOOK, story.lines) == Finish(Verdict.BLOCKED, "not-allowed")


def test_a_refusal_after_an_earlier_step_takes_that_one_back() -> None:
    """Half a repair is worse than none."""
    story = begun().worked(STOP).result(Check(WIPE), Outcome.NO).result(Do(WIPE), Outcome.REFUSED, "not-allowed")
    assert what_next(BOOK, story.lines) == Undo(STOP)


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        (UndoWord.IMPOSSIBLE, Verdict.LEFT),
        (UndoWord.REGENERABLE, Verdict.PUT_BACK),
        (UndoWord.NOT_NEEDED, Verdict.PUT_BACK),
    ],
)
def test_says_truly_whether_the_machine_is_as_found(word: UndoWord, verdict: Verdict) -> None:
    """A person must look only where something was really lost."""
    only = step("only", word)
    story = begun().worked(only).result(FreshCheckup(), Outcome.NO, "still-found")
    assert what_next(book(only), story.lines) == Finish(verdict, "still-found")


def test_an_undo_that_fails_leaves_it_to_a_person() -> None:
    """The rest is taken back all the same."""
    story = begun().worked(STOP).done(WIPE, Outcome.NO)
    story.add(Kind.INTENT, Undo.name, WIPE.name)
    story.result(Undo(WIPE), Outcome.NO)
    assert what_next(BOOK, story.lines) == Undo(STOP)
    story.add(Kind.INTENT, Undo.name, STOP.name)
    story.result(Undo(STOP)).result(LookAfter())
    assert what_next(BOOK, story.lines).verdict is Verdict.LEFT  # type: ignore[union-attr]  # a Finish, or the test fails


def test_a_step_cut_short_is_never_done_twice() -> None:
    """After a power cut the verify decides: the act may have happened whole, half or not at all."""
    story = begun().result(Check(STOP), Outcome.NO)
    story.add(Kind.INTENT, Do.name, STOP.name)
    story.add(Kind.RESUMED)
    assert what_next(BOOK, story.lines) == VerifyStep(STOP)
    assert what_next(BOOK, story.result(VerifyStep(STOP), Outcome.NO, "not-verified").lines) == Undo(STOP)


def test_a_check_from_before_a_power_cut_is_made_again() -> None:
    """Days may have passed: false then is not false now."""
    story = begun().result(Check(STOP), Outcome.NO)
    story.add(Kind.RESUMED)
    assert what_next(BOOK, story.lines) == Check(STOP)


def test_a_stop_takes_back_and_says_so() -> None:
    """The customer changes their mind in the middle."""
    story = begun().worked(STOP)
    story.add(Kind.STOP, reason="stopped")
    assert what_next(BOOK, story.lines) == Undo(STOP)
    story.add(Kind.INTENT, Undo.name, STOP.name)
    story.result(Undo(STOP)).result(LookAfter())
    assert what_next(BOOK, story.lines) == Finish(Verdict.PUT_BACK, "stopped")


def test_a_failed_act_is_tried_again_only_after_a_check() -> None:
    """A lock that another installation holds is gone a moment later."""
    patient = step("patient", retries=1)
    story = begun().done(patient, Outcome.NO)
    assert what_next(book(patient), story.lines) == Check(patient, again=True)
    story.result(Check(patient), Outcome.NO)
    assert what_next(book(patient), story.lines) == Do(patient, again=True)
    story.add(Kind.INTENT, Do.name, patient.name)
    assert what_next(book(patient), story.result(Do(patient), Outcome.NO, "step-failed").lines) == Undo(patient)


def test_an_undo_that_takes_the_machine_down_is_given_up() -> None:
    """A machine must not restart for ever because of us."""
    story = begun().done(STOP, Outcome.NO)
    for _ in range(3):
        story.add(Kind.INTENT, Undo.name, STOP.name)
        story.add(Kind.RESUMED)
    assert what_next(BOOK, story.lines) == LookAfter()
    end = what_next(BOOK, story.result(LookAfter()).lines)
    assert isinstance(end, Finish)
    assert end.verdict is Verdict.LEFT


ENDS: dict[type[Move], tuple[Outcome, ...]] = {
    CheckNeeds: (Outcome.YES, Outcome.YES, Outcome.NO),
    LookBefore: (Outcome.YES,),
    Check: (Outcome.NO, Outcome.NO, Outcome.NO, Outcome.YES, Outcome.SKIPPED, Outcome.UNKNOWN),
    Do: (Outcome.YES, Outcome.YES, Outcome.NO, Outcome.REFUSED),
    VerifyStep: (Outcome.YES, Outcome.YES, Outcome.NO, Outcome.UNKNOWN),
    FreshCheckup: (Outcome.YES, Outcome.NO, Outcome.UNKNOWN),
    Undo: (Outcome.YES, Outcome.YES, Outcome.NO),
    LookAfter: (Outcome.YES,),
}

steps = st.lists(st.tuples(st.sampled_from(list(UndoWord)), st.integers(0, 2)), min_size=1, max_size=4).map(
    lambda made: [step(f"step {number}", word, retries) for number, (word, retries) in enumerate(made)]
)


def told(playbook: Playbook, choose: Callable[[int], int]) -> tuple[Story, list[Move], Finish]:
    """Make a story up: at each move *choose* its outcome, a cut before or after the intent, or a request to stop."""
    story, cuts = Story(), 0
    moves: list[Move] = []
    while True:
        assert len(moves) < MOST_MOVES, "the repair does not come to an end"
        move = what_next(playbook, story.lines)
        if isinstance(move, Finish):
            return story, moves, move
        if choose(20) == 0 and not any(line.kind is Kind.STOP for line in story.lines):
            story.add(Kind.STOP, reason="stopped")
            continue
        cut = cuts < 8 and choose(8) == 0
        touches = isinstance(move, Do | Undo)
        if cut and (not touches or choose(2) == 0):
            # Before anything was touched.
            cuts += 1
            story.add(Kind.RESUMED)
            continue
        outcomes = ENDS[type(move)]
        outcome = outcomes[choose(len(outcomes))]
        moves.append(move)
        if touches and not (outcome is Outcome.REFUSED and choose(2) == 0):
            story.add(Kind.INTENT, move.name, move.step.name)  # type: ignore[union-attr]  # it touches, so it has a step
        if cut and touches:
            cuts += 1
            story.add(Kind.RESUMED)
            continue
        story.result(move, outcome, "" if outcome is Outcome.YES else "made-up")


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(made=steps, data=st.data())
def test_keeps_its_promises_in_every_story(made: list[Step], data: st.DataObject) -> None:
    """Whatever fails, is cut short or is stopped: nothing twice, undone in reverse, an end, and no false success."""
    playbook = book(*made)
    story, moves, finish = told(playbook, lambda most: data.draw(st.integers(0, most - 1)))

    for position, move in enumerate(moves):
        if isinstance(move, Do):
            before = moves[position - 1]
            assert isinstance(before, Check), "done without a check right before it"
            assert before.step == move.step
    undone = [made.index(move.step) for move in moves if isinstance(move, Undo)]
    assert undone == sorted(undone, reverse=True)
    first_undo = next((position for position, move in enumerate(moves) if isinstance(move, Undo)), len(moves))
    assert not [move for move in moves[first_undo:] if isinstance(move, Do | Check | VerifyStep | FreshCheckup)]

    begun_steps = {line.step for line in story.lines if line.kind is Kind.INTENT and line.move == Do.name}
    if finish.verdict in {Verdict.FIXED, Verdict.HEALTHY}:
        assert not any(line.kind is Kind.STOP for line in story.lines)
        assert _last(story, FreshCheckup.name) is Outcome.YES
        for name in begun_steps:
            assert _last(story, VerifyStep.name, name) is Outcome.YES
    if finish.verdict is Verdict.BLOCKED:
        assert not _surely_touched(story)
    if finish.verdict is Verdict.PUT_BACK:
        for touched in (made_step for made_step in made if made_step.name in _surely_touched(story)):
            assert touched.undo is not UndoWord.IMPOSSIBLE
            if touched.undo is UndoWord.INVERSE:
                assert _last(story, Undo.name, touched.name) is Outcome.YES


def _last(story: Story, move: str, step_name: str = "") -> Outcome | None:
    came = [
        line.outcome for line in story.lines if line.kind is Kind.RESULT and (line.move, line.step) == (move, step_name)
    ]
    return came[-1] if came else None


def _surely_touched(story: Story) -> set[str]:
    return {
        line.step
        for line in story.lines
        if line.kind is Kind.RESULT and line.move == Do.name and line.outcome in {Outcome.YES, Outcome.NO}
    }

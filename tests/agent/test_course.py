"""Findings over time: silent until they last, a gap before they clear, and no harm from a clock that jumps."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.course import Course, Step, advance
from agent.diagnosis import diagnose
from agent.expression import parse_condition
from agent.rule import Rule
from tests.fakes.rules import HEAT, UNITS, certain

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOT = certain("hot", "room.heat > 0.9", lasts=10 * MINUTE, clears_when=parse_condition("room.heat < 0.8", UNITS))
LOUD = certain("loud", "room.heat > 0.5")


def look(memory: Course, at: datetime, *heats: float, rules: Sequence[Rule] = (HOT,)) -> Step:
    samples = [HEAT(heat, room=str(number)) for number, heat in enumerate(heats)]
    diagnosis = diagnose(samples, rules)
    return advance(memory, diagnosis.findings, diagnosis.cannot_tell, at, rules, samples=samples)


def keys(step: Step) -> list[str]:
    return [finding.key for finding in step.told]


def test_nobody_is_told_before_it_has_lasted() -> None:
    """An unpacking archive is not an illness."""
    first = look(Course(), START, 0.95)
    assert keys(first) == []
    assert [finding.key for finding in first.watched] == ["hot[room=0]"]
    assert first.look_again_at == START + 10 * MINUTE
    second = look(first.memory, START + 10 * MINUTE, 0.95)
    assert keys(second) == ["hot[room=0]"]
    assert second.told[0].since == START
    assert second.look_again_at is None


def test_what_went_by_itself_was_never_said() -> None:
    """A ticket that closes itself a minute later costs somebody a morning."""
    first = look(Course(), START, 0.95)
    second = look(first.memory, START + 5 * MINUTE, 0.85)
    assert second.cleared == ()
    third = look(second.memory, START + 11 * MINUTE, 0.95)
    assert keys(third) == [], "it begins again from nothing"


def test_it_clears_only_beyond_the_gap() -> None:
    """At 94.9 and 95.1 per cent a disk would open a ticket an hour."""
    memory = look(look(Course(), START, 0.95).memory, START + 10 * MINUTE, 0.95).memory
    within = look(memory, START + 15 * MINUTE, 0.85)
    assert (keys(within), within.cleared) == (["hot[room=0]"], ())
    beyond = look(within.memory, START + 20 * MINUTE, 0.7)
    assert (keys(beyond), beyond.cleared) == ([], ("hot[room=0]",))


def test_without_a_gap_silence_is_enough() -> None:
    """A service that runs again is well."""
    told = look(Course(), START, 0.6, rules=[LOUD])
    assert keys(told) == ["loud[room=0]"], "it need not last"
    assert look(told.memory, START + MINUTE, 0.4, rules=[LOUD]).cleared == ("loud[room=0]",)


def test_a_place_that_is_gone_is_no_longer_ill() -> None:
    """A program that ended leaves no sample to clear it by."""
    memory = look(Course(), START, 0.2, 0.95).memory
    memory = look(memory, START + 10 * MINUTE, 0.2, 0.95).memory
    assert look(memory, START + 20 * MINUTE, 0.2).cleared == ("hot[room=1]",)


def test_a_look_that_could_not_tell_ends_nothing() -> None:
    """A probe that failed once must not close a ticket."""
    memory = look(look(Course(), START, 0.95).memory, START + 10 * MINUTE, 0.95).memory
    blind = look(memory, START + 15 * MINUTE)
    assert (keys(blind), blind.cleared) == (["hot[room=0]"], ())


def test_rules_that_were_not_judged_say_nothing() -> None:
    """A repair looks only at what it answers."""
    memory = look(look(Course(), START, 0.95).memory, START + 10 * MINUTE, 0.95).memory
    other = look(memory, START + 15 * MINUTE, 0.4, rules=[LOUD])
    assert (keys(other), other.cleared) == (["hot[room=0]"], ())


def test_a_shadow_outlives_its_cause_as_a_cause() -> None:
    """It would otherwise be hidden for ever behind something that is gone."""
    fire = certain("fire", "room.heat > 0.9", explains=("loud",))
    both = look(Course(), START, 0.95, rules=[fire, LOUD])
    assert [finding.key for finding in both.told if finding.is_cause] == ["fire[room=0]"]
    after = look(both.memory, START + MINUTE, 0.6, rules=[fire, LOUD])
    assert [finding.key for finding in after.told if finding.is_cause] == ["loud[room=0]"]


def test_it_is_kept_as_json_between_two_lives() -> None:
    """The hands end after every look."""
    memory = look(Course(), START, 0.95).memory
    kept = msgspec.json.decode(msgspec.json.encode(memory), type=Course)
    assert kept == memory
    assert keys(look(kept, START + 10 * MINUTE, 0.95)) == ["hot[room=0]"]


def test_a_clock_that_jumps_back_does_no_harm() -> None:
    """A repaired clock must neither tell at once nor wait for a day."""
    memory = look(Course(), START, 0.95).memory
    memory = look(memory, START + 6 * MINUTE, 0.95).memory
    back = look(memory, START - timedelta(days=1), 0.95)
    assert keys(back) == []
    later = look(back.memory, START - timedelta(days=1) + 4 * MINUTE, 0.95)
    assert keys(later) == ["hot[room=0]"]


STEPS = st.lists(
    st.tuples(st.integers(-3000, 3000), st.sampled_from([0.7, 0.82, 0.85, 0.88, 0.95])), min_size=1, max_size=20
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(STEPS)
def test_it_never_flaps_within_the_gap(steps: list[tuple[int, float]]) -> None:
    """Told, it stays told until the gap is crossed, whatever the clock does; and it is never told too soon."""
    memory, at, told, hot_for = Course(), START, False, timedelta(0)
    begun = False
    for seconds, heat in steps:
        at += timedelta(seconds=seconds)
        step = look(memory, at, heat)
        memory = step.memory
        passed = max(timedelta(seconds=seconds), timedelta(0))
        hot_for = hot_for + passed if heat > 0.9 and begun else timedelta(0)
        begun = heat > 0.9
        now_told = bool(step.told)
        if told:
            assert now_told == (heat >= 0.8)
            assert bool(step.cleared) == (heat < 0.8)
        else:
            assert now_told == (heat > 0.9 and hot_for >= HOT.lasts)
            assert not step.cleared
        assert (step.look_again_at is not None) == bool(step.watched)
        told = now_told


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.7, 0.85, 0.95, None])), max_size=12))
def test_every_finding_is_told_watched_or_gone(steps: list[tuple[int, float | None]]) -> None:
    """Nothing is lost between the three."""
    memory = Course()
    for number, (room, heat) in enumerate(steps):
        samples = [] if heat is None else [HEAT(heat, room=str(room))]
        diagnosis = diagnose(samples, [HOT])
        step = advance(
            memory, diagnosis.findings, diagnosis.cannot_tell, START + number * 4 * MINUTE, [HOT], samples=samples
        )
        said = {finding.key for finding in (*step.told, *step.watched)}
        assert {finding.key for finding in diagnosis.findings} <= said
        assert said == set(step.memory.spells)
        memory = step.memory

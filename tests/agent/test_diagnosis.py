"""Samples to findings to causes: what is found, what cannot be told, what explains what, and in which order."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.diagnosis import Diagnosis, diagnose, quantities_of
from agent.expression import parse_condition
from contract.finding import CannotTell, Held, Severity
from contract.sample import Sample
from contract.text import Text
from tests.fakes.rules import BILL, DOOR, HEAT, NOISE, POWER, UNITS, certain, suspicion

HOT = certain("hot", "room.heat > 0.9")


def keys(diagnosis: Diagnosis) -> list[str]:
    return [finding.key for finding in diagnosis.findings]


def test_each_place_is_judged_by_itself() -> None:
    """A full disk must not hide behind an empty one."""
    seen = diagnose([HEAT(0.95, room="a"), HEAT(0.1, room="b"), HEAT(0.99, room="c")], [HOT])
    assert keys(seen) == ["hot[room=a]", "hot[room=c]"]
    assert seen.cannot_tell == ()


def test_a_place_is_seen_by_any_sample_that_has_its_labels() -> None:
    """A resolver that gives no answer is still a place."""
    silent = certain("silent", "room.noise is missing")
    seen = diagnose([DOOR(value=True, room="a"), NOISE(0.3, room="b"), DOOR(value=True, room="b")], [silent])
    assert keys(seen) == ["silent[room=a]"]


def test_what_could_not_be_seen_is_said() -> None:
    """A failed probe must not look like health."""
    both = certain("both", "room.heat > 0.9 and house.power")
    assert diagnose([HEAT(0.95, room="a")], [both]).cannot_tell == (
        CannotTell("both", {"room": "a"}, ("house.power",)),
    )
    assert diagnose([HEAT(0.1, room="a")], [both]).cannot_tell == (), "one sign is enough to be sure that it is not"
    assert diagnose([], [both]).cannot_tell == (CannotTell("both", {}, ("house.power", "room.heat")),)


SMOKE = suspicion("smoke", 0.1, {"room.heat > 0.5": 2, "room.noise > 0.5": 2}, {"room.door_open": 3})


def test_signs_are_weighed_and_shown() -> None:
    """The technician sees what made the number."""
    [finding] = diagnose([HEAT(0.9, room="a"), NOISE(0.9, room="a"), DOOR(value=False, room="a")], [SMOKE]).findings
    assert finding.confidence == pytest.approx(0.8585, abs=1e-3)
    assert [(sign.that, sign.held, sign.weight) for sign in finding.signs] == [
        ("room.heat > 0.5", Held.YES, 2),
        ("room.noise > 0.5", Held.YES, 2),
        ("room.door_open", Held.NO, -3),
    ]


def test_an_unknown_sign_weighs_nothing_and_is_listed() -> None:
    """What was not looked at speaks neither for nor against."""
    [finding] = diagnose([HEAT(0.9, room="a"), NOISE(0.9, room="a")], [SMOKE]).findings
    assert finding.confidence == pytest.approx(0.8585, abs=1e-3)
    assert finding.signs[2].held is Held.UNKNOWN
    assert finding.signs[2].missing == ("room.door_open",)


def test_what_the_unknown_could_turn_cannot_be_told() -> None:
    """Below one half for want of a look is not health."""
    assert diagnose([HEAT(0.9, room="a")], [SMOKE]).cannot_tell == (
        CannotTell("smoke", {"room": "a"}, ("room.door_open", "room.noise")),
    )
    quiet = diagnose([HEAT(0.9, room="a"), DOOR(value=True, room="a")], [SMOKE])
    assert quiet == Diagnosis((), ()), "whatever the noise, the open door decides"


def test_nothing_is_suspected_on_prejudice_alone() -> None:
    """A high prior without a single sign is not a finding."""
    likely = suspicion("likely", 0.9, {"room.heat > 0.5": 2})
    seen = diagnose([DOOR(value=True, room="a")], [likely], complaint="cold")
    assert seen.findings == ()
    assert [doubt.rule for doubt in seen.cannot_tell] == ["likely"]


def test_rules_that_share_a_complaint_compete() -> None:
    """Two explanations of one complaint cannot both be nine in ten."""
    fire = suspicion("fire", 0.2, {"room.heat > 0.5": 4}, complaints=("smell",))
    party = suspicion("party", 0.2, {"room.noise > 0.5": 3}, complaints=("smell",))
    other = suspicion("other", 0.2, {"room.heat > 0.5": 4})
    samples = [HEAT(0.9, room="a"), NOISE(0.9, room="a")]
    alone = {finding.rule: finding.confidence for finding in diagnose(samples, [fire, party, other]).findings}
    named = {
        finding.rule: finding.confidence
        for finding in diagnose(samples, [fire, party, other], complaint="smell").findings
    }
    assert alone["fire"] > 0.9
    assert alone["party"] > 0.8
    assert named["fire"] + named["party"] < 1, "something else stays possible"
    assert named["fire"] > named["party"]
    assert named["other"] == alone["other"], "who does not speak of it does not compete"


def test_two_places_of_one_rule_do_not_compete() -> None:
    """Two disks can both be full."""
    fire = suspicion("fire", 0.2, {"room.heat > 0.5": 5}, complaints=("smell",))
    seen = diagnose([HEAT(0.9, room="a"), HEAT(0.9, room="b")], [fire], complaint="smell")
    assert [round(finding.confidence, 2) for finding in seen.findings] == [0.97, 0.97]


def test_a_complaint_brings_its_rules_to_the_front() -> None:
    """Who says "it smells" wants to hear of the fire before the bill."""
    fire = certain("fire", "room.heat > 0.5", complaints=("smell",))
    debt = certain("debt", "house.bill > 1 GiB", per=(), severity=Severity.CRITICAL)
    samples = [HEAT(0.9, room="a"), BILL(2**31)]
    assert keys(diagnose(samples, [fire, debt])) == ["debt", "fire[room=a]"]
    assert keys(diagnose(samples, [fire, debt], complaint="smell")) == ["fire[room=a]", "debt"]


def test_shadows_fold_under_their_cause_through_the_middle() -> None:
    """The report leads with what to mend."""
    outage = certain("outage", "house.power == false", per=(), explains=("cold",))
    cold = certain("cold", "room.heat < 0.2", explains=("quiet",))
    quiet = certain("quiet", "room.noise < 0.1", severity=Severity.CRITICAL)
    samples = [POWER(value=False), HEAT(0.1, room="a"), NOISE(0, room="a"), NOISE(0, room="b")]
    findings = diagnose(samples, [quiet, cold, outage]).findings
    folded = {finding.key: finding.explained_by for finding in findings}
    assert folded == {
        "outage": (),
        "cold[room=a]": ("outage",),
        "quiet[room=a]": ("outage", "cold[room=a]"),
        "quiet[room=b]": (),
    }, "room b is not cold: nothing explains its silence"
    assert [finding.key for finding in findings if finding.is_cause] == ["quiet[room=b]", "outage"]
    assert all(first.is_cause or not second.is_cause for first, second in itertools.pairwise(findings))


def test_rules_that_explain_each_other_leave_a_cause() -> None:
    """A mistake in the library must not leave the customer without any."""
    hen = certain("hen", "house.power", per=(), explains=("egg",), severity=Severity.HIGH)
    egg = certain("egg", "house.power", per=(), explains=("hen",))
    findings = diagnose([POWER(value=True)], [egg, hen]).findings
    assert [(finding.rule, finding.explained_by) for finding in findings] == [("hen", ()), ("egg", ("hen",))]


def test_a_rule_for_another_system_is_left_out() -> None:
    """It would only fill the list of what cannot be told."""
    windows = certain("blue", "house.power", per=(), os="windows")
    linux = certain("black", "house.power", per=(), os="linux")
    assert keys(diagnose([POWER(value=True), Sample("os.name", "linux")], [windows, linux])) == ["black"]
    assert "os.name" in quantities_of([linux])
    assert quantities_of([HOT]) == {"room.heat"}


def test_what_is_said_is_filled_in_once() -> None:
    """A room may be called {room.heat}, and a program anything."""
    said = Text(en="{room} at {room.heat}, {room.noise}", ru="{room}: {room.heat}, {room.noise}")
    rule = certain("hot", "room.heat > 0.9", title=said, clears_when=parse_condition("room.heat < 0.8", UNITS))
    [finding] = diagnose([HEAT(0.975, room="{room.noise}")], [rule]).findings
    assert finding.title.en == "{room.noise} at 98%, unknown"
    assert finding.title.ru.endswith(", неизвестно")


ROOMS = st.sampled_from(["a", "b"])
VALUES = st.one_of(st.floats(), st.integers(), st.booleans(), st.text(max_size=5))
SAMPLES = st.lists(
    st.one_of(
        st.builds(
            lambda make, value, room: make(value, room=room), st.sampled_from([HEAT, NOISE, DOOR]), VALUES, ROOMS
        ),
        st.builds(lambda make, value: make(value), st.sampled_from([POWER, BILL]), VALUES),
    ),
    max_size=8,
)
LIBRARY = [
    HOT,
    suspicion("smoke", 0.1, {"room.heat > 0.5": 2, "room.noise > 0.5": 2}, {"room.door_open": 3}, explains=("hot",)),
    certain(
        "loud", "room.noise / room.heat > 2", explains=("smoke",), title=Text(en="{room.noise}", ru="{room.noise}")
    ),
    certain("dark", "house.power == false", per=(), explains=("loud",), complaints=("dark",)),
    suspicion("broke", 0.3, {"house.bill > 1 GiB": 2}, per=(), complaints=("dark",)),
]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(SAMPLES, st.sampled_from(["", "dark", "nonsense"]))
def test_whatever_was_seen_there_is_an_answer_and_always_the_same(samples: list[Sample], complaint: str) -> None:
    """A strange machine must not end the checkup, and the order of samples says nothing."""
    seen = diagnose(samples, LIBRARY, complaint=complaint)
    assert all(0 <= finding.confidence <= 1 for finding in seen.findings)
    assert not seen.findings or seen.findings[0].is_cause
    judged = [*keys(seen), *(f"{doubt.rule}{doubt.where}" for doubt in seen.cannot_tell)]
    assert len(judged) == len(set(judged))
    assert keys(diagnose(samples[::-1], LIBRARY, complaint=complaint)) == keys(seen)

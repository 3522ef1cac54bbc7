"""Reading a rule: what is accepted, and the one line that says what to mend."""

from datetime import timedelta
from pathlib import Path

import pytest

from agent.rule import Rule, list_rules, load_rules, read_rule
from agent.trial import try_out
from contract.errors import FeldsherError
from contract.finding import Severity
from contract.sample import Sample
from tests.fakes.rules import QUANTITIES

RULE = """\
rule: room-on-fire
title: {en: "Fire in {room}", ru: "Пожар: {room}"}
complaints: [smells-burnt]
os: any
severity: critical
per: room
suspect:
  prior: 0.1
  for:
    - {that: room.heat > 0.8, weight: 3, say: {en: "{room.heat} hot", ru: "жара {room.heat}"}}
  against:
    - {that: room.door_open, weight: 1, say: {en: "door open", ru: "дверь открыта"}}
explains: [power-gone]
lasts: 2m
clears_when: room.heat < 0.5
tell:
  customer: {en: "Leave {room}.", ru: "Выйдите: {room}."}
  technician: {en: "Heat {room.heat}.", ru: "Жара {room.heat}."}
remedy: [put-out]
learn: fire
examples:
  fires: [{room: 7, room.heat: 0.9, room.door_open: false}]
  stays_quiet: [{room: kitchen, room.heat: 0.2, room.door_open: true}]
"""


def read(text: str) -> Rule:
    return read_rule(text.encode(), "rules/room-on-fire.yaml", QUANTITIES)


def test_a_rule_is_what_was_written() -> None:
    """Nothing on the way may change its meaning."""
    rule = read(RULE)
    assert (rule.rule, rule.severity, rule.per, rule.lasts) == (
        "room-on-fire",
        Severity.CRITICAL,
        ("room",),
        timedelta(minutes=2),
    )
    assert rule.suspect is not None
    assert [(sign.that.text, sign.weight) for sign in rule.signs] == [("room.heat > 0.8", 3), ("room.door_open", 1)]
    assert rule.explains == ("power-gone",)
    assert rule.remedy == ("put-out",)
    assert rule.looks_at == {"room.heat", "room.door_open"}
    assert rule.fires[0].samples == (
        Sample("room.heat", 0.9, "1", {"room": "7"}),
        Sample("room.door_open", value=False, unit="bool", where={"room": "7"}),
    )


def test_a_certain_rule_needs_little() -> None:
    """A condition, three sentences and two machines."""
    rule = read(
        "rule: no-power\ntitle: {en: a, ru: б}\nseverity: low\nwhen: not house.power\n"
        "tell: {customer: {en: a, ru: б}, technician: {en: a, ru: б}}\n"
        "examples: {fires: [{house.power: false}], stays_quiet: [{house.power: true}]}\n"
    )
    assert rule.when is not None
    assert rule.suspect is None
    assert (rule.os, rule.per, rule.lasts, rule.remedy) == ("any", (), timedelta(0), ())


FIRES = "  fires: [{room: 7, room.heat: 0.9, room.door_open: false}]\n"
MISTAKES = [
    ("lasts: 2m", "last: 2m", "rule-schema", ":14:1", "did you mean 'lasts'?"),
    ("lasts: 2m", "lasts: 2", "rule-schema", ":14:1", "write it as 30s, 10m, 2h or 7d"),
    ("lasts: 2m", "lasts: 2 MiB", "rule-schema", ":14:1", "write it as 30s, 10m, 2h or 7d"),
    ("lasts: 2m", "lasts: 9999999w", "rule-schema", ":14:1", "write it as 30s, 10m, 2h or 7d"),
    ("severity: critical", "severity: kritical", "rule-schema", ":5:1", "did you mean 'critical'?"),
    ("severity: critical", "severity: 3", "rule-schema", ":5:1", 'put it in quotes: "..."'),
    ("per: room", "per: rom", "rule-schema", ":6:1", "did you mean 'room'?"),
    ("os: any", "os: beos", "rule-schema", ":4:1", "use one of any, linux, windows"),
    ("rule: room-on-fire", "rule: Room On Fire", "rule-schema", ":1:1", "use small letters, digits and single hyphens"),
    ("rule: room-on-fire", "rule: ../../etc", "rule-schema", ":1:1", "use small letters, digits and single hyphens"),
    ("prior: 0.1", "prior: 1", "rule-schema", ":8:3", "write how many of a hundred such cases it is: 0.25"),
    ("weight: 3", "weight: -3", "rule-schema", ":10:31", "a sign against goes under 'against', with a plain weight"),
    ("weight: 3", 'weight: "3"', "rule-schema", ":10:31", "write it plainly, as 3 or 0.5"),
    ("room.heat > 0.8", "room.heet > 0.8", "expression", ":10:8", "did you mean 'room.heat'?"),
    ("room.heat > 0.8", "room.heat > 5 GiB", "expression", ":10:8", ""),
    ("room.heat > 0.8", "room.heat", "expression", ":10:8", "compare it with something, as in  a < 5"),
    ("{room.heat} hot", "{room.heatt} hot", "rule-schema", ":10:42", "did you mean 'room.heat'?"),
    ('ru: "Пожар: {room}"', 'de: "Feuer"', "rule-schema", ":2:31", ""),
    (', ru: "Пожар: {room}"', "", "rule-schema", ":2:1", "add  ru:"),
    ("learn: fire", "learn: fire\nwhen: house.power", "rule-schema", ":1:1", "keep 'when' for a certain sign"),
    ("explains: [power-gone]", "explains: [room-on-fire]", "rule-schema", ":13:1", "remove it"),
    ("explains: [power-gone]", "explains: power-gone", "rule-schema", ":13:1", "write  explains: [one, two]"),
    ("explains: [power-gone]", "explains: [a, a]", "rule-schema", ":13:1", "keep one of them"),
    ("{room: 7, room.heat: 0.9", "{room: 7, room.het: 0.9", "rule-schema", ":22:21", "did you mean 'room.heat'?"),
    ("fires: [{room: 7, room.heat: 0.9", "fires: [{room.heat: 0.9", "rule-schema", ":22:11", "add  room:"),
    ("room.heat: 0.9", "room.heat: hot", "expression", ":22:21", ""),
    ("room.heat: 0.9", "room.heat: true", "rule-schema", ":22:21", "its unit is 1"),
    ("room.door_open: false", "room.door_open: 0", "rule-schema", ":22:37", "its unit is bool"),
    (FIRES, "", "rule-schema", ":21:1", "a rule shows one machine where it fires and one where it stays quiet"),
    ("remedy: [put-out]", "remedy: [put-out]\nremedy: []", "yaml-duplicate-key", ":20:1", "keep one of them"),
    ("os: any", "os: &a any", "yaml-alias", ":4:5", "write it out"),
    ("lasts: 2m", "lasts: off", "yaml-ambiguous", ":14:8", 'write true or false, or put it in quotes: "off"'),
]  # fmt: skip


@pytest.mark.parametrize(("written", "instead", "slug", "at", "remedy"), MISTAKES)
def test_a_mistake_is_named_with_line_and_remedy(written: str, instead: str, slug: str, at: str, remedy: str) -> None:
    """The author is a technician with a text editor, not a programmer with a debugger."""
    assert written in RULE
    with pytest.raises(FeldsherError) as caught:
        read(RULE.replace(written, instead))
    error = caught.value
    assert (error.slug, error.where) == (slug, f"rules/room-on-fire.yaml{at}")
    assert error.remedy == remedy
    assert "\n" not in str(error)


def test_a_rule_lives_in_a_file_of_its_name(tmp_path: Path) -> None:
    """Who reads a finding opens the file of that name."""
    (tmp_path / "other.yaml").write_text(
        "rule: no-power\ntitle: {en: a, ru: б}\nseverity: low\nwhen: os.elevated\n"
        "tell: {customer: {en: a, ru: б}, technician: {en: a, ru: б}}\n"
        "examples: {fires: [{os.elevated: true}], stays_quiet: [{os.elevated: false}]}\n"
    )
    assert list_rules(tmp_path) == ("other",)
    with pytest.raises(FeldsherError, match=r"call the file no-power\.yaml"):
        load_rules(where=tmp_path)


def test_an_unknown_rule_is_not_found() -> None:
    """And a name is never a way to another file."""
    with pytest.raises(FeldsherError) as caught:
        load_rules(["disk-almost-ful"])
    assert (caught.value.slug, caught.value.remedy) == ("not-found", "did you mean 'disk-almost-full'?")
    for name in ("../pyproject", "complaints", "", "/etc/passwd"):
        with pytest.raises(FeldsherError, match="not-found"):
            load_rules([name])


def test_an_example_may_be_several_places_at_once() -> None:
    """One room that burns beside one that does not is one machine."""
    rule = read(
        RULE.replace(
            "stays_quiet: [{room: kitchen, room.heat: 0.2, room.door_open: true}]",
            "stays_quiet: [[{room: a, room.heat: 0.2, room.door_open: true}, {room: b, room.heat: 0.95}]]",
        )
    )
    assert [trial.passed for trial in try_out(rule)] == [True, False], "the second room burns"


def test_an_example_that_lacks_a_sample_proves_nothing() -> None:
    """Quiet because nothing was seen is not quiet."""
    rule = read(
        RULE.replace("{room: kitchen, room.heat: 0.2, room.door_open: true}", "{room: kitchen, room.door_open: false}")
    )
    assert [(trial.passed, trial.detail) for trial in try_out(rule)] == [
        (True, ""),
        (False, "cannot tell without room.heat"),
    ]


def test_values_of_examples_may_carry_their_unit() -> None:
    """A person writes 5 GiB."""
    rule = read(
        "rule: deep-in-debt\ntitle: {en: a, ru: б}\nseverity: low\nwhen: house.bill > 1 GiB\n"
        "tell: {customer: {en: a, ru: б}, technician: {en: a, ru: б}}\n"
        "examples: {fires: [{house.bill: 2 GiB}], stays_quiet: [{house.bill: 5 MiB}]}\n"
    )
    assert rule.fires[0].samples[0].value == 2 * 1024**3
    assert all(trial.passed for trial in try_out(rule))

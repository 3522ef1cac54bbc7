"""Every rule of the library proves itself by its own examples, and speaks so that people understand."""

import re
from pathlib import Path
from typing import Any

import pytest

from agent.diagnosis import diagnose, quantities_of
from agent.expression import Samples
from agent.filling import filled
from agent.library import folder
from agent.probes.catalogue import QUANTITIES
from agent.rule import Rule, list_rules, load_rules
from agent.trial import try_out
from agent.yaml_reader import read
from contract.finding import Severity
from contract.sample import Sample

RULES = {rule.rule: rule for rule in load_rules()}
EXAMPLES = [
    pytest.param(rule, trial, id=f"{name}-{trial.kind}-{number}")
    for name, rule in RULES.items()
    for number, trial in enumerate(try_out(rule))
]
JARGON = [
    line
    for line in (Path(__file__).parent / "jargon.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("rule", "trial"), EXAMPLES)
def test_example(rule: Rule, trial: Any) -> None:
    """A rule that is wrong on its author's own machines is wrong everywhere."""
    assert trial.passed, f"{trial.where}: {trial.detail}"


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_what_fires_fires_in_a_whole_diagnosis_too(rule: Rule) -> None:
    """The places of an example are found by themselves, as they are on a machine, and no other rule is upset."""
    for example in rule.fires:
        found = diagnose(example.samples, tuple(RULES.values())).findings
        assert rule.rule in {finding.rule for finding in found}
    for example in rule.stays_quiet:
        found = diagnose(example.samples, tuple(RULES.values())).findings
        assert rule.rule not in {finding.rule for finding in found}


def jargon_in(sentence: str) -> list[str]:
    """Return the words of *sentence* that a customer should not have to know; what is filled in is left out."""
    plain = re.sub(r"\{[^}]*\}", "", sentence).casefold()
    return [word for word in JARGON if re.search(rf"(?<!\w){re.escape(word)}", plain)]


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_a_customer_is_spoken_to_plainly(rule: Rule) -> None:
    """A person who does not understand the sentence cannot agree to anything."""
    for text in (rule.title, rule.customer):
        assert jargon_in(text.en) == []
        assert jargon_in(text.ru) == []


@pytest.mark.parametrize("name", [path.stem for path in sorted(folder("playbooks").glob("*.yaml"))])
def test_a_customer_is_asked_plainly(name: str) -> None:
    """The question before a repair is the only one that must be understood."""
    book = read((folder("playbooks") / f"{name}.yaml").read_bytes(), name)
    asked = [book.get("ask", {}), book["title"], *book.get("tell", {}).values()]
    for text in asked:
        for sentence in text.values():
            assert jargon_in(sentence) == []


def test_the_jargon_list_is_not_blind() -> None:
    """A lint that finds nothing anywhere proves nothing."""
    assert jargon_in("The kernel daemon timed out") == ["daemon", "kernel"]
    assert jargon_in("Демон ядра не отвечает") == ["демон", "ядра"]
    assert jargon_in("Smartphones aside, {dns.other_server}") == ["smart"]


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_it_is_said_in_both_languages_and_in_their_own_letters(rule: Rule) -> None:
    """A Russian customer who gets English words was not spoken to."""
    for text in rule.texts:
        assert text.en.isascii()
        assert re.search("[а-яё]", text.ru.casefold())
        assert not re.search("[а-яё]", text.en.casefold())


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_both_languages_show_the_same_values(rule: Rule) -> None:
    """A number that only one of two readers sees was forgotten in the other."""
    for text in rule.texts:
        assert sorted(set(re.findall(r"\{.*?\}", text.en))) == sorted(set(re.findall(r"\{.*?\}", text.ru)))


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_what_wakes_people_lasts_first(rule: Rule) -> None:
    """Only what must not wait is told at once; the rest must last."""
    if rule.severity is not Severity.CRITICAL and rule.severity is not Severity.LOW:
        assert rule.lasts.total_seconds() >= 60


def test_a_name_can_be_loaded_alone() -> None:
    """The hands load what they need and no more."""
    assert [rule.rule for rule in load_rules(["clock-wrong"])] == ["clock-wrong"]
    assert "complaints" not in list_rules()


def test_everything_the_rules_look_at_is_looked_at() -> None:
    """A quantity no probe gives would be missing for ever."""
    assert quantities_of(tuple(RULES.values())) <= QUANTITIES.keys()


def burning(age_seconds: float, cores: float) -> list[Sample]:
    """Return what the processes probe says of a child that burns one core in a loop, and of a shell beside it."""
    where = {"pid": "4242", "program": "python3", "started": "99"}
    shell = {"pid": "10", "program": "bash", "started": "5"}
    values = {
        "process.cpu_cores": (cores, 0.0),
        "process.cpu_lifetime_ratio": (cores, 0.001),
        "process.uptime": (age_seconds, 4000.0),
        "process.memory_ratio": (0.002, 0.001),
        "process.io_bytes_per_second": (0.0, 0.0),
        "process.sleeps_per_second": (0.5, 0.0),
        "process.nice": (0, 0),
    }
    return [
        Sample(name, value, QUANTITIES[name].unit, place)
        for name, pair in values.items()
        for value, place in zip(pair, (where, shell), strict=True)
    ]


@pytest.mark.parametrize(("age_seconds", "cores"), [(4.0, 1.0), (4.0, 0.93), (9.0, 0.85), (15.0, 0.6)])
def test_a_burning_child_is_found_with_confidence(age_seconds: float, cores: float) -> None:
    """Acting on it needs 0.8, and the machine may be busy with other things."""
    for complaint in ("", "everything-slow"):
        [finding] = diagnose(burning(age_seconds, cores), load_rules(["runaway-program"]), complaint=complaint).findings
        assert finding.where == {"pid": "4242", "program": "python3", "started": "99"}
        assert finding.confidence >= 0.8


def test_a_finding_reads_as_a_sentence() -> None:
    """Values come with their units, in each language's own way."""
    rule = RULES["disk-almost-full"]
    samples = Samples(rule.fires[0].samples)
    text = filled(rule.customer, samples, {"mount": "/var"})
    assert "/var: 4.0 GiB" in text.en
    assert "4,0 ГиБ" in text.ru

"""Rules, playbooks, rehearsals and articles point at each other, and at things that exist."""

from pathlib import Path
from typing import Any

import pytest

from agent.yaml_reader import read
from tests.architecture.source import PROJECT


def _library(folder: str) -> dict[str, dict[str, Any]]:
    return {path.stem: read(path.read_bytes(), path.name) for path in sorted((PROJECT / folder).glob("*.yaml"))}


RULES = {name: rule for name, rule in _library("rules").items() if name != "complaints"}
PLAYBOOKS = _library("playbooks")
COMPLAINTS = read((PROJECT / "rules/complaints.yaml").read_bytes(), "complaints.yaml")


def test_there_is_a_library() -> None:
    """An empty folder would pass every test below."""
    assert len(RULES) >= 7
    assert len(PLAYBOOKS) >= 7


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_named_after_its_file(name: str) -> None:
    """Who reads a finding opens the file of that name."""
    assert RULES[name]["rule"] == name


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_is_named_after_its_file(name: str) -> None:
    """Who reads evidence opens the file of that name."""
    assert PLAYBOOKS[name]["playbook"] == name


@pytest.mark.parametrize("name", RULES)
def test_every_remedy_is_a_playbook_that_answers_the_rule(name: str) -> None:
    """A repair that does not watch its finding fall silent would call anything a success."""
    for remedy in RULES[name].get("remedy", []):
        assert name in PLAYBOOKS[remedy]["answers"]


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_answers_rules_that_exist(name: str) -> None:
    """A rule that is no more would never fire, so every repair would look like a success."""
    assert set(PLAYBOOKS[name]["answers"]) <= RULES.keys()


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_every_playbook_has_been_rehearsed_and_once_in_vain(name: str) -> None:
    """What happens when it does not help matters more than what happens when it does."""
    cases = sorted((PROJECT / "tests/rehearsals" / name).glob("*.yaml"))
    assert cases
    assert any("verdict: fixed" not in case.read_text() for case in cases)


def test_no_rehearsal_is_of_a_playbook_that_is_no_more() -> None:
    """It would never be run."""
    assert {path.name for path in (PROJECT / "tests/rehearsals").iterdir() if path.is_dir()} <= PLAYBOOKS.keys()


@pytest.mark.parametrize("name", RULES)
def test_a_rule_explains_rules_that_exist(name: str) -> None:
    """A misspelt shadow would open a ticket of its own."""
    assert set(RULES[name].get("explains", [])) <= RULES.keys()


def test_nothing_explains_itself() -> None:
    """Two findings that explain each other would both be hidden, and nobody would be told anything."""
    done: set[str] = set()
    while ready := [name for name in RULES.keys() - done if set(RULES[name].get("explains", [])) <= done]:
        done.update(ready)
    assert RULES.keys() - done == set()


@pytest.mark.parametrize("name", RULES)
def test_both_sides_of_a_rule_are_shown(name: str) -> None:
    """A rule that cannot be shown to stay quiet will one day cry wolf."""
    assert RULES[name]["examples"]["fires"]
    assert RULES[name]["examples"]["stays_quiet"]


@pytest.mark.parametrize("name", RULES)
def test_every_article_is_there_in_both_languages(name: str) -> None:
    """A customer who is sent to a missing page loses patience."""
    article = RULES[name].get("learn", "")
    assert article
    for language in ("en", "ru"):
        assert len(_article(article, language).read_text()) > 200


def test_no_article_is_out_of_reach() -> None:
    """A page that no rule names is read by nobody."""
    named = {
        _article(str(rule.get("learn", "")), language).name for rule in RULES.values() for language in ("en", "ru")
    }
    assert {path.name for path in (PROJECT / "docs/articles").glob("*.md")} <= named


@pytest.mark.parametrize("name", RULES)
def test_what_a_rule_listens_for_is_a_complaint_people_have(name: str) -> None:
    """A misspelt complaint would never raise its rule."""
    assert set(RULES[name].get("complaints", [])) <= set(_complaint_names(COMPLAINTS))


def _article(name: str, language: str) -> Path:
    return PROJECT / "docs/articles" / f"{name}.{language}.md"


def _complaint_names(content: dict[str, Any]) -> set[str]:
    """Return the names, whether the file lists them under one key or each as its own."""
    inner = content.get("complaints", content)
    return {entry["complaint"] for entry in inner} if isinstance(inner, list) else set(inner)

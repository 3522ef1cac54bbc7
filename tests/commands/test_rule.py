"""``feldsher rule``: what an author types, and what comes back."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from commands.rule import rule
from contract.errors import FeldsherError

OWN = """\
rule: no-rights
title: {en: "No rights", ru: "Нет прав"}
severity: low
when: not os.elevated
tell: {customer: {en: a, ru: б}, technician: {en: a, ru: б}}
examples:
  fires: [{os.elevated: false}]
  stays_quiet: [{os.elevated: true}]
"""


def run(*words: str) -> Result:
    result = CliRunner().invoke(rule, list(words))
    if isinstance(result.exception, FeldsherError):
        raise result.exception
    return result


def test_every_rule_is_listed_with_what_it_finds() -> None:
    """A technician looks for the disk, not for a file name."""
    listed = run("ls", "--lang", "en")
    assert listed.exit_code == 0
    assert "disk-almost-full" in listed.output
    assert "The disk MOUNT is almost full" in listed.output
    assert "Диск MOUNT почти заполнен" in run("ls", "--lang", "ru").output


def test_json_is_versioned_and_whole() -> None:
    """Another program reads it, and must see when it changes."""
    listed = json.loads(run("ls", "--json").output)
    assert listed["schema"] == "feldsher.rules/1"
    shown = json.loads(run("show", "runaway-program", "--json").output)
    assert shown["schema"] == "feldsher.rule/1"
    assert shown["per"] == ["pid", "program", "started"]
    assert {sign["side"] for sign in shown["signs"]} == {"for", "against"}
    assert {item["rule"] for item in listed["items"]} >= {"runaway-program", "clock-wrong"}
    tried = json.loads(run("test", "clock-wrong", "--json").output)
    assert (tried["schema"], tried["passed"], len(tried["items"])) == ("feldsher.rule-test/1", True, 3)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_rule_is_shown_with_its_signs_and_words(language: str) -> None:
    """Before trusting a verdict a technician reads what it rests on."""
    shown = run("show", "dns-resolver-dead", "--lang", language).output
    assert "dns.system_answer_seconds is missing" in shown
    assert "repair-dns" in shown
    assert f"dns-does-not-answer.{language}.md" in shown


def test_a_file_of_ones_own_is_tried(tmp_path: Path) -> None:
    """An author needs no checkout to write a rule."""
    file = tmp_path / "no-rights.yaml"
    file.write_text(OWN)
    assert run("test", str(file)).exit_code == 0
    file.write_text(OWN.replace("when: not", "when:"))
    failed = run("test", str(file), "--lang", "en")
    assert failed.exit_code == 1
    assert f"FAIL  no-rights  fires  {file}:7:11  does not fire" in failed.output
    assert "0 of 2 examples" in failed.output


def test_all_rules_pass_when_none_is_named() -> None:
    """What ships proves itself."""
    tried = run("test")
    assert tried.exit_code == 0
    assert "FAIL" not in tried.output


@pytest.mark.parametrize(
    ("name", "slug"),
    [("nope", "not-found"), ("complaints", "not-found"), ("../cli", "not-found"), ("nope.yaml", "not-found")],
)
def test_what_is_not_there_is_said(name: str, slug: str) -> None:
    """Exit code 2 and one line."""
    with pytest.raises(FeldsherError) as caught:
        run("show", name)
    assert (caught.value.slug, caught.value.kind.exit_code) == (slug, 2)

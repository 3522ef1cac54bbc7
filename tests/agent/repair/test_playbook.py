"""Reading playbooks: what cannot be read as its author meant it is refused, with line and remedy."""

import re

import pytest

from agent.repair.lint import risk_in_words, warnings_about
from agent.repair.playbook import list_playbooks, load_playbook, place_of, read_playbook, resolve_params
from agent.repair.risk import Risk
from contract.errors import FeldsherError

GOOD = """\
playbook: tidy-up
version: "1.0.0"
title: {en: "Tidy {mount} up", ru: "Прибрать {mount}"}
answers: [disk-almost-full]
os: linux
risk: low
params:
  mount: {type: path, from: finding}
  keep:  {type: size, default: 200 MiB}
needs: {free: 20 MiB, within: 10m}
ask: {en: "I will tidy up.", ru: "Я приберу."}
steps:
  - name: Keep the newest logs
    when: os.family == "debian"
    check: journal.used_bytes <= keep
    do: {journal.vacuum: {keep: "{keep}"}}
    verify: journal.used_bytes <= keep
    undo: regenerable
    timeout: 2m
    retry: {times: 2, delay: 5s}
tell:
  fixed:     {en: "Done.", ru: "Готово."}
  not_fixed: {en: "Not done.", ru: "Не вышло."}
"""


def refused(text: str) -> FeldsherError:
    with pytest.raises(FeldsherError) as caught:
        read_playbook(text.encode(), "tidy-up.yaml")
    return caught.value


def test_reads_all_that_a_playbook_says() -> None:
    """What a technician wrote is what the machine gets."""
    playbook = read_playbook(GOOD.encode(), "tidy-up.yaml")
    assert (playbook.name, playbook.version, playbook.risk) == ("tidy-up", "1.0.0", Risk.LOW)
    assert playbook.needs.free_bytes == 20 * 2**20
    assert playbook.needs.within.total_seconds() == 600
    step = playbook.steps[0]
    assert step.line == 13
    assert (step.timeout.total_seconds(), step.retry.times, step.retry.delay.total_seconds()) == (120, 2, 5)
    assert len(playbook.sha256) == 64


@pytest.mark.parametrize(
    ("was", "becomes", "slug", "line", "hint"),
    [
        ("    timeout: 2m", "    tiemout: 2m", "playbook-schema", 19, "did you mean 'timeout'"),
        ("os: linux", "os: linxu", "playbook-schema", 5, "did you mean 'linux'"),
        ("risk: low", "risk: mild", "playbook-schema", 6, "observe, low, medium, high"),
        ("risk: low", "risk: observe", "risk-mismatch", 6, "write  risk: low"),
        ('version: "1.0.0"', "version: 3.10", "yaml-ambiguous", 2, "quotes"),
        ('version: "1.0.0"', "version: v1", "playbook-schema", 2, "three numbers"),
        ("    undo: regenerable\n", "", "playbook-schema", 13, "add undo:"),
        ("undo: regenerable", "undo: inverse", "playbook-schema", 18, "regenerable"),
        ("undo: regenerable", "undo: imposible", "playbook-schema", 18, "did you mean 'impossible'"),
        ("journal.vacuum:", "journal.vacum:", "playbook-schema", 16, "did you mean 'journal.vacuum'"),
        ('{keep: "{keep}"}', '{kep: "{keep}"}', "playbook-schema", 16, "did you mean 'keep'"),
        ('{keep: "{keep}"}', '{keep: "{kepp}"}', "playbook-schema", 16, "did you mean 'keep'"),
        ('{keep: "{keep}"}', "{keep: 200 MX}", "playbook-schema", 16, "units are"),
        (
            "check: journal.used_bytes <= keep",
            "check: journal.used_byte <= keep",
            "expression",
            15,
            "journal.used_bytes",
        ),
        ("check: journal.used_bytes <= keep", "check: journal.used_bytes <= 10m", "expression", 15, ""),
        ("check: journal.used_bytes <= keep", "check: ().__class__", "expression", 15, ""),
        ("check: journal.used_bytes <= keep", "check: 9**9**9 > 1", "expression", 15, ""),
        ("check: journal.used_bytes <= keep", "check: true", "playbook-schema", 15, "name < 5"),
        ("check: journal.used_bytes <= keep", "check: journal.used_bytes", "expression", 15, "compare"),
        ("type: size", "type: sise", "playbook-schema", 9, "did you mean 'size'"),
        ("default: 200 MiB", "default: much", "playbook-schema", 9, "units are"),
        ("type: path", "type: secret, default: x", "playbook-schema", 8, "leave the default out"),
        ("type: path", "type: enum", "playbook-schema", 8, "values"),
        ("from: finding", "from: nowhere", "playbook-schema", 8, "finding"),
        ("within: 10m", "within: 90d", "playbook-schema", 10, "the most"),
        ("times: 2", "times: 0", "playbook-schema", 20, "1 to 100"),
        ("times: 2", "times: true", "playbook-schema", 20, "number"),
        ('ru: "Готово."', 'de: "Fertig."', "playbook-schema", 22, ""),
        ("    timeout: 2m", "    guard: {lost_contact: 60s}", "playbook-schema", 19, "leave it out"),
        ("os: linux", "os: linux\nevidence: [system.uptim]", "playbook-schema", 6, "did you mean 'system.uptime'"),
        ("os: linux", "os: linux\nafter_change: []", "playbook-schema", 6, "leave it out"),
        ("    timeout: 2m", "    run: [true]", "playbook-schema", 19, "do: {run:"),
        ("Keep the newest logs", "x" * 300, "playbook-schema", 13, "120"),
        ("playbook: tidy-up", "playbook: ../x", "playbook-schema", 1, "small letters"),
        ("answers: [disk-almost-full]", "answers: disk-almost-full", "playbook-schema", 4, "["),
        ("answers: [disk-almost-full]\n", "", "playbook-schema", 1, "answers"),
        ("risk: low", "risk: low\nrisk: high", "yaml-duplicate-key", 7, "keep one"),
        ("steps:\n", "steps: []\nx:\n", "playbook-schema", 13, ""),
    ],
)
def test_refuses_what_it_cannot_read_as_meant(was: str, becomes: str, slug: str, line: int, hint: str) -> None:
    """The author is told where and what to write; the customer never meets the mistake."""
    assert was in GOOD
    error = refused(GOOD.replace(was, becomes, 1))
    assert error.slug == slug
    assert re.match(rf"tidy-up\.yaml:{line}:", error.where), error
    assert hint in str(error)


def test_two_steps_of_one_name_are_refused() -> None:
    """Evidence could not tell them apart."""
    step = GOOD[GOOD.index("  - name") : GOOD.index("tell:")]
    error = refused(GOOD.replace("tell:", step + "tell:"))
    assert "same name" in error.what
    assert "line 13" in error.what


def test_a_shell_is_no_argument_list() -> None:
    """Nobody could read the risk of what a shell is given."""
    for argv in ("[sh, -c, reboot]", "[/bin/bash, x]", "[]", "reboot", '["-x"]', '["a\\nb"]', "[1]"):
        error = refused(GOOD.replace('{journal.vacuum: {keep: "{keep}"}}', f"{{run: {argv}}}"))
        assert error.slug == "playbook-schema"


def test_a_secret_is_never_an_argument() -> None:
    """Everybody on the machine can read the arguments of a running command."""
    text = GOOD.replace("type: path, from: finding", "type: secret").replace('keep: "{keep}"', 'keep: "{mount}"')
    assert "no secret" in refused(text).remedy


def test_a_command_carries_medium_risk_and_a_better_way_is_named() -> None:
    """The author learns of the action that does the same."""
    text = GOOD.replace('{journal.vacuum: {keep: "{keep}"}}', "{run: [journalctl, --vacuum-size=200M]}")
    assert refused(text).slug == "risk-mismatch"
    playbook = read_playbook(text.replace("risk: low", "risk: medium").encode(), "tidy-up.yaml")
    (warned,) = warnings_about(playbook, ("disk-almost-full",))
    assert "journal.vacuum" in warned.what
    assert warned.where == "tidy-up.yaml:13"
    assert risk_in_words(playbook) == ["medium: Keep the newest logs (run medium)"]


def test_an_answer_to_no_rule_is_warned_about() -> None:
    """Success could not be proven."""
    (warned,) = warnings_about(read_playbook(GOOD.encode(), "x.yaml"), ("disk-almost-ful",))
    assert "disk-almost-ful?" in warned.remedy


def test_a_folder_that_is_nobodys_to_clean_is_refused() -> None:
    """/etc is not made again by itself."""
    error = refused(GOOD.replace('journal.vacuum: {keep: "{keep}"}', "folder.clean: {path: /etc, older_than: 1d}"))
    assert "may not" in error.what or "may touch" in error.what


@pytest.mark.parametrize(
    "bad",
    ["-rf", "--output=/etc/passwd", "", "a\nb", "x" * 130_000, "nul\0", "relative", "/etc/../root", "/a\u202eb"],
)
def test_a_value_that_could_be_something_else_is_refused(bad: str) -> None:
    """A mount point called ``--output=/etc/passwd`` must stay a mount point, or nothing."""
    playbook = read_playbook(GOOD.encode(), "x.yaml")
    with pytest.raises(FeldsherError) as caught:
        resolve_params(playbook, {"mount": bad}, {})
    assert caught.value.slug == "parameter"


def test_values_come_from_the_order_the_finding_or_the_default() -> None:
    """In this order; and resolving once more changes nothing."""
    playbook = read_playbook(GOOD.encode(), "x.yaml")
    resolved = resolve_params(playbook, {}, {"mount": "/var"})
    assert resolved == {"mount": "/var", "keep": 200 * 2**20}
    assert resolve_params(playbook, resolved, {}) == resolved
    assert resolve_params(playbook, {"mount": "/srv", "keep": "1 GiB"}, {"mount": "/var"}) == {
        "mount": "/srv",
        "keep": 2**30,
    }
    assert place_of(playbook, resolved) == {"mount": "/var"}


@pytest.mark.parametrize("given", [{}, {"mount": "/", "moutn": "/"}, {"mount": "/", "keep": True}, {"mount": 5}])
def test_a_missing_unknown_or_mistyped_value_is_refused(given: dict[str, str | int]) -> None:
    """The technician is told before the order leaves."""
    with pytest.raises(FeldsherError, match="parameter"):
        resolve_params(read_playbook(GOOD.encode(), "x.yaml"), given, {})


@pytest.mark.parametrize("name", ["../rules/clock-wrong", "/etc/passwd", "nothing", "", "end-runaway.yaml"])
def test_only_names_of_the_library_are_found(name: str) -> None:
    """The name comes from outside."""
    with pytest.raises(FeldsherError, match="not-found"):
        load_playbook(name)


def test_the_whole_library_reads_without_a_warning() -> None:
    """What ships is what we would want others to write."""
    from agent.rule import list_rules  # noqa: PLC0415 - only this test needs the rules

    for playbook in list_playbooks():
        assert not warnings_about(playbook, list_rules())
        assert load_playbook(playbook.name).sha256 == playbook.sha256


@pytest.mark.parametrize("text", ["[" * 60_000, "a: &a [*a]\n", "!!python/object/apply:os.system [id]\n"])
def test_hostile_files_are_refused_with_their_slug(text: str) -> None:
    """A playbook is a file from a stranger until it is read."""
    assert refused(text).slug.startswith("yaml-")

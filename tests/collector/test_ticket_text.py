"""A ticket on a terminal: verdict first, both languages, and nothing in it that steers the terminal."""

from typing import Any

import msgspec
import pytest

from collector.run_text import as_text as run_as_text
from collector.ticket_text import as_text
from collector.wording import named, visible
from contract.evidence import BeforeAfter, Verdict
from contract.sample import Sample
from contract.text import Text
from tests.fakes import cases
from tests.fakes.stains import stained

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b1m\r\u202egnp.exe\u2066\u200b\x00\x7f"


def test_the_verdict_comes_before_everything_it_rests_on() -> None:
    """A technician reads the first three lines and knows."""
    text = as_text(cases.FIXED_TICKET, cases.ENTRIES, cases.REPORT, cases.EVIDENCE, "en")
    order = [text.index(word) for word in ("FIXED", "Evidence", "Repair", "Measured", "Story")]
    assert order == sorted(order)
    assert text.splitlines()[1].split() == ["Verdict", "✓", "FIXED", *cases.TITLE.en.split()]
    assert "56% → 4.0%" in text
    assert "0.99 → not seen" in text


def test_russian_is_russian_to_the_last_label() -> None:
    """Half of our technicians read nothing else."""
    text = as_text(cases.FIXED_TICKET, cases.ENTRIES, cases.REPORT, cases.EVIDENCE, "ru")
    ours = [line[:13].strip() for line in text.splitlines() if line[:1].strip()]
    assert all(word and not word.isascii() for word in ours), ours
    assert "56 % → 4,0 %" in text


def test_an_open_ticket_says_the_next_command() -> None:
    """One command to the fix."""
    text = as_text(cases.TICKET, cases.ENTRIES[:2], cases.REPORT, None, "en")
    assert f"feldsher run start end-runaway-program --on {cases.HOST.id} --ticket 12" in text


def test_a_ticket_with_nothing_but_words_is_told_too() -> None:
    """A plea without a finding is the usual beginning."""
    ticket = msgspec.structs.replace(cases.TICKET, cause="")
    text = as_text(ticket, (), None, None, "en")
    assert "всё тормозит" in text


@pytest.mark.parametrize("language", ["en", "ru"])
def test_nothing_an_agent_says_can_steer_a_terminal(language: Any) -> None:
    """A process may be called ESC]0;… and must be shown, not obeyed."""
    ticket, entries, report, evidence = (
        stained(thing, EVIL) for thing in (cases.FIXED_TICKET, list(cases.ENTRIES), cases.REPORT, cases.EVIDENCE)
    )
    ticket = msgspec.structs.replace(ticket, cause=report.findings[0].key)
    text = as_text(ticket, entries, report, evidence, language) + run_as_text(evidence, language)
    assert set(EVIL) & set(text) <= set("]0;owned[2J1mgp.x")
    assert "\\x1b" in text
    assert "\\u202e" in text


def test_long_words_are_wrapped_and_columns_kept() -> None:
    """A line that runs off the screen is a line nobody reads."""
    text = as_text(cases.FIXED_TICKET, cases.ENTRIES, cases.REPORT, cases.EVIDENCE, "en", width=60)
    assert max(len(line) for line in text.splitlines()) <= 60


def test_a_measure_that_neither_look_saw_is_left_out() -> None:
    """An empty row says nothing."""
    evidence = msgspec.structs.replace(cases.EVIDENCE, measured=(BeforeAfter(None, None),))
    assert "Measured" not in run_as_text(evidence, "en")


def test_a_quantity_without_a_name_goes_by_its_own() -> None:
    """A new probe must not break the page, nor lose its place."""
    assert named(Sample("moon.phase_ratio", 0.5, "1", {"mount": "/x"}), "ru") == "moon.phase_ratio (/x)"
    assert named(Sample("process.uptime", 5, "s", {"pid": "4", "started": "99"}), "en") == "The program runs for (4)"


def test_what_is_visible_stays_as_it_is() -> None:
    """Accents, Cyrillic, line breaks and spaces that do not break are text."""
    assert visible("Ünïcödé, кириллица\n\tnext\u00a0%") == "Ünïcödé, кириллица\n\tnext\u00a0%"


def test_a_plan_shows_no_after() -> None:
    """Nothing was changed, so nothing was measured twice; "not seen" would say it had gone."""
    evidence = msgspec.structs.replace(cases.EVIDENCE, verdict=Verdict.PLANNED)
    assert "Measured" not in run_as_text(evidence, "en")


def test_a_repair_is_told_once_in_full() -> None:
    """A story that repeats every number three times is not read."""
    long = msgspec.structs.replace(cases.ENTRIES[-1], text=Text("Fixed.\none\ntwo\nthree", "Исправлено.\nа\nб\nв"))
    text = as_text(cases.FIXED_TICKET, (long,), cases.REPORT, cases.EVIDENCE, "en")
    assert "Fixed.\n" in text
    assert "two" not in text
    assert text.rstrip().endswith("…")

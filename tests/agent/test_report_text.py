"""The report on a terminal: the verdict first, the shadow under its cause, nothing left out silently."""

from datetime import UTC, datetime

from agent.report_text import as_text
from contract.finding import CannotTell, Finding, Held, Severity, Sign
from contract.report import NotSeen, Report
from contract.text import Text
from tests.fakes.quiet_host import FACTS


def finding(rule: str, *, explained_by: tuple[str, ...] = (), severity: Severity = Severity.HIGH) -> Finding:
    return Finding(
        rule=rule,
        where={},
        severity=severity,
        confidence=0.97,
        title=Text(f"{rule} title", f"{rule} заголовок"),
        customer=Text(f"{rule} for the customer", f"{rule} для клиента"),
        technician=Text(f"{rule} for the technician", f"{rule} для специалиста"),
        signs=(
            Sign("a > 1", Held.YES, 2, Text("seen sign", "увиденный признак")),
            Sign("b > 1", Held.NO, 2, Text("absent sign", "отсутствующий признак")),
            Sign("c > 1", Held.UNKNOWN, 1, Text("unseen sign", "непрочитанный признак"), ("c",)),
            Sign("d > 1", Held.YES, -1, Text("sign against", "признак против")),
        ),
        explained_by=explained_by,
    )


REPORT = Report(
    at=datetime(2026, 11, 22, tzinfo=UTC),
    took_seconds=1,
    why="person",
    host=FACTS,
    samples=(),
    findings=(finding("disk"), finding("service", explained_by=("disk",), severity=Severity.MEDIUM)),
    rules=("disk", "service", "clock"),
    cannot_tell=(CannotTell("clock", {"source": "a"}, ("clock.offset_seconds",)),),
    not_seen=(NotSeen("services", "not-there", "no systemd"), NotSeen("new-probe", "odd-reason")),
)


def test_a_shadow_stands_under_its_cause() -> None:
    """Two alarms for one trouble make people repair the wrong one."""
    lines = as_text(REPORT, "en").splitlines()
    assert lines[0] == "FAIL   disk title"
    assert "       because of it: service title" in lines
    assert not any(line.startswith("WARN") for line in lines)
    assert "Most likely the cause: disk title (97% sure)." in lines


def test_what_was_not_looked_at_is_said_with_its_reason() -> None:
    """A check that could not be made must never look like one that passed."""
    text = as_text(REPORT, "ru")
    assert "службы: здесь такого нет" in text
    assert "new-probe: odd-reason" in text
    assert "1 проверка без замечаний" in text


def test_the_technician_sees_the_signs_that_speak_and_those_that_are_missing() -> None:
    """A sign that is not so, printed in its own words, would read as a fact."""
    text = as_text(REPORT, "en", technician=True)
    assert "+ seen sign" in text
    assert "? unseen sign" in text
    assert "- sign against" in text
    assert "absent sign" not in text
    assert "clock source=a: clock.offset_seconds" in text


def test_a_name_cannot_command_the_terminal() -> None:
    """What a process is called is chosen by whoever wrote it."""
    assert "\x1b" not in as_text(REPORT, "en", said="\x1b[2Jhelp")


def test_long_words_fit_a_narrow_console() -> None:
    """A phone on SSH has forty columns."""
    assert all(len(line) <= 60 for line in as_text(REPORT, "en", width=40).splitlines())

"""What a report, a plea or evidence means for tickets. Pure: no store, no clock."""

from datetime import timedelta

import msgspec

from collector.store.base import HOME, EntryKind, Ticket, TicketState
from collector.triage import Append, Open, triage_evidence, triage_plea, triage_report
from contract.evidence import BeforeAfter, Evidence, StepEnd, StepEvidence, Verdict
from contract.finding import CannotTell, Severity
from contract.sample import Sample
from contract.text import Text
from tests.fakes.desk import FULL, NOON, a_plea, a_report

GIB = 1024**3


def a_ticket(state: TicketState = TicketState.OPEN, cause: str = FULL.key, number: int = 7) -> Ticket:
    """Return the ticket there is already."""
    return Ticket(
        organisation=HOME,
        number=number,
        host="h",
        cause=cause,
        title=FULL.title,
        severity=Severity.HIGH,
        state=state,
        opened_at=NOON,
        changed_at=NOON,
    )


def some_evidence(verdict: Verdict = Verdict.FIXED, playbook: str = "free-disk-space") -> Evidence:
    """Return how a repair ended."""
    free = Sample("system.filesystem.usage.free", GIB // 2, "By", {"mount": "/"})
    return Evidence(
        order="o-1",
        host="h",
        playbook=playbook,
        version="1",
        started=NOON,
        ended=NOON,
        verdict=verdict,
        steps=(StepEvidence(name="trim the logs", end=StepEnd.DONE, did=("journalctl --vacuum-size=200M",)),),
        findings_before=(FULL,),
        measured=(BeforeAfter(free, msgspec.structs.replace(free, value=20 * GIB)),),
        tell=Text("There is room again.", "Место снова есть."),
    )


def test_a_new_cause_opens_one_ticket() -> None:
    """The technician must hear of a fault that lasts, once."""
    [move] = triage_report(a_report(FULL), [])
    assert isinstance(move, Open)
    assert (move.cause, move.title, move.severity) == (FULL.key, FULL.title, Severity.HIGH)
    assert "90%" in move.text.en
    assert "90 %" in move.text.ru


def test_a_cause_seen_again_is_no_news() -> None:
    """Three hundred lines a day that say "still" bury the one that matters."""
    assert triage_report(a_report(FULL), [a_ticket()]) == []


def test_a_shadow_opens_nothing() -> None:
    """A symptom is told under its cause, or the desk repairs symptoms."""
    shadow = msgspec.structs.replace(FULL, rule="slow", explained_by=(FULL.key,))
    assert len(triage_report(a_report(FULL, shadow), [])) == 1


def test_what_is_of_low_severity_opens_nothing() -> None:
    """Noise becomes nothing."""
    assert triage_report(a_report(msgspec.structs.replace(FULL, severity=Severity.LOW)), []) == []


def test_an_ordered_look_opens_nothing_of_itself() -> None:
    """It tells of findings a second old; most would be gone before anyone read the ticket."""
    assert triage_report(a_report(FULL, why="order"), []) == []


def test_an_ordered_look_goes_onto_the_ticket_it_was_ordered_for() -> None:
    """Who asked for a fresh look reads it where they asked."""
    ticket = a_ticket()
    [move] = triage_report(a_report(FULL, why="order"), [ticket], ticket)
    assert isinstance(move, Append)
    assert move.attaches
    assert FULL.title.en in move.text.en


def test_a_worse_finding_is_told() -> None:
    """A disk that went from low to no room changes what is done first."""
    worse = msgspec.structs.replace(FULL, severity=Severity.CRITICAL)
    [move] = triage_report(a_report(worse), [a_ticket()])
    assert isinstance(move, Append)
    assert move.severity is Severity.CRITICAL


def test_a_cause_that_comes_back_opens_its_ticket_again() -> None:
    """A repair that held for a day did not hold; the same ticket must say so."""
    for state in (TicketState.FIXED, TicketState.SILENT):
        [move] = triage_report(a_report(FULL), [a_ticket(state)])
        assert isinstance(move, Append)
        assert (move.ticket, move.state) == (7, TicketState.OPEN)


def test_a_look_from_before_the_repair_does_not_undo_it() -> None:
    """An old report that waited in the spool would call a fixed machine ill."""
    report = a_report(FULL, at=NOON - timedelta(minutes=1))
    assert triage_report(report, [a_ticket(TicketState.FIXED)], ended={7: NOON}) == []
    assert triage_report(a_report(FULL), [a_ticket(TicketState.FIXED)], ended={7: NOON}) != []


def test_a_closed_ticket_is_not_written_on() -> None:
    """Nobody reads it any more: the same fault is a new case."""
    [move] = triage_report(a_report(FULL), [a_ticket(TicketState.CLOSED)])
    assert isinstance(move, Open)


def test_a_cause_no_longer_seen_falls_silent() -> None:
    """The technician sees at a glance which cases may be over."""
    [move] = triage_report(a_report(), [a_ticket()])
    assert isinstance(move, Append)
    assert (move.kind, move.state) == (EntryKind.SILENT, TicketState.SILENT)


def test_not_having_looked_is_not_silence() -> None:
    """A look that did not judge the rule, could not tell, or still watches it, says nothing about the cause."""
    blind = CannotTell("disk-full", {"mount": "/"}, ("system.filesystem.limit",))
    assert triage_report(a_report(rules=("memory-short",)), [a_ticket()]) == []
    assert triage_report(a_report(cannot_tell=(blind,)), [a_ticket()]) == []
    assert triage_report(a_report(cannot_tell=(CannotTell("disk-full", {}, ("x",)),)), [a_ticket()]) == []
    assert triage_report(a_report(watched=(FULL,)), [a_ticket()]) == []


def test_another_place_that_cannot_be_told_does_not_matter() -> None:
    """An unreadable USB stick must not keep the case of the system disk open for ever."""
    elsewhere = CannotTell("disk-full", {"mount": "/media/usb"}, ("x",))
    assert len(triage_report(a_report(cannot_tell=(elsewhere,)), [a_ticket()])) == 1


def test_a_plea_always_gets_a_ticket() -> None:
    """A person who asked for help is told a number, whatever we found."""
    move = triage_plea(a_plea(), [])
    assert isinstance(move, Open)
    assert (move.cause, move.words) == ("", "everything is slow")
    assert "everything is slow" in move.title.en


def test_a_plea_about_a_known_cause_goes_onto_its_ticket() -> None:
    """Two tickets about one disk are answered twice."""
    for state in (TicketState.OPEN, TicketState.SILENT, TicketState.FIXED):
        move = triage_plea(a_plea(FULL), [a_ticket(state)])
        assert isinstance(move, Append)
        assert (move.ticket, move.state) == (7, TicketState.OPEN)


def test_two_different_pleas_without_a_cause_are_two_cases() -> None:
    """A printer and a password have nothing to do with each other."""
    first = triage_plea(a_plea(words="the printer is silent"), [])
    assert isinstance(first, Open)
    known = msgspec.structs.replace(a_ticket(cause=""), title=first.title)
    assert isinstance(triage_plea(a_plea(words="the printer is silent"), [known]), Append)
    assert isinstance(triage_plea(a_plea(words="I forgot my password"), [known]), Open)


def test_evidence_says_the_verdict_the_steps_and_what_was_measured() -> None:
    """The proof of a repair is what the technician forwards to the customer."""
    [move] = triage_evidence(some_evidence(), a_ticket())
    assert isinstance(move, Append)
    assert (move.state, move.attaches) == (TicketState.FIXED, True)
    assert "Fixed" in move.text.en
    assert "trim the logs: done" in move.text.en
    assert "512.0 MiB → 20.0 GiB" in move.text.en
    assert "512,0 МиБ → 20,0 ГиБ" in move.text.ru
    assert "Место снова есть." in move.text.ru


def test_only_fixed_is_fixed() -> None:
    """A plan, or a repair that was put back, leaves the case where it was."""
    for verdict in set(Verdict) - {Verdict.FIXED}:
        [move] = triage_evidence(some_evidence(verdict), a_ticket())
        assert isinstance(move, Append)
        assert move.state is None


def test_a_repair_of_something_else_leaves_the_case_open() -> None:
    """A disk that is still full must not look settled because a service was restarted."""
    [move] = triage_evidence(some_evidence(), a_ticket(cause="service-failed[service=cups.service]"))
    assert isinstance(move, Append)
    assert move.state is None
    assert move.attaches


def test_a_fix_does_not_open_a_closed_ticket() -> None:
    """A person's word that a case is over stands."""
    [move] = triage_evidence(some_evidence(), a_ticket(TicketState.CLOSED))
    assert isinstance(move, Append)
    assert move.state is None


def test_the_end_of_a_checkup_says_nothing_twice() -> None:
    """Its report comes by itself and is the evidence."""
    assert triage_evidence(some_evidence(Verdict.HEALTHY, playbook=""), a_ticket()) == []
    assert triage_evidence(some_evidence(), None) == []

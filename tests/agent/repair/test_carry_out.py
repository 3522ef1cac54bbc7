"""The loop that touches: intent before act, what undo needs before both, and the same end after every power cut."""

import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from agent.hosts.base import NotThere, TooSlow
from agent.repair.action import Acted, Arguments
from agent.repair.carry_out import follow, never
from agent.repair.journal import Kind, RunFolder
from agent.repair.machine import Seen
from agent.repair.playbook import Playbook
from contract.evidence import Evidence, StepEnd, Verdict
from contract.order import Order
from contract.sample import Sample

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
TWO_STEPS = """\
  - name: First
    check: packages.cache_bytes < 10
    do: {time.sync_on: {}}
    verify: packages.cache_bytes < 10
    undo: inverse
  - name: Second
    check: journal.used_bytes < 10
    do: {run: [second, "{os.version}"]}
    verify: journal.used_bytes < 10
    undo: [{run: [unsecond]}]
"""
GOES_FIRST, GOES_SECOND = "time.sync_on", "run second"


class Cut(BaseException):
    """The power went."""


class Bench:
    """A machine of three numbers. *works* are the acts that have an effect; *cut_at* counts touches to a power cut."""

    def __init__(self, run: RunFolder, works: tuple[str, ...] = (GOES_FIRST, GOES_SECOND)) -> None:
        self.values: dict[str, Any] = {"packages.cache_bytes": 99, "journal.used_bytes": 99, "os.version": "12"}
        self.found = dict(self.values)
        self.run = run
        self.works = works
        self.fails: set[str] = set()
        self.slow: set[str] = set()
        self.prints = ""
        self.os = "linux"
        self.cut_at = -1
        self.did: list[str] = []
        self.seconds = 0.0
        self.looks = 0

    def elapsed(self) -> float:
        return self.seconds

    def wait(self, span: timedelta) -> None:
        self.seconds += span.total_seconds()

    def os_name(self) -> str:
        return self.os

    def room_bytes(self) -> int:
        return 2**30

    def look(self, names: frozenset[str]) -> Seen:
        self.looks += 1
        return Seen(tuple(Sample(name, value) for name, value in self.values.items() if name in names))

    def prepare(self, action: str, arguments: Arguments) -> Any:
        return dict(self.values)

    def act(self, action: str, arguments: Arguments, time_limit: timedelta) -> Acted:
        act = f"{action} {arguments['argv'][0]}" if action == "run" else action
        last = self.run.lines()[-1]
        assert last.kind is Kind.INTENT, "it was touched without an intent on disk"
        self._cut()
        self.did.append(act)
        if act in self.slow:
            raise TooSlow(act)
        if act in self.works:
            self.values["packages.cache_bytes" if act == GOES_FIRST else "journal.used_bytes"] = 1
        if act == "run unsecond":
            self.values["journal.used_bytes"] = 99
        self._cut()
        return Acted(ok=act not in self.fails, did=act, output=self.prints)

    def take_back(self, action: str, arguments: Arguments, before: Any, time_limit: timedelta) -> Acted:
        assert self.run.lines()[-1].kind is Kind.INTENT
        self._cut()
        self.did.append(f"take back {action}")
        self.values["packages.cache_bytes"] = before["packages.cache_bytes"]
        self._cut()
        return Acted(ok=True, did=f"took back {action}")

    def _cut(self) -> None:
        self.cut_at -= 1
        if self.cut_at == 0:
            raise Cut


Carry = Callable[..., Evidence]


@pytest.fixture
def carry(run: RunFolder, order: Callable[..., Order], book: Callable[[str], Playbook]) -> Carry:
    def follow_it(
        machine: Bench, steps: str = TWO_STEPS, *, check_only: bool = False, stop: Callable[[], str] = never
    ) -> Evidence:
        playbook = book(steps)
        return follow(
            playbook,
            {"password": "correct-horse"},
            machine,
            run,
            order=order(playbook, check_only=check_only),
            rules=(),
            clock=lambda: NOON,
            stop=stop,
        )

    return follow_it


def ends(evidence: Evidence) -> list[StepEnd]:
    return [step.end for step in evidence.steps]


def test_a_repair_that_works_is_proven(run: RunFolder, carry: Carry) -> None:
    """The technician sees before and after, measured by the same probe."""
    evidence = carry(Bench(run))
    assert evidence.verdict is Verdict.FIXED
    assert ends(evidence) == [StepEnd.DONE, StepEnd.DONE]
    assert evidence.ticket == "12"
    measured = {
        pair.before.name: (pair.before.value, pair.after.value)
        for pair in evidence.measured
        if pair.before and pair.after
    }
    assert measured["journal.used_bytes"] == (99, 1)
    assert evidence.tell is not None
    assert evidence.tell.en == "Done."


def test_a_finished_repair_returns_the_same_bytes_and_touches_nothing(run: RunFolder, carry: Carry) -> None:
    """Evidence that is delivered twice must be one evidence."""
    first = carry(Bench(run))
    kept = run.evidence()
    again = Bench(run)
    assert carry(again) == first
    assert run.evidence() == kept == msgspec.json.encode(first)
    assert (again.did, again.looks) == ([], 0)


def test_a_second_run_has_nothing_to_do(run: RunFolder, carry: Carry) -> None:
    """Pressing the button twice must not change a machine that is well."""
    machine = Bench(run)
    machine.values |= {"packages.cache_bytes": 1, "journal.used_bytes": 1}
    evidence = carry(machine)
    assert evidence.verdict is Verdict.HEALTHY
    assert ends(evidence) == [StepEnd.NOTHING_TO_DO, StepEnd.NOTHING_TO_DO]
    assert machine.did == []


def test_the_plan_changes_nothing_and_says_what_it_cannot_know(run: RunFolder, carry: Carry) -> None:
    """A technician decides by it."""
    machine = Bench(run)
    evidence = carry(
        machine, TWO_STEPS + TWO_STEPS.replace("First", "Third").replace("Second", "Fourth"), check_only=True
    )
    assert evidence.verdict is Verdict.PLANNED
    assert ends(evidence) == [StepEnd.WOULD_DO, StepEnd.WOULD_DO, StepEnd.CANNOT_KNOW, StepEnd.CANNOT_KNOW]
    assert machine.did == []
    assert not (run.path / "saved").exists()
    assert run.lines() == []


def test_what_does_not_help_is_put_back_exactly(run: RunFolder, carry: Carry) -> None:
    """The customer's machine is as it was found."""
    machine = Bench(run, works=(GOES_FIRST,))
    evidence = carry(machine)
    assert evidence.verdict is Verdict.PUT_BACK
    assert evidence.reason == "not-verified"
    assert machine.values == machine.found
    assert machine.did == [GOES_FIRST, GOES_SECOND, "run unsecond", "take back time.sync_on"]
    assert ends(evidence) == [StepEnd.TAKEN_BACK, StepEnd.TAKEN_BACK]
    assert evidence.tell is not None
    assert evidence.tell.en == "Not done."


def test_an_effect_may_take_a_moment(run: RunFolder, carry: Carry) -> None:
    """A service needs a second to come up; that is no failure."""

    class Late(Bench):
        def wait(self, span: timedelta) -> None:
            super().wait(span)
            self.values["packages.cache_bytes"] = self.values["journal.used_bytes"] = 1

    assert carry(Late(run, works=())).verdict is Verdict.FIXED


def test_patience_ends(run: RunFolder, carry: Carry) -> None:
    """A technician waits for the verdict."""
    machine = Bench(run, works=())
    carry(machine)
    assert 10 <= machine.seconds <= 12


@pytest.mark.parametrize("how", ["fails", "slow"])
def test_an_act_that_fails_is_taken_back_too(run: RunFolder, carry: Carry, how: str) -> None:
    """It may have half happened."""
    machine = Bench(run)
    getattr(machine, how).add(GOES_SECOND)
    evidence = carry(machine)
    assert evidence.verdict is Verdict.PUT_BACK
    assert machine.values == machine.found


def test_what_was_not_seen_is_not_filled_in(run: RunFolder, carry: Carry) -> None:
    """An argument without a value must not become an empty word."""
    machine = Bench(run)
    del machine.values["os.version"]
    evidence = carry(machine)
    assert (evidence.verdict, evidence.reason) == (Verdict.PUT_BACK, "cannot-tell")
    assert GOES_SECOND not in machine.did


def test_a_command_that_is_not_there_touched_nothing(run: RunFolder, carry: Carry) -> None:
    """Nothing is left behind by a program that does not exist, and nobody must look."""

    class Bare(Bench):
        def act(self, action: str, arguments: Arguments, time_limit: timedelta) -> Acted:
            raise NotThere(action)

    evidence = carry(Bare(run))
    assert (evidence.verdict, evidence.reason) == (Verdict.BLOCKED, "not-there")


def test_a_failed_probe_is_not_a_missing_thing(run: RunFolder, carry: Carry) -> None:
    """A probe that hung must not be read as "the program is gone"."""

    class Blind(Bench):
        def look(self, names: frozenset[str]) -> Seen:
            return Seen((), names)

    steps = TWO_STEPS.replace("packages.cache_bytes < 10", "packages.cache_bytes is missing")
    evidence = carry(Blind(run), steps)
    assert (evidence.verdict, evidence.reason) == (Verdict.BLOCKED, "cannot-tell")


@pytest.mark.parametrize("moves", range(9))
def test_a_stop_takes_everything_back(run: RunFolder, carry: Carry, moves: int) -> None:
    """Customer, technician and collector may change their mind at any moment."""
    machine, asked = Bench(run), iter(range(100))
    evidence = carry(machine, stop=lambda: "Anna: not now" if next(asked) >= moves else "")
    assert (evidence.verdict, evidence.reason) == (Verdict.PUT_BACK, "stopped")
    assert evidence.detail == "Anna: not now"
    assert machine.values == machine.found


def test_a_secret_does_not_come_out(run: RunFolder, carry: Carry) -> None:
    """A command that prints its password must not put it on the ticket, nor into a file of ours."""
    machine = Bench(run)
    machine.prints = "using password correct-horse now"
    evidence = carry(machine)
    assert "correct-horse" not in str(evidence)
    for folder, _, files in os.walk(run.path):
        for file in files:
            with open(os.path.join(folder, file), "rb") as kept:  # noqa: PTH118, PTH123 - as os.walk names them
                assert b"correct-horse" not in kept.read()


def test_long_output_is_shown_at_both_ends_and_kept_whole(run: RunFolder, carry: Carry) -> None:
    """The error is at the end, the command at the beginning."""
    machine = Bench(run)
    machine.prints = "begin " + "x" * 50_000 + " end"
    evidence = carry(machine)
    shown = evidence.steps[0].output
    assert shown.startswith("begin")
    assert "characters are not shown" in shown
    assert shown.endswith("end")
    assert len(shown) < 10_000
    assert len((run.path / "output" / "1-do.txt").read_text()) == len(machine.prints)


@pytest.mark.parametrize("works", [(GOES_FIRST, GOES_SECOND), (GOES_FIRST,), (GOES_SECOND,), ()])
@pytest.mark.parametrize("cut_at", range(1, 9))
def test_after_a_power_cut_nothing_is_done_twice_and_nothing_is_left(
    run: RunFolder, carry: Carry, works: tuple[str, ...], cut_at: int
) -> None:
    """Wherever the power goes, the next start ends with the machine repaired or as it was found."""
    machine = Bench(run, works)
    machine.cut_at = cut_at
    try:
        evidence = carry(machine)
    except Cut:
        evidence = carry(machine)
    assert machine.did.count(GOES_FIRST) <= 1
    assert machine.did.count(GOES_SECOND) <= 1
    if evidence.verdict is Verdict.FIXED:
        assert machine.values["packages.cache_bytes"] == machine.values["journal.used_bytes"] == 1
    else:
        assert evidence.verdict is Verdict.PUT_BACK
        assert machine.values == machine.found


def test_a_repair_ends_by_the_words_it_was_begun_with(run: RunFolder, carry: Carry) -> None:
    """An update between the power cut and the next start must not change what undo means."""
    machine = Bench(run, works=())
    machine.cut_at = 2
    with pytest.raises(Cut):
        carry(machine)
    evidence = carry(
        machine,
        TWO_STEPS.replace("First", "Renamed")
        .replace("time.sync_on", "temporary.clean")
        .replace("undo: inverse", "undo: impossible"),
    )
    assert evidence.steps[0].name == "First"
    assert evidence.verdict is Verdict.PUT_BACK


def test_a_damaged_journal_is_told_and_nothing_is_guessed(run: RunFolder, carry: Carry) -> None:
    """A person must look; the evidence says so and is delivered."""
    machine = Bench(run)
    machine.cut_at = 1
    with pytest.raises(Cut):
        carry(machine)
    journal = run.path / "journal.jsonl"
    journal.write_bytes(b"garbage\n" + journal.read_bytes())
    machine.did.clear()
    evidence = carry(machine)
    assert (evidence.verdict, evidence.reason) == (Verdict.INTERRUPTED, "state-damaged")
    assert machine.did == []
    assert ends(evidence) == [StepEnd.UNKNOWN, StepEnd.UNKNOWN]
    assert carry(machine) == evidence


def test_a_playbook_for_another_system_is_not_begun(run: RunFolder, carry: Carry) -> None:
    """The order went to the wrong machine."""
    machine = Bench(run)
    machine.os = "windows"
    evidence = carry(machine)
    assert (evidence.verdict, evidence.reason) == (Verdict.BLOCKED, "not-there")
    assert machine.looks == 0


def test_damaged_originals_are_not_written_back(run: RunFolder, carry: Carry) -> None:
    """Half of a file over a whole one is worse than a person who looks; the other steps are taken back all the same."""
    machine = Bench(run, works=(GOES_FIRST,))
    machine.fails.add(GOES_SECOND)

    def spoil() -> str:
        if (run.path / "saved" / "1-0.json").exists():
            (run.path / "saved" / "1-0.json").write_bytes(b"{")
        return ""

    evidence = carry(machine, stop=spoil)
    assert evidence.verdict is Verdict.LEFT
    assert ends(evidence) == [StepEnd.NOT_TAKEN_BACK, StepEnd.TAKEN_BACK]

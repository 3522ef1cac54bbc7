"""Every playbook of the library, through every case that was written for it.

A case is data: ``tests/rehearsals/<playbook>/<case>.yaml``; the form is described in `agent.repair.rehearsal`. Adding
one needs no Python.
"""

from functools import cache
from pathlib import Path

import pytest

from agent.repair.playbook import Playbook, list_playbooks, load_playbook
from agent.repair.rehearsal import Rehearsed, differences, once_more, read_case, rehearse
from agent.rule import list_rules
from contract.evidence import Verdict

FOLDER = Path(__file__).resolve().parents[2] / "rehearsals"
CASES = sorted(FOLDER.glob("*/*.yaml"))
HELPED = {Verdict.FIXED, Verdict.HEALTHY}


@cache
def played(path: Path) -> Rehearsed:
    playbook = load_playbook(path.parent.name)
    return rehearse(playbook, read_case(path, playbook))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_goes_as_its_case_says(path: Path) -> None:
    """A technician who changes a playbook sees which machine it no longer helps."""
    playbook = load_playbook(path.parent.name)
    assert not differences(read_case(path, playbook), played(path))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_fixed_machine_is_left_alone_the_second_time(path: Path) -> None:
    """Nobody wants a service restarted because somebody pressed the button twice."""
    first = played(path)
    if first.evidence.verdict is not Verdict.FIXED:
        return
    playbook = load_playbook(path.parent.name)
    second = once_more(playbook, read_case(path, playbook), first)
    assert second.evidence.verdict is Verdict.HEALTHY
    assert not [move for move in second.moves if move.startswith(("do ", "undo "))]


@pytest.mark.parametrize("playbook", list_playbooks(), ids=lambda playbook: playbook.name)
def test_is_rehearsed_working_and_failing(playbook: Playbook) -> None:
    """A playbook nobody saw fail will fail for the first time on a customer's machine."""
    verdicts = {played(path).evidence.verdict for path in CASES if path.parent.name == playbook.name}
    assert verdicts & HELPED
    assert verdicts - HELPED


@pytest.mark.parametrize("playbook", list_playbooks(), ids=lambda playbook: playbook.name)
def test_answers_rules_that_there_are(playbook: Playbook) -> None:
    """A repair that answers a rule nobody has would never be proven."""
    assert set(playbook.answers) <= set(list_rules())

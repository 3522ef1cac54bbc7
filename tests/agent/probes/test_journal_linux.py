"""Errors in the journal."""

import json
from pathlib import Path

import pytest

from agent.hosts.base import NotAllowed, NotThere
from agent.probes import journal_linux
from tests.fakes.capture import captured, until_unreadable

MACHINE = "/var/log/journal/0123"


def entries(*fields: object) -> str:
    return "".join(json.dumps(field) + "\n" for field in fields)


def test_errors_are_counted_by_who_sent_them(tmp_path: Path) -> None:
    """One driver that complains a thousand times hides the disk that complained twice."""
    lines = entries(
        {"SYSLOG_IDENTIFIER": "kernel", "_BOOT_ID": "x"},
        {"SYSLOG_IDENTIFIER": "kernel"},
        {"_COMM": "smartd"},
        {"SYSLOG_IDENTIFIER": ["sshd", "login"]},
        {"SYSLOG_IDENTIFIER": [255, 254]},
        {"SYSLOG_IDENTIFIER": "a\x1bb"},
        {},
    )
    host = captured(
        tmp_path,
        files={f"{MACHINE}/system.journal": "LPKSHHRH"},
        runs=[{"argv": journal_linux.ERRORS, "stdout": lines}],
    )
    seen = {
        sample.where.get("identifier"): sample.value for sample in journal_linux.understand(journal_linux.read(host))
    }
    assert seen == {None: 7, "kernel": 2, "smartd": 1, "sshd": 1, "unknown": 2, "a\\x1bb": 1}


def test_no_message_is_asked_for() -> None:
    """Messages hold what people typed."""
    (fields,) = (word for word in journal_linux.ERRORS if word.startswith("--output-fields="))
    assert "MESSAGE" not in fields
    assert "--output=json" in journal_linux.ERRORS


def test_a_journal_closed_to_us_is_not_one_without_errors(tmp_path: Path) -> None:
    """The tool itself counts what it may see and says nothing of the rest."""
    host = captured(
        tmp_path,
        files={f"{MACHINE}/system.journal": ""},
        refusals=[{"path": f"{MACHINE}/system.journal", "reason": "not-allowed"}],
        runs=[{"argv": journal_linux.ERRORS}],
    )
    with pytest.raises(NotAllowed):
        journal_linux.read(host)


def test_a_machine_that_keeps_no_journal_says_so(tmp_path: Path) -> None:
    """Zero errors would be a clean bill of health."""
    host = captured(tmp_path, folders={"/var/log/journal": [], "/run/log/journal": ["note.txt"]})
    with pytest.raises(NotThere, match="none is kept"):
        journal_linux.read(host)


def test_a_journal_without_errors_counts_none() -> None:
    """This, and only this, is the good news."""
    for quiet in (b"", b"-- No entries --\n"):
        assert [sample.value for sample in journal_linux.understand(journal_linux.Reading(quiet, 0))] == [0]


def test_a_cut_journal_gives_senders_but_no_sum() -> None:
    """A sum of a part is a wrong number."""
    cut = journal_linux.Reading(entries({"_COMM": "a"}).encode() + b'{"_CO', 99)
    samples, why = until_unreadable(journal_linux.understand(cut))
    assert why
    assert [sample.where for sample in samples] == [{"identifier": "a"}]

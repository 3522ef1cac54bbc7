"""The folder of a repair: what was flushed is there, what was torn never happened, what is damaged is not hidden."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agent.repair.journal import KEEP_OUTPUT_BYTES, Journal, Kind, Outcome, RunFolder
from contract.errors import FeldsherError
from contract.sample import Sample

NOON = datetime(2024, 1, 1, tzinfo=UTC)


def journal_of(run: RunFolder) -> Journal:
    return Journal(run, lambda: NOON)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = RunFolder(tmp_path / "run")
    journal = journal_of(run)
    journal.write(Kind.BEGAN)
    journal.write(Kind.RESULT, move="look", outcome=Outcome.YES, samples=(Sample("os.init", "systemd", "text"),))
    journal.write(Kind.INTENT, move="do", step="one")
    return run


def test_what_was_written_is_read_back(run: RunFolder) -> None:
    """A repair resumes from nothing but these lines."""
    lines = run.lines()
    assert [line.kind for line in lines] == [Kind.BEGAN, Kind.RESULT, Kind.INTENT]
    assert lines[1].samples == (Sample("os.init", "systemd", "text"),)
    assert lines[1].at == NOON


@pytest.mark.parametrize("torn", [b'{"number":4,"at":"2024', b"\0\0\0\0\n", b'{"number":4', b"\xff\n"])
def test_a_torn_last_line_was_never_written(run: RunFolder, torn: bytes) -> None:
    """A power cut in the middle of a write must not keep a machine half repaired."""
    journal = run.path / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + torn)
    assert len(run.lines()) == 3
    assert journal.read_bytes() == whole
    journal_of(run).write(Kind.RESUMED)
    assert [line.number for line in run.lines()] == [1, 2, 3, 4]


@pytest.mark.slow
def test_every_cut_of_the_file_leaves_a_beginning_of_the_story(run: RunFolder) -> None:
    """However short the disk kept it, what is read is what was written, without a gap."""
    journal = run.path / "journal.jsonl"
    whole = journal.read_bytes()
    all_lines = run.lines()
    for length in range(len(whole)):
        journal.write_bytes(whole[:length])
        lines = run.lines()
        assert lines == all_lines[: len(lines)]


@pytest.mark.parametrize("damage", [b"", b"{}", b"garbage", b'{"number":7,"at":"2024-01-01T00:00:00Z","kind":"began"}'])
def test_damage_before_the_end_is_an_error(run: RunFolder, damage: bytes) -> None:
    """A line that is gone may be the one that says what was done."""
    journal = run.path / "journal.jsonl"
    rows = journal.read_bytes().split(b"\n")
    journal.write_bytes(b"\n".join([rows[0], damage, *rows[2:]]))
    with pytest.raises(FeldsherError, match="state-damaged"):
        run.lines()


def test_what_undo_needs_is_kept_and_replaced(run: RunFolder) -> None:
    """The original settings of a customer's machine."""
    assert run.saved("1-0") is None
    run.save("1-0", {"before": {"content": "abc"}})
    run.save("1-0", {"before": {"content": "def"}})
    assert run.saved("1-0") == {"before": {"content": "def"}}


def test_damaged_undo_is_told_not_guessed(run: RunFolder) -> None:
    """Half of a file must never be written back over a whole one."""
    run.save("1-0", {"before": 1})
    (run.path / "saved" / "1-0.json").write_bytes(b'{"befo')
    with pytest.raises(FeldsherError, match="state-damaged"):
        run.saved("1-0")


def test_output_is_cut_at_eight_mebibytes_and_says_so(run: RunFolder) -> None:
    """A step that prints for hours must not fill the disk."""
    run.keep_output("1-do", "x" * (KEEP_OUTPUT_BYTES + 10))
    kept = (run.path / "output" / "1-do.txt").read_text()
    assert len(kept) < KEEP_OUTPUT_BYTES + 200
    assert "cut here" in kept


def test_a_folder_that_cannot_be_written_is_our_error(tmp_path: Path) -> None:
    """The technician reads what to do, not a stack."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FeldsherError, match="state-not-writable"):
        journal_of(RunFolder(tmp_path / "file" / "run")).write(Kind.BEGAN)

"""``feldsher record``, and ``feldsher diagnose --open`` on what it made."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.checkup import examine
from agent.hosts.recorded import Recorded
from commands.diagnose import diagnose
from commands.record import keep, record
from contract.errors import FeldsherError
from tests.captures.record import CAPTURES
from tests.fakes.capture import captured

SICK = CAPTURES / "ubuntu-laptop-sick"


def opened(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(diagnose, ["--open", str(folder), *words])


def refused(folder: Path) -> FeldsherError:
    error = opened(folder).exception
    assert isinstance(error, FeldsherError)
    return error


def test_it_says_what_was_kept_what_was_hidden_and_how_to_read_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person passes on only what they understand."""
    sick = tmp_path / "sick"
    shutil.copytree(SICK, sick)
    (sick / "files/etc/fstab").write_text("//nas/x /home/anna7/x cifs password=hunter2 0 0\n")
    keep(Recorded(sick), tmp_path / "made of it", "pc-1", "en", as_json=False)
    told = capsys.readouterr()
    assert told.err.startswith("Recording this computer.")
    assert "passwords × 1, people's names × 1" in told.out
    assert "name of this computer as “pc-1”" in told.out
    assert f"feldsher diagnose --open '{tmp_path / 'made of it'}'" in told.out
    assert Recorded(tmp_path / "made of it").facts.name == "pc-1"
    keep(Recorded(sick), tmp_path / "ещё", "", "ru", as_json=False)
    assert "Скрыто до записи: пароли × 1, имена людей × 1." in capsys.readouterr().out


def test_a_script_is_told_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Support collects recordings of forty machines at once."""
    keep(Recorded(SICK), tmp_path / "made", "", "en", as_json=True)
    told = capsys.readouterr()
    made: dict[str, Any] = json.loads(told.out)
    assert told.err == ""
    assert (made["schema"], made["folder"], made["hidden"]) == ("feldsher.recording/1", str(tmp_path / "made"), {})
    assert made["open"] == ["feldsher", "diagnose", "--open", str(tmp_path / "made")]
    assert min(made[count] for count in ("files", "commands", "asked", "refusals", "size_bytes")) > 0
    assert "journal" in made["not_seen"]


@pytest.mark.parametrize(("name", "slug"), [("", "file-exists"), ("../x", "usage")])
def test_a_no_comes_before_the_look(name: str, slug: str, tmp_path: Path) -> None:
    """Nobody waits ten seconds to hear that the name was taken; and nothing there is touched."""
    (tmp_path / "mine").write_bytes(b"mine")
    folder = tmp_path if slug == "file-exists" else tmp_path / "new"
    result = CliRunner().invoke(record, ["--out", str(folder), "--name", name])
    assert isinstance(result.exception, FeldsherError)
    assert (result.exception.slug, result.exception.kind.exit_code, result.output) == (slug, 2, "")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_recording_is_read_with_the_rules_of_today_by_its_own_clock(tmp_path: Path) -> None:
    """The technician sees the customer's machine as it was, not their own, and not as of now."""
    result = opened(SICK, "--lang", "en")
    assert result.exit_code == 1, result.output
    assert result.stdout.startswith("From a recording of ubuntu-laptop-sick made on 2025-05-12 07:41 UTC")
    assert "FAIL" in result.stdout
    assert "feldsher diagnose --send" not in result.stdout
    assert opened(SICK, "--lang", "ru").stdout.startswith("По записи машины ubuntu-laptop-sick")


def test_the_report_of_a_recording_is_the_machines(tmp_path: Path) -> None:
    """It goes into the same tools as a fresh one, and owns up to what was hidden."""
    keep(Recorded(SICK), tmp_path / "made", "", "en", as_json=True)
    (tmp_path / "made/redacted.json").write_text('[{"kind": "password", "count": 3}]')
    report = json.loads(opened(tmp_path / "made", "--json").stdout)
    truly = examine(Recorded(SICK), why="person")
    assert report["at"] == "2025-05-12T07:41:03Z"
    assert [finding["rule"] for finding in report["findings"]] == [finding.rule for finding in truly.findings]
    assert len(report["samples"]) == len(truly.samples)
    assert report["redacted"] == [{"kind": "password", "count": 3}]


def test_a_complaint_goes_with_a_recording_too(tmp_path: Path) -> None:
    """What the customer said on the telephone turns the same look another way."""
    result = opened(SICK, "everything is slow", "--lang", "en")
    assert "You said: everything is slow" in result.stdout


def test_a_folder_that_is_no_recording_is_one_clear_error(tmp_path: Path) -> None:
    """A slip of the finger, half a download or a stranger's folder."""
    assert (refused(tmp_path).slug, refused(tmp_path).kind.exit_code) == ("bundle", 2)
    assert "facts.json is missing" in str(refused(tmp_path))
    captured(tmp_path, facts={"os": "plan9\x1b[2J"})
    assert refused(tmp_path).slug == "bundle"
    assert "no probe knows: plan9\\x1b[2J" in str(refused(tmp_path))
    captured(tmp_path)
    (tmp_path / "runs.json").write_text("[{]")
    assert "runs.json" in str(refused(tmp_path))
    assert refused(tmp_path).slug == "bundle"

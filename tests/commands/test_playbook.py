"""``feldsher playbook``: an author checks and rehearses a playbook without a machine and without Python."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from commands.playbook import playbook

LIBRARY = Path(__file__).resolve().parents[2] / "playbooks"


def call(*words: str) -> Result:
    return CliRunner().invoke(playbook, list(words), standalone_mode=False)


def answer(*words: str) -> Any:
    return json.loads(call(*words, "--json").output)


def test_lists_every_playbook_with_its_risk() -> None:
    """A technician chooses by name, risk and title."""
    items = {item["playbook"]: item for item in answer("ls")["items"]}
    assert set(items) == {path.stem for path in LIBRARY.glob("*.yaml")}
    assert items["end-runaway"]["risk"] == "medium"
    assert "end-runaway" in call("ls", "--lang", "en").output
    assert "Завершить программу" in call("ls", "--lang", "ru").output


def test_shows_what_will_be_done() -> None:
    """Before it is done."""
    shown = call("show", "repair-dns", "--lang", "en").output
    assert "dns.set servers={dns.other_server}" in shown
    assert "undo    inverse" in shown
    assert answer("show", "repair-dns")["steps"][0]["undo"] == "inverse"


def test_the_library_passes_its_own_check() -> None:
    """And the check says where the risk comes from."""
    result = call("lint")
    assert result.return_value == 0
    assert "process.end medium" in result.output


def test_a_mistake_is_one_line_with_file_line_and_remedy(tmp_path: Path) -> None:
    """And the command fails as an invalid file fails."""
    text = (LIBRARY / "fix-clock.yaml").read_text()
    file = tmp_path / "fix-clock.yaml"
    file.write_text(text.replace("retry:", "rtery:"))
    result = call("lint", str(file), str(LIBRARY / "take-a-look.yaml"))
    assert result.return_value == 2
    (complaint,) = [line for line in result.output.splitlines() if "error" in line]
    assert complaint.startswith(f"{file}:")
    assert "playbook-schema" in complaint
    assert "did you mean 'retry'?" in complaint
    told = answer("lint", str(file))["items"][0]["error"]
    assert told["slug"] == "playbook-schema"


@pytest.mark.parametrize("name", ["/dev/zero", "/nowhere/at-all.yaml", "/"])
def test_what_is_no_file_is_refused_at_once(name: str) -> None:
    """A path is typed by hand, and hands slip."""
    result = call("lint", name)
    assert result.return_value == 2
    assert "error" in result.output


def test_rehearses_without_a_machine() -> None:
    """Every case of one playbook, with its verdict."""
    result = call("test", "end-runaway")
    assert result.return_value == 0
    assert "end-runaway/it-ends: fixed" in result.output


def test_a_case_that_goes_otherwise_fails_and_says_how(tmp_path: Path) -> None:
    """The author sees the expected and the real moves."""
    cases = tmp_path / "take-a-look"
    cases.mkdir()
    (cases / "wrong.yaml").write_text(
        "about: Wrong.\nsees: [{system.uptime: 3h}]\nexpect: {moves: [needs], verdict: fixed}\n"
    )
    result = call("test", "take-a-look", "--cases", str(tmp_path))
    assert result.return_value == 1
    assert "verdict: expected fixed, came to healthy" in result.output
    assert answer("test", "take-a-look", "--cases", str(tmp_path))["items"][0]["differences"]


def test_a_playbook_without_a_case_does_not_pass(tmp_path: Path) -> None:
    """Nothing rehearsed is nothing proven."""
    assert call("test", "take-a-look", "--cases", str(tmp_path)).return_value == 1

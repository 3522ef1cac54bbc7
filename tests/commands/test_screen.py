"""Where results go: whole or not at all, in what the screen can show."""

import subprocess
import sys
from pathlib import Path

import pytest

from commands.screen import fitted, table

SAYING = """
import sys, types, click, cli
from commands.screen import show
@click.command()
def say(): show("ж ▲ " * 100_000)
module = types.ModuleType("saying"); module.say = say; sys.modules["saying"] = module
cli.COMMANDS["say"] = ("saying:say", "")
cli.main()
"""


def say(out: str, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    """Run a command that says much, its output going into *out* as a shell would do it."""
    environment = {"PYTHONIOENCODING": encoding, "PATH": "/usr/bin:/bin", "PYTHONPATH": "."}
    line = f'"$0" -c "$1" say {out}'
    argv = ["bash", "-c", f"set -o pipefail; {line}", sys.executable, SAYING]
    root = Path(__file__).parents[2]
    return subprocess.run(argv, capture_output=True, text=True, check=False, env=environment, cwd=root, timeout=60)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_its_exit_code() -> None:
    """A result cut in the middle must not look whole."""
    ended = say("> /dev/full")
    assert ended.returncode == 7
    assert ended.stderr == "feldsher: error: storage-full: the output has no room where it goes\n"


@pytest.mark.slow
def test_a_reader_that_left_stops_us_quietly() -> None:
    """`feldsher ticket ls | head -1` is no error."""
    ended = say("| head -c 10 > /dev/null")
    assert ended.returncode == 141
    assert ended.stderr == ""


@pytest.mark.slow
def test_a_screen_of_letters_alone_still_shows_everything() -> None:
    """On LANG=C a Cyrillic host name is escaped, not a crash."""
    ended = say("| head -c 12", "ascii")
    assert ended.stdout == "\\u0436 ! \\u0"
    assert "Traceback" not in ended.stderr


def test_our_own_marks_become_plain_ones_before_anything_is_escaped() -> None:
    """The mark is half of the message."""
    assert fitted("✓ fixed · 56% → 4%", "ascii") == "v fixed - 56% > 4%"
    assert fitted("▲ сбой", "cp866") == "! сбой"
    assert fitted("▲ сбой", "utf-8") == "▲ сбой"
    assert fitted("✗", None) == "x"


def test_columns_stand_under_their_heads_whatever_is_in_them() -> None:
    """One host with a line feed in its name must not look like two."""
    text = table(["HOST", "ID"], [["a\nb", "1"], ["long name", "2"], ["\x1b[2J", "3"]])
    lines = text.splitlines()
    assert len(lines) == 4
    assert {line.index(mark) for line, mark in zip(lines, ("ID", "1", "2", "3"), strict=True)} == {11}
    assert "\x1b" not in text

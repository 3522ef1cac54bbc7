"""A command called wrongly: one line, exit 2, nothing on standard output, nobody asked."""

import click
import pytest

from commands.collector import collector
from commands.host import host
from commands.run import run
from commands.ticket import ticket

HOSTS = [
    "-oProxyCommand=calc",
    "--",
    "",
    "a b",
    "a;b",
    "$(id)",
    "a\nb",
    "x" * 10_000,
    "*",
    ".hidden",
    "../x",
    "a\x00b",
    "name\u202egnp",
]


def refused(command: click.Command, *words: str) -> str:
    """Return the one line *command* refuses *words* with."""
    with pytest.raises(click.UsageError) as told:
        command.main(list(words), standalone_mode=False)
    line = " ".join(told.value.format_message().split())
    assert len(line) < 200
    return line


@pytest.mark.parametrize("name", HOSTS)
def test_what_is_no_name_of_a_host_is_refused_before_anything_is_asked(name: str) -> None:
    """An option, a pattern or a command in place of a name is how a tool is turned against its owner."""
    refused(run, "start", "free-disk-space", f"--on={name}")
    refused(ticket, "new", f"--on={name}", "words")
    refused(host, "show", name)


@pytest.mark.parametrize("name", ["pc-0042", "atlas.example.com", "h-59b5cf5f", "бухгалтерия-3", "PC_1"])
def test_what_can_be_a_host_is_taken(name: str) -> None:
    """Names are as customers gave them, in their own letters."""
    from commands.options import host_name  # noqa: PLC0415 - only this test needs it

    assert host_name(name) == name


def test_a_misspelled_option_is_told_the_nearest() -> None:
    """Typing it again should be all it takes."""
    assert "'--json'" in refused(ticket, "ls", "--jsn")
    assert "'--ticket'" in refused(run, "start", "x", "--on", "y", "--tikcet", "3")


def test_an_option_given_twice_is_refused() -> None:
    """One of the two would be lost, and nobody knows which was meant."""
    assert "--on was given twice" in refused(run, "start", "x", "--on", "a", "--on", "b")
    assert "set twice" in refused(run, "start", "x", "--on", "a", "--set", "k=1", "--set", "k=2")


@pytest.mark.parametrize("setting", ["k", "=v", "a b=v", "", "-x=1", "\x1b[2J=1"])
def test_a_setting_is_a_name_and_a_value(setting: str) -> None:
    """The playbook's own reader checks the value; the name is ours."""
    assert "\x1b" not in refused(run, "start", "x", "--on", "a", f"--set={setting}")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "99999999999", "1_0", "١٢"])
def test_a_ticket_is_a_number(number: str) -> None:
    """Anything else would be another address at the collector."""
    refused(ticket, "show", number)


def test_a_missing_value_is_named() -> None:
    """One line says which."""
    assert "--on" in refused(run, "start", "x", "--on")
    assert "--admin" in refused(collector, "init", "--admin")

"""Builds the pages that are made from the code: probes, commands, errors. ``make docs`` runs it; a test compares."""

import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

import click

from agent.probes.base import Probe
from agent.probes.catalogue import PROBES
from cli import COMMANDS
from contract.errors import KINDS
from contract.sample import Quantity

DOCS: Final = Path(__file__).resolve().parent
WIDTH: Final = 100


def pages() -> dict[str, str]:
    """Return every generated page: its path below ``docs`` and its text."""
    remedies = tomllib.loads((DOCS / "errors/what-to-do.toml").read_text())
    errors = {f"errors/{slug}.md": error_page(slug, remedies[slug]) for slug in KINDS}
    return {"probes.md": probes_page(), "commands.md": commands_page(), "errors/README.md": errors_page(), **errors}


def error_page(slug: str, what_to_do: str) -> str:
    """Return the page that opens on *slug*."""
    kind = KINDS[slug]
    numbers = f"Exit code {kind.exit_code} · HTTP status {kind.status}"
    return f"# {slug}\n\n{kind.meaning}\n\n**What to do.** {what_to_do}\n\n{numbers}\n"


def errors_page() -> str:
    """Return the list of all errors."""
    rows = [
        f"| [{slug}]({slug}.md) | {kind.meaning} | {kind.exit_code} | {kind.status} |" for slug, kind in KINDS.items()
    ]
    head = ["# What can go wrong", "", "Every error is one line: its slug, a sentence, where, and what to do.", ""]
    return "\n".join([*head, "| slug | meaning | exit code | HTTP |", "| --- | --- | --- | --- |", *rows, ""])


def probes_page() -> str:
    """Return "everything we may look at on your machine"."""
    head = [
        "# Everything we may look at on your machine",
        "",
        "Each probe declares the files it reads, the commands it runs and whom it asks; it can touch nothing else. No",
        "address is built in: resolvers and time servers are those this machine is configured with, and those its",
        "owner lists in `/etc/feldsher/control-resolvers` and `/etc/feldsher/control-clocks`.",
        "",
        "The names, with their units, are the words of rules and playbooks. Privacy: *public*, *machine* (says",
        "something about the computer), *personal* (could name a person), *secret* (never leaves).",
        "",
    ]
    return "\n".join([*head, *(line for probe in PROBES for line in _probe_lines(probe))])


def _probe_lines(probe: Probe) -> Iterator[str]:
    yield f"## {probe.name}"
    yield ""
    for title, things in (
        ("reads", [f"`{path}`" for path in probe.reads]),
        ("runs", [f"`{' '.join(argv)}`" for argv in probe.runs]),
        ("asks", list(probe.asks)),
    ):
        if things:
            yield f"* {title} {', '.join(things)}"
    yield f"* on {', '.join(probe.os)}{'; looks twice, for rates' if probe.twice else ''}"
    yield ""
    yield "| name | unit | for each | meaning | privacy |"
    yield "| --- | --- | --- | --- | --- |"
    yield from (_quantity_row(quantity) for quantity in probe.gives)
    yield ""


def _quantity_row(quantity: Quantity) -> str:
    places = ", ".join(quantity.labels)
    return f"| `{quantity.name}` | {quantity.unit} | {places} | {quantity.meaning} | {quantity.privacy} |"


def commands_page() -> str:
    """Return every command with its help, as it is printed."""
    head = [
        "# Every command",
        "",
        "Exit codes: 0 healthy or fixed · 1 found, not fixed · 2 wrong usage or an invalid file · 3 not signed in",
    ]
    head += ["· 4 not allowed · 5 cannot reach or cannot trust · 6 clashes with recorded state · 7 no room or busy"]
    head += ["· 8 waiting for a person or a reboot · 70 our own error.", ""]
    return "\n".join([*head, *(line for name in COMMANDS for line in _command_lines(name))])


def _command_lines(name: str) -> Iterator[str]:
    module, _, attribute = COMMANDS[name][0].partition(":")
    yield from _help_lines(getattr(import_module(module), attribute), f"feldsher {name}")


def _help_lines(command: click.Command, spelled: str) -> Iterator[str]:
    ctx = click.Context(command, info_name=spelled, max_content_width=WIDTH, terminal_width=WIDTH)
    yield from (f"## {spelled}", "", "```text", command.get_help(ctx), "```", "")
    if isinstance(command, click.Group):
        within = [(name, command.get_command(ctx, name)) for name in command.list_commands(ctx)]
        for name, inner in within:
            if inner is not None:
                yield from _help_lines(inner, f"{spelled} {name}")


def main() -> None:
    """Write every page, and remove pages of errors that are no more."""
    made = pages()
    for name, text in made.items():
        (DOCS / name).write_text(text)
    for page in (DOCS / "errors").glob("*.md"):
        if f"errors/{page.name}" not in made:
            page.unlink()
    print(f"docs: {len(made)} pages")


if __name__ == "__main__":
    main()

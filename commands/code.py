"""``feldsher code``: codes that enrol machines."""

from pathlib import Path

import click

from commands.options import client_of, context_option, group, json_option
from commands.screen import show, show_json


@group
def code() -> None:
    """Codes that enrol machines."""


@code.command()
@click.option("--uses", type=click.IntRange(1, 500), default=1, show_default=True, help="For how many machines.")
@click.option("--minutes", type=click.IntRange(1, 10080), default=60, show_default=True, help="How long it holds.")
@context_option
@json_option
def create(*, uses: int, minutes: int, context: Path | None, as_json: bool) -> None:
    """Make a code; it is shown once. On the machine: feldsher enrol CODE."""
    with client_of(context) as client:
        made = client.code(uses, minutes)
    if as_json:
        show_json(made)
    else:
        show(f"{made['code']}\n")

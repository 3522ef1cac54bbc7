"""The options that technicians' commands share, and how their arguments are read."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from collector.client import Client, read_context
from commands.places import language_of
from contract.readable import printable
from contract.text import Language

F = TypeVar("F", bound=Callable[..., Any])
_HOST = re.compile(r"[^\W_][\w.-]{0,252}")
_SHOWN = 40
_MOST_DIGITS = 9


class Strict(click.Command):
    """A command that refuses an option given twice: one of the two would be lost."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments once to count, then as always."""
        if not ctx.resilient_parsing:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
            for param in order:
                once = isinstance(param, click.Option) and not param.multiple and not param.is_flag
                if once and order.count(param) > 1:
                    raise click.UsageError(f"option {param.opts[0]} was given twice", ctx)
        return super().parse_args(ctx, args)


def host_name(text: str) -> str:
    """Return *text* when a host can be called so; what could be an option, a pattern or two words is refused."""
    if not _HOST.fullmatch(text):
        raise click.BadParameter(f"{_shown(text)} is not the id or name of a host; see `feldsher host ls`")
    return text


def ticket_number(text: str) -> int:
    """Return the number of a ticket; not Python's own idea of one: 1_0 and Arabic digits are none here."""
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= _MOST_DIGITS and int(text)):
        raise click.BadParameter(f"{_shown(text)} is not the number of a ticket; see `feldsher ticket ls`")
    return int(text)


def setting(text: str) -> tuple[str, str]:
    """Return one parameter of a playbook, written ``name=value``."""
    name, equals, said = text.partition("=")
    if not equals or not name.isidentifier():
        raise click.BadParameter(f"{_shown(text)} is not of the form name=value")
    return name, said


def _shown(text: str) -> str:
    return f"“{printable(text[:_SHOWN])}{'…' if len(text) > _SHOWN else ''}”"


json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
language_option = click.option(
    "--lang", "language", type=click.Choice(["en", "ru"]), help="Language; by default that of the system."
)
context_option = click.option(
    "--context",
    envvar="FELDSHER_CONTEXT",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file that says which collector to ask, and as whom.",
)


def language_chosen(language: str | None) -> Language:
    """Return the language asked for, or the system's."""
    return cast("Language", language) if language else language_of()


def client_of(context: Path | None) -> Client:
    """Return a client of the collector that *context* names, or the user's own context file."""
    return Client(read_context(context or own_context()))


def own_context() -> Path:
    """Return where a person's context file is when nothing else is said."""
    import platformdirs  # noqa: PLC0415 - only when no context was named

    return platformdirs.user_config_path("feldsher") / "context.json"


def group(function: F) -> click.Group:
    """Return a command group whose commands are `Strict`."""
    made = click.group()(function)
    made.command_class = Strict
    return made

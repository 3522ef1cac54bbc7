"""``feldsher collector``: set up and run the collector."""

import os
import socket
import sys
from pathlib import Path

import click

from commands.options import group, json_option, language_chosen, language_option
from commands.screen import progress, show, show_json
from contract.errors import FeldsherError
from contract.text import Text

SYSTEM_STATE = Path("/var/lib/feldsher-collector")
PORT = 8443
_ALWAYS = ("localhost", "127.0.0.1")
_STATE = click.option(
    "--state", type=click.Path(file_okay=False, path_type=Path), help="The collector's folder; by default the system's."
)
_MADE = Text(
    """The collector is ready in {state}.
{password}
Next
  feldsher collector serve --state {state}
  feldsher code create --context {state}/context.json      a code for the first machine
  https://{address}/                                       the pages; sign in as {admin}

The authority's fingerprint is {fingerprint}.
""",
    """Сборщик готов, его папка {state}.
{password}
Дальше
  feldsher collector serve --state {state}
  feldsher code create --context {state}/context.json      код для первой машины
  https://{address}/                                       страницы; войдите как {admin}

Отпечаток удостоверяющего центра {fingerprint}.
""",
)
_PASSWORD = Text(
    "{admin} signs in with the password {password} — it is shown this once.\n",
    "{admin} входит с паролем {password} — больше он показан не будет.\n",
)
_ASK = Text("Password for {admin} (empty: make one)", "Пароль для {admin} (пусто: придумать)")
_AGAIN = Text("The same again", "Ещё раз")


@group
def collector() -> None:
    """Set up and run the collector."""


@collector.command()
@_STATE
@click.option("--admin", default="admin", show_default=True, help="The first administrator's name for signing in.")
@click.option("--name", "names", multiple=True, help="A name or address the collector is reached at; may be repeated.")
@click.option(
    "--address", help="What agents are given as host:port; by default the first name, and the port it listens on."
)
@language_option
@json_option
def init(
    *, state: Path | None, admin: str, names: tuple[str, ...], address: str | None, language: str | None, as_json: bool
) -> None:
    """Make the collector's folder, authority, store and first administrator. Nothing is ever overwritten.

    \b
    feldsher collector init --name feldsher.example.com
    """  # noqa: D301 - click's own mark for lines it must not join
    import asyncio  # noqa: PLC0415 - only here, and not for --help

    from collector import setting_up  # noqa: PLC0415 - loads the store and the authority

    spoken = language_chosen(language)
    folder = state or own_state()
    asks = sys.stdin.isatty() and not as_json
    given = _ask_password(_ASK.filled({"admin": admin}).in_language(spoken), _AGAIN.in_language(spoken)) if asks else ""
    reached = tuple(dict.fromkeys((*names, *_ALWAYS, *_hostname())))
    at = address or f"{reached[0]}:{PORT}"
    made = asyncio.run(setting_up.set_up(folder, at, reached, admin, given, follows=not address))
    if as_json:
        show_json({"schema": "feldsher.collector/1", **made})
        return
    said = {**made, "password": ""}
    if made["password"]:
        said["password"] = _PASSWORD.filled(made).in_language(spoken)
    show(_MADE.filled(said).in_language(spoken))


@collector.command()
@_STATE
@click.option("--listen", default=f"127.0.0.1:{PORT}", show_default=True, help="host:port; port 0 takes a free one.")
@click.option("--log", type=click.Path(dir_okay=False, path_type=Path), help="Log to this file, not standard error.")
def serve(*, state: Path | None, listen: str, log: Path | None) -> None:
    """Run the collector until it is told to stop."""
    from collector import main  # noqa: PLC0415 - the whole server, only to run it

    folder = state or own_state()
    progress(f"{folder}: {listen}")
    main.serve(folder, listen, log)


def own_state() -> Path:
    """Return the folder of this system's, or else this user's, collector."""
    if os.geteuid() == 0:
        return SYSTEM_STATE
    import platformdirs  # noqa: PLC0415 - only when nothing was named

    return platformdirs.user_state_path("feldsher-collector")


def _ask_password(question: str, again: str) -> str:
    said: str = click.prompt(question, default="", hide_input=True, show_default=False, err=True)
    if said and click.prompt(again, default="", hide_input=True, show_default=False, err=True) != said:
        raise FeldsherError("usage", "the two passwords differ", remedy="try again")
    return said


def _hostname() -> tuple[str, ...]:
    name = socket.gethostname()
    return (name,) if name.isascii() and name else ()

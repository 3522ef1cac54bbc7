"""``feldsher diagnose``: look at a computer, explain what is wrong, and send it to support if the person agrees."""

import shutil
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from agent import words
from agent.checkup import examine
from agent.complaints import recognise
from agent.hosts.base import Host
from agent.hosts.local_linux import LocalLinux
from agent.hosts.recorded import Recorded
from agent.plea import as_list, hand_over, keep_bundle, make_plea, open_bundle
from agent.probes.catalogue import PROBES, probes_for
from agent.report_text import as_text
from agent.scrub import scrub_text
from commands.elsewhere import check_elsewhere, elsewhere_options, reach
from commands.places import agent_state, language_of
from contract.errors import FeldsherError
from contract.exchange import Plea
from contract.readable import printable
from contract.report import Redacted
from contract.text import Language

PATIENCE = timedelta(seconds=20)
EXIT_FOUND, EXIT_OUT_OF_REACH = 1, 5


@click.command()
@click.argument("complaint", required=False, default="")
@click.option("--send", is_flag=True, help="Show what would be sent to support, ask, send, print the ticket number.")
@click.option("--yes", is_flag=True, help="With --send: I know what is sent and agree.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as feldsher.report/1.")
@click.option("--technician", is_flag=True, help="Add the signs, and what could not be judged.")
@click.option(
    "--open", "bundle", type=click.Path(path_type=Path), help="Read a kept bundle, or a recording, instead of looking."
)
@click.option("--keep", type=click.Path(path_type=Path), help="Folder for the bundle when support is out of reach.")
@click.option("--state", type=click.Path(path_type=Path), help="State folder of the agent on this machine.")
@elsewhere_options
@click.option("--lang", type=click.Choice(["en", "ru"]), help="Language; by default the system's.")
def diagnose(
    complaint: str,
    *,
    send: bool,
    yes: bool,
    as_json: bool,
    technician: bool,
    bundle: Path | None,
    keep: Path | None,
    state: Path | None,
    lang: Language | None,
    on: str | None,
    **how: Any,
) -> None:
    """Look at this computer and explain what is wrong. Nothing is changed.

    COMPLAINT is what bothers you, in your own words.

    \b
    feldsher diagnose
    feldsher diagnose "everything is slow"
    feldsher diagnose "не открываются сайты" --send
    feldsher diagnose --on ssh://root@10.0.0.5
    """  # noqa: D301 - click's own mark for lines it must not join
    if send and bundle:
        raise click.UsageError("--send goes with a fresh look, not with --open")
    if on and (send or bundle):
        raise click.UsageError(f"--on goes without --{'send' if send else 'open'}")
    check_elsewhere(on, how)
    language = lang or language_of()
    plea = _see(complaint, language, bundle, on, how, quietly=as_json)
    if not as_json:
        width = shutil.get_terminal_size((100, 24)).columns
        click.echo(as_text(plea.report, language, said=plea.words, width=width, technician=technician), nl=False)
    if send:
        click.echo("\n" + as_list(plea, PROBES, language), err=True, nl=False)
        if not yes:
            _ask(language)
        _send(plea, language, agent_state(state) / "door.sock", keep or Path.cwd(), as_json=as_json)
    elif as_json:
        _print_json(plea.report)
    elif not bundle and not on:
        click.echo(f"\n{words.WHAT_NOW.in_language(language)}   {words.SEND_HINT.in_language(language)}")
    sys.exit(EXIT_FOUND if plea.report.findings else 0)


def _see(
    complaint: str, language: Language, bundle: Path | None, on: str | None, how: dict[str, Any], *, quietly: bool
) -> Plea:
    """Look where it was asked for: into what was kept, at a machine elsewhere, or at this one."""
    if bundle and bundle.is_dir():
        return _look_back(bundle, complaint, language, quietly=quietly)
    if bundle:
        return open_bundle(bundle)
    if on:
        with reach(on, how) as host:
            return _look(host, complaint, language, quietly=quietly)
    return _look(LocalLinux(), complaint, language, quietly=quietly)


def _look(host: Host, complaint: str, language: Language, *, quietly: bool) -> Plea:
    if not quietly:
        click.echo(words.LOOKING.in_language(language) + "\n", err=True)
    report = examine(host, why="person", complaint=recognise(complaint))
    return make_plea(report, scrub_text(complaint)[0], host.now())


def _look_back(folder: Path, complaint: str, language: Language, *, quietly: bool) -> Plea:
    """Look at the machine that was recorded in *folder*: by its clock, with the rules of today."""
    host = Recorded(folder)
    if not probes_for(host.facts.os):
        what = f"it is of a system that no probe knows: {printable(host.facts.os)}"
        raise FeldsherError("bundle", what, where=str(folder))
    if not quietly:
        filled = {"name": printable(host.facts.name), "at": f"{host.now():%Y-%m-%d %H:%M} UTC"}
        click.echo(words.FROM_RECORDING.filled(filled).in_language(language) + "\n")
    report = examine(host, why="person", complaint=recognise(complaint))
    # What was hidden when it was written is hidden still.
    hidden = Counter({kind.kind: kind.count for kind in host.redacted})
    hidden.update({kind.kind: kind.count for kind in report.redacted})
    redacted = tuple(Redacted(kind, count) for kind, count in sorted(hidden.items()))
    report = msgspec.structs.replace(report, redacted=redacted)
    return make_plea(report, scrub_text(complaint)[0], host.now())


def _print_json(document: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=1).decode())


def _ask(language: Language) -> None:
    if not sys.stdin.isatty():
        raise FeldsherError(
            "consent", "nobody is here to be asked, so nothing was sent", remedy="add --yes if you agree to send it"
        )
    answer = click.prompt(words.ASK_SEND.in_language(language), default="", show_default=False, err=True)
    if answer.strip().casefold() not in words.YES:
        raise FeldsherError("consent", words.NOT_SENT.in_language(language).rstrip("."))


def _send(plea: Plea, language: Language, door: Path, keep: Path, *, as_json: bool) -> None:
    """Hand over what the person agreed to; what cannot be handed over is kept."""
    handed = hand_over(plea, door, PATIENCE)
    kept = str(keep_bundle(plea, keep)) if handed is None else ""
    ticket = handed.ticket if handed else ""
    if as_json:
        _print_json({"schema": "feldsher.sent/1", "ticket": ticket, "kept": kept, "report": plea.report})
    elif ticket:
        click.echo("\n" + words.SENT.filled({"ticket": ticket}).in_language(language))
    else:
        click.echo("\n" + (words.KEPT.filled({"path": kept}) if kept else words.SAVED).in_language(language))
    if not ticket:
        sys.exit(EXIT_OUT_OF_REACH)

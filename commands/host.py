"""``feldsher host``: the machines we look after."""

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from collector.store.base import Host
from collector.web import words
from collector.web.standing import link_of
from collector.wording import moment
from commands.options import client_of, context_option, group, host_name, json_option, language_chosen, language_option
from commands.screen import show, show_json, table
from contract.readable import percent, printable
from contract.report import Report
from contract.text import Language, Text

_HEAD = (
    Text("HOST", "ИМЯ"),
    Text("ID", "НОМЕР"),
    Text("STATE", "СВЯЗЬ"),
    Text("SYSTEM", "СИСТЕМА"),
    Text("SEEN", "БЫЛА НА СВЯЗИ"),
)
_NONE = Text(
    "No machine is enrolled yet: make a code with `feldsher code create`.\n",
    "Пока не подключена ни одна машина: получите код командой `feldsher code create`.\n",
)


@group
def host() -> None:
    """The machines we look after."""


@host.command("ls")
@context_option
@language_option
@json_option
def list_hosts(*, context: Path | None, language: str | None, as_json: bool) -> None:
    """List them."""
    with client_of(context) as client:
        items = client.hosts()
    if as_json:
        show_json({"schema": "feldsher.hosts/1", "items": items})
        return
    spoken = language_chosen(language)
    hosts = [msgspec.convert(item, Host) for item in items]
    show(table([head.in_language(spoken) for head in _HEAD], [_row(one, spoken) for one in hosts]))
    if not hosts:
        show(_NONE.in_language(spoken))


@host.command("show")
@click.argument("name", metavar="HOST", type=host_name)
@context_option
@language_option
@json_option
def show_host(name: str, *, context: Path | None, language: str | None, as_json: bool) -> None:
    """Show one: what it is, and what is wrong with it now."""
    with client_of(context) as client:
        answer = client.host(client.host_named(name))
    if as_json:
        show_json(answer)
        return
    spoken = language_chosen(language)
    one = msgspec.convert(answer, Host)
    report = msgspec.convert(answer["report"], Report) if answer.get("report") else None
    show("\n".join(_lines(one, report, spoken)) + "\n")


def _row(one: Host, language: Language) -> tuple[str, ...]:
    link = link_of(one, datetime.now(UTC))
    state = f"{words.ONLINE_SHAPE[link]} {words.ONLINE[link].in_language(language)}"
    seen = moment(one.seen_at, language) if one.seen_at else words.PAGE["never"].in_language(language)
    return one.name, one.id, state, f"{one.facts.family} {one.facts.version}", seen


def _lines(one: Host, report: Report | None, language: Language) -> list[str]:
    name, number, state, system, seen = _row(one, language)
    facts = one.facts
    lines = [
        f"{printable(name)}  {number}  {state}",
        printable(f"{system} · {facts.kernel} · {facts.arch} · {facts.init}"),
        f"{words.PAGE['seen'].in_language(language)}: {seen}",
        "",
    ]
    if report is None:
        return [*lines, words.PAGE["no_look"].in_language(language)]
    for cause in report.causes:
        mark = f"{words.SHAPE[cause.severity]} {words.SEVERITY[cause.severity].in_language(language).upper()}"
        sure = words.PAGE["sure"].filled({"percent": percent(cause.confidence, language)}).in_language(language)
        lines += [f"{mark}  {printable(cause.title.in_language(language))} ({sure})"]
        lines += [f"    {printable(cause.technician.in_language(language))}"]
    if not report.causes:
        lines.append("✓ " + words.PAGE["nothing_found"].in_language(language))
    if report.not_seen:
        unseen = ", ".join(printable(gap.probe) for gap in report.not_seen)
        lines.append(f"{words.PAGE['not_seen'].in_language(language)}: {unseen}")
    return lines

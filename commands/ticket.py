"""``feldsher ticket``: cases, what is wrong and what was done."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import msgspec

from collector.client import Client
from collector.store.base import Entry, OrderRecord, Ticket, TicketState
from collector.ticket_text import as_text
from collector.web import words
from collector.web.standing import in_order
from collector.wording import moment
from commands.options import (
    client_of,
    context_option,
    group,
    host_name,
    json_option,
    language_chosen,
    language_option,
    ticket_number,
)
from commands.screen import progress, show, show_json, table
from contract.errors import FeldsherError
from contract.evidence import Evidence, Verdict
from contract.report import Report
from contract.text import Language, Text

_HEAD = (
    Text("TICKET", "ЗАЯВКА"),
    Text("STATE", "СОСТОЯНИЕ"),
    Text("HOST", "МАШИНА"),
    Text("VERDICT", "ЗАКЛЮЧЕНИЕ"),
    Text("CHANGED", "ИЗМЕНЕНА"),
)


@group
def ticket() -> None:
    """Cases: what is wrong, and what was done."""


@ticket.command("ls")
@click.option("--closed", is_flag=True, help="Closed ones too.")
@context_option
@language_option
@json_option
def list_tickets(*, closed: bool, context: Path | None, language: str | None, as_json: bool) -> None:
    """List the open ones, the most urgent first."""
    with client_of(context) as client:
        items = client.tickets(closed=closed)
    if as_json:
        show_json({"schema": "feldsher.tickets/1", "items": items})
        return
    spoken = language_chosen(language)
    names = {item["host"]: item.get("host_name") or item["host"] for item in items}
    tickets = in_order([msgspec.convert(item, Ticket) for item in items])
    show(table([head.in_language(spoken) for head in _HEAD], [_row(one, names, spoken) for one in tickets]))
    if not tickets:
        show(words.PAGE["no_tickets"].in_language(spoken) + "\n")


@ticket.command("show")
@click.argument("number", metavar="TICKET", type=ticket_number)
@context_option
@language_option
@json_option
def show_ticket(number: int, *, context: Path | None, language: str | None, as_json: bool) -> None:
    """Show one: the verdict, what it rests on, what was done, before and after."""
    with client_of(context) as client:
        answer = client.ticket(number)
        report = None if as_json else _report_about(client, answer)
    if as_json:
        show_json(answer)
        return
    case = msgspec.convert(answer, Ticket)
    entries = [msgspec.convert(entry, Entry) for entry in answer["entries"]]
    orders = [msgspec.convert(record, OrderRecord) for record in answer.get("orders", [])]
    show(as_text(case, entries, report, telling(orders), language_chosen(language)))


@ticket.command("new")
@click.option("--on", "name", metavar="HOST", type=host_name, required=True, help="The machine it is about.")
@click.argument("what")
@context_option
@json_option
def new(name: str, what: str, *, context: Path | None, as_json: bool) -> None:
    """Open one in the customer's own words, WHAT."""
    with client_of(context) as client:
        answer = client.open_ticket(client.host_named(name), _said(what))
    if as_json:
        show_json(answer)
    else:
        show(f"{answer['number']}\n")


@ticket.command("note")
@click.argument("number", metavar="TICKET", type=ticket_number)
@click.argument("text")
@context_option
@json_option
def note(number: int, text: str, *, context: Path | None, as_json: bool) -> None:
    """Add a note for colleagues; the customer does not see it."""
    with client_of(context) as client:
        answer = client.add_note(number, _said(text))
    if as_json:
        show_json(answer)
    else:
        progress(f"noted on ticket {number}")


def telling(orders: list[OrderRecord]) -> Evidence | None:
    """Return the evidence that tells most: of the last repair that fixed it, else of the last that was tried."""
    ended = sorted((record.evidence for record in orders if record.evidence), key=lambda evidence: evidence.ended)
    for wanted in ({Verdict.FIXED}, set(Verdict) - {Verdict.PLANNED, Verdict.HEALTHY}, set(Verdict)):
        of_these = [evidence for evidence in ended if evidence.verdict in wanted]
        if of_these:
            return of_these[-1]
    return None


def _report_about(client: Client, answer: Mapping[str, Any]) -> Report | None:
    """Return the newest look attached to the ticket that shows its cause, else the newest."""
    names = [name for name in answer.get("attachments", ()) if name.startswith("report")]
    reports = []
    for name in sorted(names, key=lambda name: (len(name), name), reverse=True):
        try:
            report = msgspec.json.decode(client.attachment(answer["number"], name), type=Report)
        except msgspec.MsgspecError:
            # Another version's; it stays on the ticket to be downloaded.
            continue
        reports.append(report)
        if any(finding.key == answer["cause"] for finding in report.findings):
            return report
    return reports[0] if reports else None


def _row(one: Ticket, names: Mapping[str, str], language: Language) -> tuple[str, ...]:
    if one.state is TicketState.OPEN:
        state = f"{words.SHAPE[one.severity]} {words.SEVERITY[one.severity].in_language(language)}"
    else:
        state = f"{words.SHAPE[one.state.value]} {words.STATE[one.state.value].in_language(language)}"
    title, changed = one.title.in_language(language), moment(one.changed_at, language)
    return str(one.number), state, names.get(one.host, one.host), title, changed


def _said(text: str) -> str:
    if not text.strip():
        raise FeldsherError("usage", "there is nothing to write", remedy="say it in quotes")
    return text

"""One ticket: the verdict first, then what it rests on, what was done about it, and what can be done now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from collector.desks.base import Note
from collector.desks.builtin import BuiltinDesk
from collector.orders import Wish, ticket_number
from collector.store.base import Entry, EntryKind, Host, OrderRecord, Records, Ticket, TicketState
from collector.web import words
from collector.web.pages.frame import clock_of, page, parts_of, read_form, turn_to
from collector.web.remedies import Remedy, remedies_for
from collector.web.route import Route
from collector.web.standing import link_of
from contract.errors import FeldsherError
from contract.evidence import Evidence, Verdict
from contract.finding import Finding
from contract.report import Report
from contract.text import Text

LONGEST_NOTE = 10_000
PATIENCE = timedelta(seconds=8)
"""How long a page waits for the order it just gave: most end within it."""


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a ticket's page shows. *reports* are the newest first."""

    ticket: Ticket
    host: Host | None
    entries: Sequence[Entry]
    orders: Sequence[OrderRecord]
    attachments: Sequence[str]
    reports: Sequence[Report]


def shown(case: Case, remedies: Sequence[Remedy], now: datetime) -> dict[str, object]:
    """Return what the template speaks of, from *case* alone."""
    finding, report = seen_last(case)
    proof = proof_of(case.orders)
    return {
        "ticket": case.ticket,
        "host": case.host,
        "link": link_of(case.host, now) if case.host else "offline",
        "finding": finding,
        "shadows": [other for other in report.findings if finding.key in other.explained_by]
        if finding and report
        else [],
        "proof": proof,
        "orders": sorted(case.orders, key=lambda record: record.created_at, reverse=True),
        "entries": case.entries,
        "attachments": case.attachments,
        "remedies": remedies,
    }


def seen_last(case: Case) -> tuple[Finding | None, Report | None]:
    """Return the ticket's finding as it was last seen, and the report it stood in.

    A fault that is repaired is in no report any more; then the repair's own evidence still knows it.
    """
    for report in case.reports:
        for finding in report.findings:
            if finding.key == case.ticket.cause:
                return finding, report
    for record in case.orders:
        for finding in record.evidence.findings_before if record.evidence else ():
            if finding.key == case.ticket.cause:
                return finding, None
    return None, None


def proof_of(orders: Iterable[OrderRecord]) -> Evidence | None:
    """Return the evidence of the last repair that ended with the fault gone."""
    fixed = [record.evidence for record in orders if record.evidence and record.evidence.verdict == Verdict.FIXED]
    return max(fixed, key=lambda evidence: evidence.ended, default=None)


async def show(request: Request) -> Response:
    """Show the ticket; with ``?wait=ORDER``, as soon as that order has ended or a few seconds have passed."""
    number = _number(request)
    organisation = request.state.user.organisation
    awaited = request.query_params.get("wait", "")
    if awaited:
        try:
            await parts_of(request).orders.watch(organisation, awaited, PATIENCE)
        except FeldsherError as error:
            # An old link to an order that is no more still shows its ticket.
            if error.slug != "not-found":
                raise
    case = await parts_of(request).store.look(lambda records: read_case(records, organisation, number))
    return page(request, "ticket.html", shown(case, remedies_for(seen_last(case)[0]), clock_of(request)))


def read_case(records: Records, organisation: str, number: int) -> Case:
    """Return the ticket and what hangs on it; raises ``not-found``."""
    ticket = _ticket(records, organisation, number)
    attachments = records.attachments(organisation, number)
    newest = records.report(organisation, ticket.host)
    reports = [newest] if newest else []
    for name in sorted((name for name in attachments if name.startswith("report")), key=_natural, reverse=True):
        attached = records.attachment(organisation, number, name)
        if attached:
            try:
                reports.append(msgspec.json.decode(attached.content, type=Report))
            except msgspec.MsgspecError:
                # What an agent of another version attached stays on the ticket to download.
                continue
    return Case(
        ticket=ticket,
        host=records.host(organisation, ticket.host),
        entries=records.entries(organisation, number),
        orders=records.orders_on(organisation, number),
        attachments=attachments,
        reports=reports,
    )


async def download(request: Request) -> Response:
    """Hand over one attached document, byte for byte, never to be shown by the browser."""
    number, name = _number(request), request.path_params["name"]
    organisation = request.state.user.organisation
    found = await parts_of(request).store.look(lambda records: records.attachment(organisation, number, name))
    if found is None:
        raise FeldsherError("not-found", "there is no such document on this ticket")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "no-store",
    }
    return Response(found.content, 200, headers, "application/octet-stream")


async def note(request: Request) -> Response:
    """Add a colleague's note."""
    number = _number(request)
    text = (await read_form(request)).get("text", "").replace("\r\n", "\n").strip()
    if not text or len(text) > LONGEST_NOTE:
        raise FeldsherError("limit", f"a note has 1 to {LONGEST_NOTE} characters")
    user, at = request.state.user, clock_of(request)

    def add(records: Records) -> None:
        _ticket(records, user.organisation, number)
        said = Note(EntryKind.NOTE, user.name, Text(text, text))
        BuiltinDesk(records, user.organisation, at).note(str(number), said)
        records.audit(at, user.name, "noted", str(number))

    await parts_of(request).store.change(add)
    return turn_to(f"/tickets/{number}#story")


async def close(request: Request) -> Response:
    """Close the ticket; closing a closed one changes nothing."""
    number = _number(request)
    await read_form(request)
    user, at = request.state.user, clock_of(request)

    def shut(records: Records) -> None:
        if _ticket(records, user.organisation, number).state is TicketState.CLOSED:
            return
        desk = BuiltinDesk(records, user.organisation, at)
        desk.note(str(number), Note(EntryKind.CLOSED, user.name, words.CLOSED))
        desk.change(str(number), TicketState.CLOSED)
        records.audit(at, user.name, "closed", str(number))

    await parts_of(request).store.change(shut)
    return turn_to(f"/tickets/{number}")


async def repair(request: Request) -> Response:
    """Give the order for a repair, or for its plan, and come back to see how it went."""
    number = _number(request)
    form = await read_form(request)
    user = request.state.user
    ticket = await parts_of(request).store.look(lambda records: _ticket(records, user.organisation, number))
    wish = Wish(
        kind="repair",
        host=ticket.host,
        playbook=form.get("playbook", ""),
        ticket=str(number),
        # Whatever is not plainly the order to repair is a plan: it changes nothing.
        check_only=form.get("do") != "repair",
    )
    record = await parts_of(request).orders.create(user, wish)
    return turn_to(f"/tickets/{number}?wait={quote(record.order.id)}#order-{quote(record.order.id)}")


def _ticket(records: Records, organisation: str, number: int) -> Ticket:
    ticket = records.ticket(organisation, number)
    if ticket is None:
        raise FeldsherError("not-found", f"there is no ticket {number}")
    return ticket


def _number(request: Request) -> int:
    # Routes admit digits alone; more of them than any ticket has would not fit the database's integer.
    return ticket_number(str(request.path_params["number"]))


def _natural(name: str) -> tuple[int, str]:
    """Order report-10.json after report-9.json."""
    return len(name), name


ROUTES = (
    Route("/tickets/{number:int}", show, ("GET",), "technician", page=True),
    Route("/tickets/{number:int}/attachments/{name}", download, ("GET",), "technician", page=True),
    Route("/tickets/{number:int}/notes", note, ("POST",), "technician", page=True),
    Route("/tickets/{number:int}/close", close, ("POST",), "technician", page=True),
    Route("/tickets/{number:int}/repair", repair, ("POST",), "technician", page=True),
)

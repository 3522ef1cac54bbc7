"""The JSON interface for technicians' tools: the same verbs as the pages, by bearer token."""

import re
from datetime import timedelta
from typing import Any, Literal

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from collector import access
from collector.desks.base import NewCase, Note
from collector.desks.builtin import BuiltinDesk
from collector.enrolment import LIFETIME
from collector.orders import Wish, ticket_number
from collector.store.base import EntryKind, Host, OrderRecord, Records, Ticket, TicketState, User
from collector.web.read import HEADERS, parts_of, read, say
from collector.web.route import Route
from contract.errors import FeldsherError
from contract.finding import Severity
from contract.sample import Value
from contract.text import Text

WORDS_CHARACTERS = 10_000
TITLE_CHARACTERS = 80
_CLOSED = Text("Closed.", "Закрыта.")
_SECONDS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})?")


# Requests are strict where answers are tolerant: a field we do not know is a wish we would not fulfil.


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants in."""

    user: str
    password: str


class NewTicket(Struct, frozen=True, forbid_unknown_fields=True):
    """A case a technician opens by hand."""

    host: str
    words: str


class NewNote(Struct, frozen=True, forbid_unknown_fields=True):
    """A colleague's remark."""

    text: str


class NewOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be done where. *id* is the asker's own name for it: sent twice, it is one order."""

    kind: Literal["checkup", "repair"]
    host: str
    playbook: str = ""
    params: dict[str, Value] = {}
    ticket: str = ""
    check_only: bool = False
    id: str = ""


class NewCode(Struct, frozen=True, forbid_unknown_fields=True):
    """How many machines a code is for, and how long it lasts."""

    uses: int = 1
    minutes: int = int(LIFETIME.total_seconds()) // 60


async def sign_in(request: Request) -> Response:
    """Begin a session."""
    asked = await read(request, SignIn)
    return say({"schema": "feldsher.session/1", "token": await access.sign_in(request, asked.user, asked.password)})


async def sign_out(request: Request) -> Response:
    """End this session."""
    await access.sign_out(request)
    return say({"schema": "feldsher.session/1", "token": ""})


async def list_hosts(request: Request) -> Response:
    """Tell of every host."""
    organisation = _user(request).organisation
    hosts = await parts_of(request).store.look(lambda records: records.hosts(organisation))
    return say({"schema": "feldsher.hosts/1", "hosts": [_host(host) for host in hosts]})


async def show_host(request: Request) -> Response:
    """Tell of one host: its latest report and its tickets."""
    organisation, name = _user(request).organisation, request.path_params["id"]

    def ask(records: Records) -> dict[str, Any]:
        host = records.host(organisation, name)
        if host is None:
            raise FeldsherError("not-found", f"there is no host {name[:64]}")
        tickets = [_ticket(ticket) for ticket in records.tickets_of(organisation, name)]
        return _host(host) | {"report": records.report(organisation, name), "tickets": tickets}

    return say({"schema": "feldsher.host/1"} | await parts_of(request).store.look(ask))


async def revoke_host(request: Request) -> Response:
    """Withdraw a host's identity."""
    user, name = _user(request), request.path_params["id"]
    await parts_of(request).intake.revoke(user.name, user.organisation, name)
    return await show_host(request)


async def release_host(request: Request) -> Response:
    """Say that an identity conflict is settled."""
    user, name = _user(request), request.path_params["id"]
    await parts_of(request).intake.settle(user.name, user.organisation, name)
    return await show_host(request)


async def list_tickets(request: Request) -> Response:
    """Tell of the tickets, newest first."""
    organisation = _user(request).organisation
    with_closed = request.query_params.get("closed") == "1"

    def ask(records: Records) -> list[dict[str, Any]]:
        names = {host.id: host.name for host in records.hosts(organisation)}
        tickets = records.tickets(organisation, with_closed=with_closed)
        return [_ticket(ticket) | {"host_name": names.get(ticket.host, "")} for ticket in tickets]

    return say({"schema": "feldsher.tickets/1", "tickets": await parts_of(request).store.look(ask)})


async def show_ticket(request: Request) -> Response:
    """Tell a ticket's whole story."""
    organisation, number = _user(request).organisation, ticket_number(request.path_params["number"])
    return await _say_ticket(request, organisation, number)


async def open_ticket(request: Request) -> Response:
    """Open a ticket in a technician's words."""
    user, asked, at = _user(request), await read(request, NewTicket), parts_of(request).clock()
    words = _words(asked.words, "words")

    def add(records: Records) -> int:
        if records.host(user.organisation, asked.host) is None:
            raise FeldsherError("not-found", f"there is no host {asked.host[:64]}", where="host")
        title = " ".join(words.split())[:TITLE_CHARACTERS]
        case = NewCase(asked.host, "", Text(title, title), Severity.MEDIUM, words)
        note = Note(EntryKind.OPENED, user.name, Text(words, words))
        number = BuiltinDesk(records, user.organisation, at).open(case, note)
        records.audit(at, user.name, "ticket-opened", number)
        return int(number)

    number = await parts_of(request).store.change(add)
    return await _say_ticket(request, user.organisation, number, 201)


async def add_note(request: Request) -> Response:
    """Add a remark to a ticket."""
    user, asked, at = _user(request), await read(request, NewNote), parts_of(request).clock()
    number, text = ticket_number(request.path_params["number"]), _words(asked.text, "text")

    def add(records: Records) -> None:
        note = Note(EntryKind.NOTE, user.name, Text(text, text))
        BuiltinDesk(records, user.organisation, at).note(str(number), note)
        records.audit(at, user.name, "noted", str(number))

    await parts_of(request).store.change(add)
    return await _say_ticket(request, user.organisation, number)


async def close_ticket(request: Request) -> Response:
    """Close a ticket; closing a closed one changes nothing."""
    user, at = _user(request), parts_of(request).clock()
    number = ticket_number(request.path_params["number"])

    def shut(records: Records) -> None:
        ticket = records.ticket(user.organisation, number)
        if ticket is not None and ticket.state is TicketState.CLOSED:
            return
        desk = BuiltinDesk(records, user.organisation, at)
        desk.note(str(number), Note(EntryKind.CLOSED, user.name, _CLOSED))
        desk.change(str(number), TicketState.CLOSED)
        records.audit(at, user.name, "closed", str(number))

    await parts_of(request).store.change(shut)
    return await _say_ticket(request, user.organisation, number)


async def download(request: Request) -> Response:
    """Hand over one attached document, byte for byte."""
    organisation, number = _user(request).organisation, ticket_number(request.path_params["number"])
    name = request.path_params["name"]
    found = await parts_of(request).store.look(lambda records: records.attachment(organisation, number, name))
    if found is None:
        raise FeldsherError("not-found", "there is no such document on this ticket")
    # Never as what it claims to be: whoever wrote it is a stranger, and a browser would run what it can.
    headers = HEADERS | {"Content-Disposition": "attachment", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(found.content, 200, headers, "application/octet-stream")


async def give_order(request: Request) -> Response:
    """Give an order."""
    asked = await read(request, NewOrder)
    wish = Wish(asked.kind, asked.host, asked.playbook, asked.params, asked.ticket, asked.check_only, asked.id)
    return _say_order(await parts_of(request).orders.create(_user(request), wish), 201)


async def show_order(request: Request) -> Response:
    """Tell where an order is; with ``?wait=SECONDS``, as soon as it has ended."""
    seconds = request.query_params.get("wait", "0")
    # Not Python's own idea of a number: "1_000", "inf" and Arabic digits are none here.
    if not _SECONDS.fullmatch(seconds):
        raise FeldsherError("usage", "wait is a number of seconds", where="wait")
    organisation, orders = _user(request).organisation, parts_of(request).orders
    return _say_order(await orders.watch(organisation, request.path_params["id"], timedelta(seconds=float(seconds))))


async def cancel_order(request: Request) -> Response:
    """Take back an order nobody has fetched."""
    return _say_order(await parts_of(request).orders.cancel(_user(request), request.path_params["id"]))


async def make_code(request: Request) -> Response:
    """Make a code that enrols machines; it is shown this once."""
    user, asked, parts = _user(request), await read(request, NewCode), parts_of(request)
    lifetime = timedelta(minutes=max(-1, min(asked.minutes, 10_000_000)))
    code = await parts.codes.make(user.organisation, user.name, parts.clock(), uses=asked.uses, lifetime=lifetime)
    return say({"schema": "feldsher.code/1", "code": code}, 201)


async def _say_ticket(request: Request, organisation: str, number: int, status: int = 200) -> Response:
    def ask(records: Records) -> dict[str, Any]:
        ticket = records.ticket(organisation, number)
        if ticket is None:
            raise FeldsherError("not-found", f"there is no ticket {number}")
        host = records.host(organisation, ticket.host)
        return _ticket(ticket) | {
            "host_name": host.name if host else "",
            "entries": records.entries(organisation, number),
            "attachments": records.attachments(organisation, number),
            "orders": records.orders_on(organisation, number),
        }

    return say({"schema": "feldsher.ticket/1"} | await parts_of(request).store.look(ask), status)


def _say_order(record: OrderRecord, status: int = 200) -> Response:
    return say({"schema": "feldsher.order/1"} | msgspec.structs.asdict(record), status)


def _host(host: Host) -> dict[str, Any]:
    return msgspec.structs.asdict(host)


def _ticket(ticket: Ticket) -> dict[str, Any]:
    return msgspec.structs.asdict(ticket)


def _user(request: Request) -> User:
    user: User = request.state.user
    return user


def _words(words: str, where: str) -> str:
    words = words.replace("\r\n", "\n").strip()
    if not words or len(words) > WORDS_CHARACTERS:
        raise FeldsherError("limit", f"1 to {WORDS_CHARACTERS} characters", where=where)
    return words


ROUTES = (
    Route("/v1/session", sign_in, ("POST",), "open"),
    Route("/v1/session", sign_out, ("DELETE",), "technician"),
    Route("/v1/hosts", list_hosts, ("GET",), "technician"),
    Route("/v1/hosts/{id}", show_host, ("GET",), "technician"),
    Route("/v1/hosts/{id}/revoke", revoke_host, ("POST",), "administrator"),
    Route("/v1/hosts/{id}/release", release_host, ("POST",), "administrator"),
    Route("/v1/tickets", list_tickets, ("GET",), "technician"),
    Route("/v1/tickets", open_ticket, ("POST",), "technician"),
    Route("/v1/tickets/{number}", show_ticket, ("GET",), "technician"),
    Route("/v1/tickets/{number}/notes", add_note, ("POST",), "technician"),
    Route("/v1/tickets/{number}/close", close_ticket, ("POST",), "technician"),
    Route("/v1/tickets/{number}/attachments/{name}", download, ("GET",), "technician"),
    Route("/v1/orders", give_order, ("POST",), "technician"),
    Route("/v1/orders/{id}", show_order, ("GET",), "technician"),
    Route("/v1/orders/{id}/cancel", cancel_order, ("POST",), "technician"),
    Route("/v1/codes", make_code, ("POST",), "administrator"),
)

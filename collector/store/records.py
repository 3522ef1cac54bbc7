"""The verbs of the store in SQL: every statement of ours is here."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Executable, Row, Select, bindparam, delete, func, insert, select, update

from collector.audit import BEGINNING, digest_after
from collector.store.base import (
    Attachment,
    AuditLine,
    Entry,
    Host,
    OrderRecord,
    OrderState,
    Ticket,
    TicketState,
    User,
)
from collector.store.rows import encode, to_audit_line, to_entry, to_host, to_order, to_ticket, to_user
from collector.store.tables import (
    ATTACHMENTS,
    AUDIT,
    CODE_USES,
    CODES,
    ENTRIES,
    HOSTS,
    ITEM_TICKETS,
    ITEMS,
    ORDERS,
    REPORTS,
    SESSIONS,
    TICKETS,
    USERS,
    from_microseconds,
    to_microseconds,
)
from contract.evidence import Evidence
from contract.exchange import Item
from contract.order import Order
from contract.report import Report

# The one statement run for every item of every host: by hand, and the unique index decides what is new.
_ADD_ITEM = (
    "INSERT OR IGNORE INTO items (organisation, host, id, kind, at, received_at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_MARK_SEEN = "UPDATE hosts SET seen_at = ?, instance = ? WHERE organisation = ? AND id = ?"
# These two are asked at every exchange: putting a query together costs ten times what SQLite needs to answer it.
_QUEUED = (
    select(ORDERS)
    .where(
        ORDERS.c.organisation == bindparam("organisation"),
        ORDERS.c.host == bindparam("host"),
        ORDERS.c.state == bindparam("state"),
    )
    .order_by(ORDERS.c.created_at)
)
_BY_CERTIFICATE = select(HOSTS).where(HOSTS.c.certificate_sha256 == bindparam("sha256"))
_REPORT = msgspec.json.Decoder(Report)


class SqlRecords:
    """`Records` on one connection, inside whatever transaction it is in."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # hosts

    def add_host(self, host: Host) -> None:
        """Keep a new host."""
        self._run(insert(HOSTS).values(msgspec.structs.asdict(host) | {"facts": encode(host.facts)}))

    def host(self, organisation: str, host: str) -> Host | None:
        """Return a host by its name."""
        row = self._one(select(HOSTS).where(HOSTS.c.organisation == organisation, HOSTS.c.id == host))
        return row and to_host(row)

    def host_by_certificate(self, sha256: str) -> Host | None:
        """Return the host that holds this certificate."""
        row = self._connection.execute(_BY_CERTIFICATE, {"sha256": sha256}).first()
        return None if row is None else to_host(row)

    def hosts(self, organisation: str) -> Sequence[Host]:
        """Return every host, by name."""
        rows = self._all(select(HOSTS).where(HOSTS.c.organisation == organisation).order_by(HOSTS.c.name, HOSTS.c.id))
        return [to_host(row) for row in rows]

    def set_certificate(self, organisation: str, host: str, sha256: str) -> None:
        """Remember the certificate a host was given last; the one before no longer lets it in."""
        where = (HOSTS.c.organisation == organisation, HOSTS.c.id == host)
        self._run(update(HOSTS).where(*where).values(certificate_sha256=sha256))

    def mark_seen(self, organisation: str, host: str, at: datetime, instance: str) -> None:
        """Remember when a host last spoke, and which start of its agent it was."""
        self._connection.exec_driver_sql(_MARK_SEEN, (to_microseconds(at), instance, organisation, host))

    def revoke_host(self, organisation: str, host: str) -> None:
        """Withdraw a host's identity."""
        where = (HOSTS.c.organisation == organisation, HOSTS.c.id == host)
        self._run(update(HOSTS).where(*where).values(revoked=True))

    def set_conflict(self, organisation: str, host: str, since: datetime | None) -> None:
        """Say since when two live agents share an identity, or that this is settled."""
        where = (HOSTS.c.organisation == organisation, HOSTS.c.id == host)
        self._run(update(HOSTS).where(*where).values(conflict_since=since))

    # enrolment codes

    def add_code(self, secret_sha256: str, organisation: str, until: datetime, uses: int, by: str) -> None:
        """Keep a code good for so many *uses*."""
        values = {"secret_sha256": secret_sha256, "organisation": organisation, "until": until}
        self._run(insert(CODES).values(**values, uses_left=uses, by=by))

    def use_code(self, secret_sha256: str, at: datetime, key_sha256: str) -> str | None:
        """Spend one use and return the organisation; the same key spends it only once."""
        code = self._one(select(CODES).where(CODES.c.secret_sha256 == secret_sha256))
        if code is None or code.until < at:
            return None
        used = (CODE_USES.c.secret_sha256 == secret_sha256, CODE_USES.c.key_sha256 == key_sha256)
        if self._one(select(CODE_USES).where(*used)) is None:
            if code.uses_left < 1:
                return None
            where = CODES.c.secret_sha256 == secret_sha256
            self._run(update(CODES).where(where).values(uses_left=code.uses_left - 1))
            self._run(insert(CODE_USES).values(secret_sha256=secret_sha256, key_sha256=key_sha256, at=at))
        return str(code.organisation)

    # what agents said

    def add_item(self, organisation: str, host: str, item: Item, received_at: datetime) -> bool:
        """Keep *item*; return whether it was new."""
        when = (to_microseconds(item.at), to_microseconds(received_at))
        row = (organisation, host, item.id, item.kind, *when, bytes(item.body))
        return self._connection.exec_driver_sql(_ADD_ITEM, row).rowcount == 1

    def item_ids(self, organisation: str, host: str) -> Sequence[str]:
        """Return the name of every item still remembered."""
        where = (ITEMS.c.organisation == organisation, ITEMS.c.host == host)
        return [row.id for row in self._all(select(ITEMS.c.id).where(*where).order_by(ITEMS.c.id))]

    def forget(self, bodies_before: datetime, items_before: datetime) -> int:
        """Empty old vitals and reports, drop items too old to be sent again."""
        bulky = ITEMS.c.kind.in_(("vitals", "report"))
        old = (ITEMS.c.received_at < bodies_before, bulky, ITEMS.c.body != b"")
        emptied = self._connection.execute(update(ITEMS).where(*old).values(body=b"")).rowcount
        dropped = self._connection.execute(delete(ITEMS).where(ITEMS.c.received_at < items_before, bulky)).rowcount
        return emptied + dropped

    def set_report(self, organisation: str, host: str, at: datetime, report: Report) -> None:
        """Keep the latest report of a host."""
        where = (REPORTS.c.organisation == organisation, REPORTS.c.host == host)
        values = {"at": at, "body": encode(report)}
        if self._connection.execute(update(REPORTS).where(*where).values(values)).rowcount == 0:
            self._run(insert(REPORTS).values(organisation=organisation, host=host, **values))

    def report(self, organisation: str, host: str) -> Report | None:
        """Return the latest report of a host."""
        where = (REPORTS.c.organisation == organisation, REPORTS.c.host == host)
        row = self._one(select(REPORTS.c.body).where(*where))
        return row and _REPORT.decode(row.body)

    def vitals(self, organisation: str, host: str, since: datetime) -> Sequence[Item]:
        """Return a host's vitals from *since* on, oldest first."""
        where = (ITEMS.c.organisation == organisation, ITEMS.c.host == host, ITEMS.c.at >= since)
        kind = (ITEMS.c.kind == "vitals", ITEMS.c.body != b"")
        rows = self._all(select(ITEMS).where(*where, *kind).order_by(ITEMS.c.at))
        return [Item(row.id, row.kind, row.at, msgspec.Raw(row.body)) for row in rows]

    # tickets

    def open_ticket(self, ticket: Ticket) -> int:
        """Keep a new ticket and return the number given."""
        number = self._next(TICKETS.c.number, TICKETS.c.organisation == ticket.organisation)
        self._run(insert(TICKETS).values(_ticket_values(ticket) | {"number": number}))
        return number

    def ticket(self, organisation: str, number: int) -> Ticket | None:
        """Return a ticket by its number."""
        row = self._one(select(TICKETS).where(TICKETS.c.organisation == organisation, TICKETS.c.number == number))
        return row and to_ticket(row)

    def tickets(self, organisation: str, *, with_closed: bool = False) -> Sequence[Ticket]:
        """Return the tickets, newest first."""
        query = select(TICKETS).where(TICKETS.c.organisation == organisation).order_by(TICKETS.c.number.desc())
        if not with_closed:
            query = query.where(TICKETS.c.state != TicketState.CLOSED)
        return [to_ticket(row) for row in self._all(query)]

    def ticket_about(self, organisation: str, host: str, cause: str) -> Ticket | None:
        """Return the ticket of this host and cause that is not closed; the newest where there are several."""
        where = (TICKETS.c.organisation == organisation, TICKETS.c.host == host, TICKETS.c.cause == cause)
        query = select(TICKETS).where(*where, TICKETS.c.state != TicketState.CLOSED)
        row = self._one(query.order_by(TICKETS.c.number.desc()).limit(1))
        return row and to_ticket(row)

    def tickets_of(self, organisation: str, host: str) -> Sequence[Ticket]:
        """Return the tickets of a host, newest first, the closed ones too."""
        where = (TICKETS.c.organisation == organisation, TICKETS.c.host == host)
        return [to_ticket(row) for row in self._all(select(TICKETS).where(*where).order_by(TICKETS.c.number.desc()))]

    def set_ticket(self, ticket: Ticket) -> None:
        """Keep what has changed about a ticket."""
        where = (TICKETS.c.organisation == ticket.organisation, TICKETS.c.number == ticket.number)
        self._run(update(TICKETS).where(*where).values(_ticket_values(ticket)))

    def add_entry(self, organisation: str, ticket: int, entry: Entry) -> int:
        """Keep one line of its story and return the number given."""
        key = {"organisation": organisation, "ticket": ticket}
        number = self._next(ENTRIES.c.number, ENTRIES.c.organisation == organisation, ENTRIES.c.ticket == ticket)
        text = {"text_en": entry.text.en, "text_ru": entry.text.ru}
        words = {"at": entry.at, "kind": entry.kind, "by": entry.by, "attachment": entry.attachment}
        self._run(insert(ENTRIES).values(key | text | words | {"number": number}))
        return number

    def entries(self, organisation: str, ticket: int) -> Sequence[Entry]:
        """Return the story of a ticket, in order."""
        where = (ENTRIES.c.organisation == organisation, ENTRIES.c.ticket == ticket)
        return [to_entry(row) for row in self._all(select(ENTRIES).where(*where).order_by(ENTRIES.c.number))]

    def attach(self, organisation: str, ticket: int, attachment: Attachment) -> None:
        """Keep one document on a ticket."""
        where = (ATTACHMENTS.c.organisation == organisation, ATTACHMENTS.c.ticket == ticket)
        number = self._next(ATTACHMENTS.c.number, *where)
        key = {"organisation": organisation, "ticket": ticket, "number": number}
        self._run(insert(ATTACHMENTS).values(key | msgspec.structs.asdict(attachment)))

    def attachment(self, organisation: str, ticket: int, name: str) -> Attachment | None:
        """Return one document of a ticket."""
        where = (ATTACHMENTS.c.organisation == organisation, ATTACHMENTS.c.ticket == ticket, ATTACHMENTS.c.name == name)
        row = self._one(select(ATTACHMENTS).where(*where))
        return row and Attachment(name=row.name, media_type=row.media_type, content=row.content)

    def attachments(self, organisation: str, ticket: int) -> Sequence[str]:
        """Return the names of a ticket's documents, oldest first."""
        where = (ATTACHMENTS.c.organisation == organisation, ATTACHMENTS.c.ticket == ticket)
        rows = self._all(select(ATTACHMENTS.c.name).where(*where).order_by(ATTACHMENTS.c.number))
        return [row.name for row in rows]

    def ticket_of_item(self, organisation: str, host: str, item: str) -> int | None:
        """Return the number of the ticket an item went to."""
        table = ITEM_TICKETS.c
        row = self._one(
            select(table.ticket).where(table.organisation == organisation, table.host == host, table.item == item)
        )
        return row and row.ticket

    def set_ticket_of_item(self, organisation: str, host: str, item: str, ticket: int) -> None:
        """Remember which ticket an item went to."""
        self._run(insert(ITEM_TICKETS).values(organisation=organisation, host=host, item=item, ticket=ticket))

    # orders

    def add_order(self, organisation: str, order: Order, at: datetime) -> None:
        """Keep a new order, waiting for its host."""
        key = {"organisation": organisation, "id": order.id, "host": order.host, "ticket": order.ticket}
        when = {"created_at": at, "changed_at": at, "state": OrderState.QUEUED}
        self._run(insert(ORDERS).values(key | when | {"body": encode(order)}))

    def order(self, organisation: str, order: str) -> OrderRecord | None:
        """Return an order and where it is."""
        row = self._one(select(ORDERS).where(ORDERS.c.organisation == organisation, ORDERS.c.id == order))
        return row and to_order(row)

    def orders_of(self, organisation: str, host: str, state: OrderState) -> Sequence[OrderRecord]:
        """Return the orders of a host in one state, oldest first."""
        key = {"organisation": organisation, "host": host, "state": state}
        return [to_order(row) for row in self._connection.execute(_QUEUED, key).all()]

    def orders_on(self, organisation: str, ticket: int) -> Sequence[OrderRecord]:
        """Return the orders given for a ticket, oldest first."""
        where = (ORDERS.c.organisation == organisation, ORDERS.c.ticket == str(ticket))
        return [to_order(row) for row in self._all(select(ORDERS).where(*where).order_by(ORDERS.c.created_at))]

    def set_order_state(self, organisation: str, order: str, state: OrderState, at: datetime) -> None:
        """Say where an order is now."""
        where = (ORDERS.c.organisation == organisation, ORDERS.c.id == order)
        self._run(update(ORDERS).where(*where).values(state=state, changed_at=at))

    def set_evidence(self, organisation: str, order: str, evidence: Evidence, at: datetime) -> None:
        """Keep how an order ended; it has ended."""
        where = (ORDERS.c.organisation == organisation, ORDERS.c.id == order)
        values = {"state": OrderState.ENDED, "changed_at": at, "evidence": encode(evidence)}
        self._run(update(ORDERS).where(*where).values(values))

    # people

    def add_user(self, user: User) -> None:
        """Keep a person who may sign in."""
        self._run(insert(USERS).values(msgspec.structs.asdict(user)))

    def user(self, name: str) -> User | None:
        """Return a person by name."""
        row = self._one(select(USERS).where(USERS.c.name == name))
        return row and to_user(row)

    def add_session(self, token_sha256: str, user: str, until: datetime) -> None:
        """Keep a session."""
        self._run(insert(SESSIONS).values(token_sha256=token_sha256, user=user, until=until))

    def session(self, token_sha256: str, at: datetime) -> User | None:
        """Return the person whose session this is, while it lasts."""
        query = select(USERS).join(SESSIONS, SESSIONS.c.user == USERS.c.name)
        row = self._one(query.where(SESSIONS.c.token_sha256 == token_sha256, SESSIONS.c.until > at))
        return row and to_user(row)

    def drop_session(self, token_sha256: str) -> None:
        """End a session."""
        self._run(delete(SESSIONS).where(SESSIONS.c.token_sha256 == token_sha256))

    # what was done, by whom

    def audit(self, at: datetime, who: str, act: str, about: str, detail: str = "") -> None:
        """Write down one act, chained to the one before."""
        last = self._one(select(AUDIT.c.number, AUDIT.c.digest).order_by(AUDIT.c.number.desc()).limit(1))
        number, before = (last.number + 1, last.digest) if last else (1, BEGINNING)
        # To the microsecond, as it will be read back: the digest must come out the same.
        at = from_microseconds(to_microseconds(at))
        digest = digest_after(before, number, at, (who, act, about, detail))
        words = {"who": who, "act": act, "about": about, "detail": detail}
        self._run(insert(AUDIT).values(number=number, at=at, digest=digest, **words))

    def audit_lines(self, since: int = 0) -> Sequence[AuditLine]:
        """Return the lines after number *since*, in order."""
        rows = self._all(select(AUDIT).where(AUDIT.c.number > since).order_by(AUDIT.c.number))
        return [to_audit_line(row) for row in rows]

    def _run(self, statement: Executable) -> None:
        self._connection.execute(statement)

    def _one(self, query: Select[Any]) -> Row[Any] | None:
        return self._connection.execute(query).first()

    def _all(self, query: Select[Any]) -> Sequence[Row[Any]]:
        return self._connection.execute(query).all()

    def _next(self, column: Any, *where: Any) -> int:
        # One writer, one transaction: nobody can take the same number in between.
        return int(self._connection.execute(select(func.coalesce(func.max(column), 0) + 1).where(*where)).scalar_one())


def _ticket_values(ticket: Ticket) -> dict[str, Any]:
    values = msgspec.structs.asdict(ticket)
    title = values.pop("title")
    return values | {"title_en": title.en, "title_ru": title.ru}

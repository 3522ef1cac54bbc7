"""Turns rows into what they mean. The other way is a dictionary in `records`, next to its statement."""

from typing import Any

import msgspec
from sqlalchemy import Row

from collector.store.base import (
    AuditLine,
    Entry,
    EntryKind,
    Host,
    OrderRecord,
    OrderState,
    Ticket,
    TicketState,
    User,
)
from contract.evidence import Evidence
from contract.finding import Severity
from contract.order import Order
from contract.report import HostFacts
from contract.text import Text

encode = msgspec.json.encode
_FACTS = msgspec.json.Decoder(HostFacts)
_ORDER = msgspec.json.Decoder(Order)
_EVIDENCE = msgspec.json.Decoder(Evidence)


def to_host(row: Row[Any]) -> Host:
    """Return the host in a row of ``hosts``."""
    return Host(**row._asdict() | {"facts": _FACTS.decode(row.facts)})


def to_ticket(row: Row[Any]) -> Ticket:
    """Return the ticket in a row of ``tickets``."""
    words = row._asdict()
    title = Text(words.pop("title_en"), words.pop("title_ru"))
    how = {"title": title, "severity": Severity(row.severity), "state": TicketState(row.state)}
    return Ticket(**words | how)


def to_entry(row: Row[Any]) -> Entry:
    """Return the entry in a row of ``entries``."""
    text = Text(row.text_en, row.text_ru)
    return Entry(
        number=row.number, at=row.at, kind=EntryKind(row.kind), by=row.by, text=text, attachment=row.attachment
    )


def to_order(row: Row[Any]) -> OrderRecord:
    """Return the order in a row of ``orders``."""
    return OrderRecord(
        order=_ORDER.decode(row.body),
        state=OrderState(row.state),
        created_at=row.created_at,
        changed_at=row.changed_at,
        evidence=None if row.evidence is None else _EVIDENCE.decode(row.evidence),
    )


def to_user(row: Row[Any]) -> User:
    """Return the person in a row of ``users``."""
    return User(organisation=row.organisation, name=row.name, role=row.role, password_hash=row.password_hash)


def to_audit_line(row: Row[Any]) -> AuditLine:
    """Return the line in a row of ``audit``."""
    return AuditLine(**row._asdict())

"""The desk that comes with the collector: tickets in our own store, in the transaction of what they tell of."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from collector.desks.base import NewCase, Note
from collector.store.base import Attachment, Entry, Records, Ticket, TicketState
from contract.errors import FeldsherError
from contract.finding import Severity

NUMBER = "{n}"
"""In an attachment's name: the first number that is free, as ``report-{n}.json``."""


@dataclass(frozen=True, slots=True)
class BuiltinDesk:
    """The desk of one organisation, within one transaction."""

    records: Records
    organisation: str
    at: datetime

    def find(self, host: str, cause: str) -> str | None:
        """Return the ticket about this cause at this host that is not closed, if there is one."""
        ticket = self.records.ticket_about(self.organisation, host, cause)
        return None if ticket is None else str(ticket.number)

    def open(self, case: NewCase, note: Note) -> str:
        """Open a ticket and return its number."""
        ticket = Ticket(
            organisation=self.organisation,
            number=0,
            host=case.host,
            cause=case.cause,
            title=case.title,
            severity=case.severity,
            state=TicketState.OPEN,
            opened_at=self.at,
            changed_at=self.at,
            words=case.words,
        )
        number = self.records.open_ticket(ticket)
        self._write(number, note)
        return str(number)

    def note(self, ticket: str, note: Note) -> None:
        """Add *note* to *ticket*."""
        was = self._ticket(ticket)
        self._write(was.number, note)
        self.records.set_ticket(msgspec.structs.replace(was, changed_at=self.at))

    def change(self, ticket: str, state: TicketState, severity: Severity | None = None) -> None:
        """Say where *ticket* stands."""
        was = self._ticket(ticket)
        now = msgspec.structs.replace(was, state=state, severity=severity or was.severity, changed_at=self.at)
        self.records.set_ticket(now)

    def _write(self, number: int, note: Note) -> None:
        names = [self._attach(number, attachment) for attachment in note.attachments]
        # An entry names one attachment; the others hang on the ticket all the same.
        first = names[0] if names else ""
        entry = Entry(number=0, at=self.at, kind=note.kind, by=note.by, text=note.text, attachment=first)
        self.records.add_entry(self.organisation, number, entry)

    def _attach(self, number: int, attachment: Attachment) -> str:
        # Nothing that was seen is ever replaced: a taken name gets the next number.
        taken = set(self.records.attachments(self.organisation, number))
        stem, dot, kind = attachment.name.rpartition(".")
        pattern = attachment.name if NUMBER in attachment.name else f"{stem}-{NUMBER}{dot}{kind}"
        numbered = (pattern.replace(NUMBER, str(count)) for count in range(1, len(taken) + 2))
        plain = () if NUMBER in attachment.name else (attachment.name,)
        name: str = next(name for name in (*plain, *numbered) if name not in taken)
        self.records.attach(self.organisation, number, msgspec.structs.replace(attachment, name=name))
        return name

    def _ticket(self, ticket: str) -> Ticket:
        found = self.records.ticket(self.organisation, int(ticket))
        if found is None:
            raise FeldsherError("not-found", f"there is no ticket {ticket}")
        return found

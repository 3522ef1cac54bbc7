"""The one interface through which Feldsher speaks to a ticket desk."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from collector.store.base import Attachment, EntryKind, TicketState
from contract.finding import Severity
from contract.text import Text


@dataclass(frozen=True, slots=True)
class NewCase:
    """What a ticket is opened about: one host, one *cause* (empty when a person's words are all there is)."""

    host: str
    cause: str
    title: Text
    severity: Severity
    words: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """One line of a ticket's story, for technicians' eyes; *by* is who says it."""

    kind: EntryKind
    by: str
    text: Text
    attachments: Sequence[Attachment] = ()


class Desk(Protocol):
    """A place where tickets live. A ticket is named by its number there, as text."""

    def find(self, host: str, cause: str) -> str | None:
        """Return the ticket about this cause at this host that is not closed, if there is one."""

    def open(self, case: NewCase, note: Note) -> str:
        """Open a ticket and return its number."""

    def note(self, ticket: str, note: Note) -> None:
        """Add *note* to *ticket*, for technicians' eyes only."""

    def change(self, ticket: str, state: TicketState, severity: Severity | None = None) -> None:
        """Say where *ticket* stands; *severity* only when it has changed."""

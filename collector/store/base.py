"""The door to what the collector must never lose.

`Store` runs functions of `Records`: `change` inside the one writer's transaction, on disk when it returns; `look` on a
snapshot. `Records` are the verbs; all SQL lives behind them. Organisation leads every key.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeVar

from msgspec import Struct

from contract.evidence import Evidence
from contract.exchange import Item
from contract.finding import Severity
from contract.order import Order
from contract.report import HostFacts, Report
from contract.text import Text

T = TypeVar("T")
HOME = "home"
"""The organisation of a collector that serves just one."""


class Host(Struct, frozen=True, kw_only=True):
    """One enrolled machine. Its identity is its key: *certificate_sha256* is of the client certificate's DER.

    *conflict_since* is when two live agents were seen to share that identity; until a person settles it, the host gets
    no orders.
    """

    organisation: str
    id: str
    name: str
    facts: HostFacts
    certificate_sha256: str
    machine_id: str
    enrolled_at: datetime
    seen_at: datetime | None = None
    instance: str = ""
    revoked: bool = False
    conflict_since: datetime | None = None


class TicketState(StrEnum):
    """Where a ticket stands. A *silent* one's finding is no longer seen; a person closes it."""

    OPEN = "open"
    SILENT = "silent"
    FIXED = "fixed"
    CLOSED = "closed"


class Ticket(Struct, frozen=True, kw_only=True):
    """One case: one host, one cause (a finding's key, or empty for a plea with no finding)."""

    organisation: str
    number: int
    host: str
    cause: str
    title: Text
    severity: Severity
    state: TicketState
    opened_at: datetime
    changed_at: datetime
    words: str = ""


class EntryKind(StrEnum):
    """What a line of a ticket's story is about."""

    OPENED = "opened"
    PLEA = "plea"
    FINDING = "finding"
    SILENT = "silent"
    ORDERED = "ordered"
    EVIDENCE = "evidence"
    NOTE = "note"
    CLOSED = "closed"


class Entry(Struct, frozen=True, kw_only=True):
    """One line of a ticket's story. *attachment* names the stored document, if one hangs on it."""

    number: int
    at: datetime
    kind: EntryKind
    by: str
    text: Text
    attachment: str = ""


class Attachment(Struct, frozen=True, kw_only=True):
    """One document on a ticket, byte for byte as the agent wrote it. *name* is unique within its ticket."""

    name: str
    media_type: str
    content: bytes


class OrderState(StrEnum):
    """Where an order is: waiting here, held durably by the agent, ended, or past its time."""

    QUEUED = "queued"
    TAKEN = "taken"
    ENDED = "ended"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class OrderRecord(Struct, frozen=True, kw_only=True):
    """An order and where it is; *evidence* when it has ended."""

    order: Order
    state: OrderState
    created_at: datetime
    changed_at: datetime
    evidence: Evidence | None = None


class User(Struct, frozen=True, kw_only=True):
    """A person who may sign in: a ``technician`` or ``administrator``. *password_hash* is argon2id's own text."""

    organisation: str
    name: str
    role: str
    password_hash: str


class AuditLine(Struct, frozen=True, kw_only=True):
    """One act, chained: *digest* covers this line and the digest before it."""

    number: int
    at: datetime
    who: str
    act: str
    about: str
    detail: str
    digest: str


class Records(Protocol):
    """The verbs of the store, within one transaction. Absent things are ``None``, never an error."""

    # hosts
    def add_host(self, host: Host) -> None: ...
    def host(self, organisation: str, host: str) -> Host | None: ...
    def host_by_certificate(self, sha256: str) -> Host | None: ...
    def hosts(self, organisation: str) -> Sequence[Host]: ...
    def set_certificate(self, organisation: str, host: str, sha256: str) -> None: ...
    def mark_seen(self, organisation: str, host: str, at: datetime, instance: str) -> None: ...
    def revoke_host(self, organisation: str, host: str) -> None: ...
    def set_conflict(self, organisation: str, host: str, since: datetime | None) -> None: ...

    # enrolment codes: only a digest of the secret is kept
    def add_code(self, secret_sha256: str, organisation: str, until: datetime, uses: int, by: str) -> None: ...
    def use_code(self, secret_sha256: str, at: datetime, key_sha256: str) -> str | None:
        """Spend one use and return the organisation; ``None`` when wrong, used up or too old.

        The same key may spend the same code again at no cost: its first answer was lost.
        """

    # what agents said; each item once, whatever is sent twice
    def add_item(self, organisation: str, host: str, item: Item, received_at: datetime) -> bool:
        """Keep *item*; return whether it was new."""

    def item_ids(self, organisation: str, host: str) -> Sequence[str]: ...
    def forget(self, bodies_before: datetime, items_before: datetime) -> int:
        """Empty old vitals and reports, drop items too old to be sent again; return how many were touched."""

    def set_report(self, organisation: str, host: str, at: datetime, report: Report) -> None: ...
    def report(self, organisation: str, host: str) -> Report | None: ...
    def vitals(self, organisation: str, host: str, since: datetime) -> Sequence[Item]: ...

    # tickets
    def open_ticket(self, ticket: Ticket) -> int:
        """Keep a new ticket (its *number* is ignored) and return the number given."""

    def ticket(self, organisation: str, number: int) -> Ticket | None: ...
    def tickets(self, organisation: str, *, with_closed: bool = False) -> Sequence[Ticket]: ...
    def ticket_about(self, organisation: str, host: str, cause: str) -> Ticket | None:
        """Return the ticket of this host and cause that is not closed."""

    def tickets_of(self, organisation: str, host: str) -> Sequence[Ticket]: ...
    def set_ticket(self, ticket: Ticket) -> None: ...
    def add_entry(self, organisation: str, ticket: int, entry: Entry) -> int:
        """Keep one line of its story (its *number* is ignored) and return the number given."""

    def entries(self, organisation: str, ticket: int) -> Sequence[Entry]: ...
    def attach(self, organisation: str, ticket: int, attachment: Attachment) -> None: ...
    def attachment(self, organisation: str, ticket: int, name: str) -> Attachment | None: ...
    def attachments(self, organisation: str, ticket: int) -> Sequence[str]: ...
    def ticket_of_item(self, organisation: str, host: str, item: str) -> int | None: ...
    def set_ticket_of_item(self, organisation: str, host: str, item: str, ticket: int) -> None: ...

    # orders
    def add_order(self, organisation: str, order: Order, at: datetime) -> None: ...
    def order(self, organisation: str, order: str) -> OrderRecord | None: ...
    def orders_of(self, organisation: str, host: str, state: OrderState) -> Sequence[OrderRecord]: ...
    def orders_on(self, organisation: str, ticket: int) -> Sequence[OrderRecord]: ...
    def set_order_state(self, organisation: str, order: str, state: OrderState, at: datetime) -> None: ...
    def set_evidence(self, organisation: str, order: str, evidence: Evidence, at: datetime) -> None: ...

    # people
    def add_user(self, user: User) -> None: ...
    def user(self, name: str) -> User | None: ...
    def add_session(self, token_sha256: str, user: str, until: datetime) -> None: ...
    def session(self, token_sha256: str, at: datetime) -> User | None: ...
    def drop_session(self, token_sha256: str) -> None: ...

    # what was done, by whom
    def audit(self, at: datetime, who: str, act: str, about: str, detail: str = "") -> None: ...
    def audit_lines(self, since: int = 0) -> Sequence[AuditLine]: ...


class Store(Protocol):
    """Where `Records` are kept."""

    async def change(self, act: Callable[[Records], T]) -> T:
        """Run *act* in the writer's next transaction; return when it is committed and flushed to disk.

        Whatever *act* raises undoes it alone and is raised here; ``storage-full`` when there is no room.
        """

    async def look(self, ask: Callable[[Records], T]) -> T:
        """Run *ask* on a snapshot. It must not change anything."""

    async def close(self) -> None:
        """Finish what was taken and let go."""

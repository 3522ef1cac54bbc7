"""The one request and reply between an agent and its collector.

The agent posts what it has and may wait for orders in the same request; a parked exchange is answered the moment
there is an order. Known fields are strict, new ones tolerated. The resident writes these bytes without loading this
module: ``tests/exchanges`` keeps both sides honest.
"""

from datetime import datetime
from typing import Literal

from msgspec import Raw, Struct

from contract.order import Order
from contract.report import HostFacts, Report
from contract.sample import Sample

PROTOCOL = 1
ITEM_KINDS = ("evidence", "plea", "report", "vitals", "gap")
ItemKind = Literal["evidence", "plea", "report", "vitals", "gap"]


class Item(Struct, frozen=True):
    """One thing the agent has to tell. *id* is its idempotency key; *body* is one of the messages of this package."""

    id: str
    kind: ItemKind
    at: datetime
    body: Raw


class Exchange(Struct, frozen=True):
    """What an agent posts. *have* are orders it holds durably: they are not sent again.

    *instance* is new at each start of the resident: two live ones of one identity are a clone. *wait_seconds* is how
    long the collector may park the request when it has no order.
    """

    protocol: int
    instance: str
    items: list[Item] = []
    have: list[str] = []
    wait_seconds: float = 0.0


class Refused(Struct, frozen=True):
    """An item the collector will never take, and why. The agent sets it aside instead of trying for ever."""

    id: str
    slug: str
    detail: str


class Answer(Struct, frozen=True):
    """What the collector replies, after its commit. *tickets* says which ticket an item (a plea) went to."""

    protocol: int
    now: datetime
    accepted: list[str] = []
    refused: list[Refused] = []
    orders: list[Order] = []
    tickets: dict[str, str] = {}
    reconnect_seconds: float = 5.0


class Vitals(Struct, frozen=True):
    """A few samples a minute, from the resident itself."""

    at: datetime
    samples: tuple[Sample, ...]


class Plea(Struct, frozen=True):
    """A person asks for help: what they said, and the look they agreed to send."""

    at: datetime
    complaint: str
    words: str
    report: Report


class Gap(Struct, frozen=True):
    """What the spool had to drop, oldest first, because there was no room: never silently."""

    at: datetime
    kind: ItemKind
    count: int
    first: datetime
    last: datetime
    reason: str


class Enrol(Struct, frozen=True):
    """A host asks to be known: the code's one-time *secret*, and a certificate request for a key made on the host."""

    protocol: int
    secret: str
    request_pem: str
    machine_id: str
    facts: HostFacts


class Enrolled(Struct, frozen=True):
    """The collector's yes: the host's name for ever, and its client certificate."""

    host: str
    certificate_pem: str

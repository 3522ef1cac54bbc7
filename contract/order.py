"""A request to look at a host or to run a playbook on it."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from contract.sample import Value


class Order(Struct, frozen=True, kw_only=True):
    """One request to one host, given at most once a host: *id* is its name for ever.

    *playbook_sha256* is of the file's exact bytes; the hands refuse any other. *check_only* asks for the plan alone.
    """

    id: str
    kind: Literal["checkup", "repair"]
    host: str
    by: str
    not_before: datetime
    not_after: datetime
    playbook: str = ""
    playbook_sha256: str = ""
    params: dict[str, Value] = {}
    ticket: str = ""
    check_only: bool = False
    seal: str = ""

"""What a running collector is made of. `main` puts it together; routes and commands only use it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from collector.authority import Authority
from collector.enrolment import Codes
from collector.guests import Guests
from collector.intake import Intake
from collector.orders import Orders
from collector.pace import Pace
from collector.store.base import Store

Clock = Callable[[], datetime]
"""Tells the time, in UTC. Tests drive it by hand."""


@dataclass(frozen=True, slots=True)
class Parts:
    """*address* is the ``host:port`` agents and people reach us at."""

    store: Store
    authority: Authority
    guests: Guests
    intake: Intake
    orders: Orders
    codes: Codes
    enrol_pace: Pace
    exchange_pace: Pace
    clock: Clock
    address: str

"""When the next vitals and the next checkup are due. Pure: it reads no clock.

Within one run everything counts on the monotonic clock; the wall clock is only asked across a restart, and a jump of
it can cost one checkup too early, never a storm and never silence.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

VITALS_EVERY = timedelta(seconds=60)
CHECKUP_EVERY = timedelta(seconds=300)
SOONEST = timedelta(seconds=5)
"""A second look is never asked for sooner than this, whatever the first one said."""
_SPREAD = timedelta(seconds=30)


class Schedule(NamedTuple):
    """What is due when. *vitals_at* and *checkup_at* are seconds on the monotonic clock.

    No dataclass: its module alone would cost the resident a megabyte.
    """

    vitals_every: timedelta
    checkup_every: timedelta
    vitals_at: float
    checkup_at: float

    def after_vitals(self, monotonic: float) -> "Schedule":
        """Return the schedule once vitals were taken. After a suspended night they are taken once, not all night's."""
        return self._replace(vitals_at=_next(self.vitals_at, self.vitals_every, monotonic))

    def after_checkup(self, monotonic: float) -> "Schedule":
        """Return the schedule once a checkup was asked for."""
        return self._replace(checkup_at=_next(self.checkup_at, self.checkup_every, monotonic))

    def looking_again(self, at: datetime, now: datetime, monotonic: float) -> "Schedule":
        """Return the schedule with a checkup at *at*, where that is sooner; *now* is by the clock *at* was made by."""
        wait = min(max(at - now, SOONEST), self.checkup_every)
        return self._replace(checkup_at=min(self.checkup_at, monotonic + wait.total_seconds()))


def start(  # noqa: PLR0913 - every one of them decides, and all are named
    *,
    host: str,
    vitals_every: timedelta,
    checkup_every: timedelta,
    last_checkup: datetime | None,
    now: datetime,
    monotonic: float,
) -> Schedule:
    """Return the schedule of a resident that starts *now*.

    Each host has its own phase, so that a thousand do not look at once. One that has missed its turn, or was never
    looked at, looks soon, and those spread too: they may have been switched on together.
    """
    share = _share(host)
    since = (now - last_checkup) if last_checkup is not None else None
    if since is None or not timedelta(0) <= since <= checkup_every:
        wait = 2 + share * min(_SPREAD, checkup_every / 10).total_seconds()
    else:
        every = checkup_every.total_seconds()
        wait = (share * every - now.timestamp()) % every
    return Schedule(vitals_every, checkup_every, monotonic + vitals_every.total_seconds(), monotonic + wait)


def _next(due: float, every: timedelta, monotonic: float) -> float:
    missed = max(0.0, monotonic - due) // every.total_seconds()
    return due + (missed + 1) * every.total_seconds()


def _share(host: str) -> float:
    """Return a number from 0 up to 1 that is always the same for one host."""
    return int.from_bytes(sha256(host.encode()).digest()[:6], "big") / 2**48

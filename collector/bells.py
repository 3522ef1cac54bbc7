"""Wakes whoever is parked: an exchange that waits for an order, a page that waits for a repair to end.

In process, so it only ever hurries what would be found anyway: what is true stands in the store.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta


class Bells:
    """One bell a name. Take the bell first, look second, then wait: what happens in between is not missed."""

    def __init__(self) -> None:
        self._bells: dict[str, asyncio.Event] = {}
        self._is_closing = False

    def bell(self, name: str) -> asyncio.Event:
        """Return the bell that the next `ring` of *name* will sound."""
        bell = self._bells.setdefault(name, asyncio.Event())
        if self._is_closing:
            bell.set()
        return bell

    def ring(self, name: str) -> None:
        """Wake everyone who waits for *name*."""
        bell = self._bells.pop(name, None)
        if bell is not None:
            bell.set()

    def close(self) -> None:
        """Wake everyone, and let nobody wait again: the collector ends."""
        self._is_closing = True
        for name in list(self._bells):
            self.ring(name)


async def wait(bell: asyncio.Event, longest: timedelta) -> None:
    """Wait until *bell* rings, but no longer than *longest*."""
    with suppress(TimeoutError):
        async with asyncio.timeout(longest.total_seconds()):
            await bell.wait()

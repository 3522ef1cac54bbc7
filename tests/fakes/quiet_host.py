"""A machine that answers nothing of itself: probes made up for a test bring their own answers."""

import threading
from datetime import UTC, datetime, timedelta

from contract.report import HostFacts

FACTS = HostFacts(
    name="quiet", os="linux", family="debian", version="12", kernel="6.1", init="systemd", arch="x86_64", elevated=False
)


class QuietHost:
    """Enough of a `Host` for a look: facts and a clock that the test turns by hand."""

    facts = FACTS

    def __init__(self) -> None:
        self.seconds = 0.0
        self.hang = threading.Event()

    def now(self) -> datetime:
        """Return a fixed day plus what has elapsed."""
        return datetime(2026, 11, 22, 12, 0, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def wait(self, span: timedelta) -> None:
        """Let the hand move."""
        self.seconds += span.total_seconds()

    def elapsed(self) -> float:
        """Return where the hand stands."""
        return self.seconds

"""How often one may: a bucket for each name, that fills by itself."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

REMEMBERED = 100_000


@dataclass(slots=True)
class Pace:
    """Lets through *burst* at once and *per_minute* after that. *seconds* is a clock that only runs forward."""

    burst: float
    per_minute: float
    seconds: Callable[[], float]
    _buckets: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def allows(self, name: str) -> bool:
        """Whether *name* may now; taking the one it asks for."""
        now = self.seconds()
        level, then = self._buckets.pop(name, (self.burst, now))
        level = min(self.burst, level + (now - then) * self.per_minute / 60)
        self._buckets[name] = (level - 1 if level >= 1 else level, now)
        # Forgetting the longest silent one costs nothing: its bucket is full again, or nearly.
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return level >= 1

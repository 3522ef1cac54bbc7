"""Which host a certificate is, without asking the store at every word: what was looked up holds for a moment."""

from collections import OrderedDict
from collections.abc import Callable

from collector.store.base import Host, Store

# A host withdrawn here is forgotten at once; this is for what another program does to the store.
HOLDS_SECONDS = 2.0
REMEMBERED = 20_000


class Guests:
    """*seconds* is a clock that only runs forward."""

    def __init__(self, store: Store, seconds: Callable[[], float]) -> None:
        self._store = store
        self._seconds = seconds
        self._known: OrderedDict[str, tuple[Host, float]] = OrderedDict()

    async def host(self, certificate_sha256: str) -> Host | None:
        """Return the host that holds this certificate, as it was no longer than a moment ago."""
        known = self._known.get(certificate_sha256)
        if known is not None and self._seconds() - known[1] < HOLDS_SECONDS:
            return known[0]
        asked_at = self._seconds()
        host = await self._store.look(lambda records: records.host_by_certificate(certificate_sha256))
        self._known.pop(certificate_sha256, None)
        if host is not None:
            self._known[certificate_sha256] = (host, asked_at)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return host

    def forget(self, host: str) -> None:
        """Look *host* up anew: something about it has changed."""
        for name in [name for name, (known, _) in self._known.items() if known.id == host]:
            del self._known[name]

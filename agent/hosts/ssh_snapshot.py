"""All processes in one question: whoever lists ``/proc`` is about to read a file of each, one by one.

Over a connection that would be a thousand questions. So after such a list, the first of these files to be read brings
those of all processes along; each is given out once, and only for a moment.
"""

import os
import re
import threading
import time
from collections.abc import Callable

PROC = "/proc"
KEPT_SECONDS = 5.0
_OF_EACH = re.compile(r"/proc/[0-9]+/(stat|status|io)")


class Snapshot:
    """What was brought along and not yet asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: set[str] = set()
        self._contents: dict[str, bytes] = {}
        self._until = 0.0

    def expect(self, path: str) -> None:
        """Note that *path* was listed; what was brought along before is old now."""
        if path.rstrip("/") == PROC:
            with self._lock:
                self._wanted = {"stat", "status", "io"}
                self._contents.clear()
                self._until = time.monotonic() + KEPT_SECONDS

    def take(self, path: str, limit_bytes: int, bring: Callable[[str], bytes]) -> bytes | None:
        """Return the file, if it is of those brought along; ``None`` when it must be read by itself."""
        said = _OF_EACH.fullmatch(path)
        if said is None:
            return None
        with self._lock:
            if time.monotonic() > self._until:
                self._wanted.clear()
                self._contents.clear()
                return None
            if said[1] in self._wanted:
                self._wanted.discard(said[1])
                self._contents.update(_by_path(bring(said[1])))
            content = self._contents.pop(path, None)
        return None if content is None else content[:limit_bytes]


def _by_path(lines: bytes) -> dict[str, bytes]:
    """Return the files in what ``grep -H`` says: each line has its file before it."""
    contents: dict[str, bytearray] = {}
    for line in _lines(lines):
        path, colon, rest = line.partition(b":")
        if colon:
            contents.setdefault(os.fsdecode(path), bytearray()).extend(rest)
    return {path: bytes(content) for path, content in contents.items()}


def _lines(content: bytes) -> list[bytes]:
    return [line + b"\n" for line in content.removesuffix(b"\n").split(b"\n")]

"""Orders this agent has taken: on disk before the collector is told so, until their evidence is on its disk."""

import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from agent.resident.durable import flush_folder, make_folder, read_object, write_durably
from agent.resident.spool import is_safe_id

KEEP_ENDED = timedelta(days=30)
LARGEST_BYTES = 48 * 1024
"""An order is a few names and numbers. It must also fit a pipe whole, so that giving it to the hands never waits."""
EVIDENCE = "evidence-"


def evidence_id(order: str) -> str:
    """Return the id under which the evidence of *order* travels, for ever."""
    return EVIDENCE + order


class Held:
    """The orders in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ended = folder / "ended"
        make_folder(self._ended)
        self._ids = [path.stem for path in sorted(folder.glob("*.json")) if is_safe_id(path.stem)]

    @property
    def ids(self) -> list[str]:
        """The orders whose evidence the collector does not have yet, oldest name first."""
        return list(self._ids)

    def take(self, order: dict[str, Any]) -> str | None:
        """Keep *order* and return its id; ``None`` when it is held already or cannot be one.

        One that ended long ago is taken again: the hands know it, and repeat its evidence instead of doing it twice.
        """
        order_id = order.get("id")
        content = json.dumps(order, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
        if not isinstance(order_id, str) or not is_safe_id(order_id) or len(content) > LARGEST_BYTES:
            return None
        if order_id in self._ids:
            return None
        write_durably(self._path(order_id), content)
        self._ids.append(order_id)
        return order_id

    def read(self, order_id: str) -> dict[str, Any] | None:
        """Return the order; ``None`` when it has ended meanwhile, or its file was damaged.

        A damaged one is set aside, and will be sent again.
        """
        # Hands that took up an earlier run may have brought its evidence while it was still in the queue.
        if order_id not in self._ids:
            return None
        order = read_object(self._path(order_id))
        if order is None:
            self._ids.remove(order_id)
            damaged = self._folder / "damaged"
            make_folder(damaged)
            if self._path(order_id).exists():
                self._path(order_id).rename(damaged / f"{order_id}.json")
        return order

    def end(self, order_id: str) -> None:
        """Note that the collector has the evidence of *order_id*."""
        if order_id in self._ids:
            self._ids.remove(order_id)
            self._path(order_id).rename(self._ended / f"{order_id}.json")
            flush_folder(self._ended)

    def forget_old(self) -> None:
        """Remove what ended long ago."""
        for path in self._ended.glob("*.json"):
            if time.time() - path.stat().st_mtime > KEEP_ENDED.total_seconds():
                path.unlink(missing_ok=True)

    def _path(self, order_id: str) -> Path:
        return self._folder / f"{order_id}.json"

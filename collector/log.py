"""The collector's log: one line of JSON for each thing that happened, whatever strangers put into it."""

import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

_OURS = ("request_id", "route")


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON; control characters are escaped by JSON itself."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {"at": at, "level": record.levelname.lower(), "from": record.name}
        line["what"] = record.getMessage()
        line |= {name: getattr(record, name) for name in _OURS if hasattr(record, name)}
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line)


def begin(log: Path | None) -> logging.Handler:
    """Send what is logged to the file *log*, else to standard error; returns the handler, to be closed."""
    handler = logging.FileHandler(log) if log else logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # Alembic and uvicorn tell their whole life at this level; only what goes wrong is of interest.
    for noisy in ("alembic", "uvicorn", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return handler

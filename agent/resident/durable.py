"""Small files that survive a power cut. Standard library only: the resident uses it."""

import json
import os
from pathlib import Path
from typing import Any

NEW = ".new-"
"""How the name of a file begins that is not whole yet."""


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Make or replace *path*; when this returns it is on disk, and at any power cut it is the old or the new."""
    fresh = path.with_name(f"{NEW}{path.name}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make what was named, renamed or removed in *folder* survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Make *folder*, and what is above it, where they are missing."""
    folder.mkdir(parents=True, exist_ok=True, mode=mode)


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in *path*; ``None`` when there is no such file or it holds something else."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None

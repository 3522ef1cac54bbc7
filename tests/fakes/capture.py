"""A small recorded machine, made from what a test says of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.hosts.recorded import Recorded
from agent.probes.base import Unreadable
from contract.sample import Sample

FACTS = {
    "name": "patient",
    "os": "linux",
    "family": "debian",
    "version": "12",
    "kernel": "6.1.0",
    "init": "systemd",
    "arch": "x86_64",
    "elevated": True,
    "language": "en",
}


def captured(
    folder: Path,
    *,
    files: Mapping[str, str | bytes] | None = None,
    later: Mapping[str, str | bytes] | None = None,
    between_seconds: float = 0.5,
    facts: Mapping[str, Any] | None = None,
    **tables: Mapping[str, Any] | Sequence[Any],
) -> Recorded:
    """Write a capture into *folder* and open it; *tables* are its JSON files: ``links=``, ``runs=``, ``asks=``."""
    for layer, contents in (("files", files or {}), ("later", later or {})):
        for path, content in contents.items():
            here = folder / layer / path.lstrip("/")
            here.parent.mkdir(parents=True, exist_ok=True)
            here.write_bytes(content.encode() if isinstance(content, str) else content)
    clock = {"now": "2025-03-01T12:00:00Z", "between_seconds": between_seconds}
    for name, value in {"facts": {**FACTS, **(facts or {})}, "clock": clock, **tables}.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return Recorded(folder)


def until_unreadable(understood: Iterator[Sample]) -> tuple[list[Sample], str]:
    """Return what a probe yields before it says that the rest cannot be read, and what it says then."""
    samples: list[Sample] = []
    try:
        samples.extend(understood)
    except Unreadable as error:
        return samples, str(error)
    return samples, ""

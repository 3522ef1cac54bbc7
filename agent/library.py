"""Where the knowledge lives: the folders of rules, playbooks and articles that came with this copy."""

from pathlib import Path
from typing import Literal


def folder(name: Literal["rules", "playbooks", "docs"]) -> Path:
    """Return the folder *name* that came with this copy: beside the packages in a checkout and in a wheel alike."""
    return Path(__file__).resolve().parents[1] / name

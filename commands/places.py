"""Where this machine keeps things for us, and which language it speaks."""

import os
from pathlib import Path

import platformdirs

from contract.text import Language

SYSTEM_STATE = Path("/var/lib/feldsher")


def agent_state(given: Path | None) -> Path:
    """Return the agent's state folder: as given, by FELDSHER_AGENT_STATE, or the system's own place for it."""
    if given:
        return given
    named = os.environ.get("FELDSHER_AGENT_STATE")
    if named:
        return Path(named)
    # An agent installed for the whole machine is there for every user of it.
    if os.geteuid() == 0 or (SYSTEM_STATE / "door.sock").exists():
        return SYSTEM_STATE
    return platformdirs.user_state_path("feldsher")


def language_of() -> Language:
    """Return the language of the person at this terminal, by the usual variables."""
    for name in ("FELDSHER_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "ru" if value.lower().startswith("ru") else "en"
    return "en"

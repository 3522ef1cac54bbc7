"""A collector and an enrolled agent of this checkout, on loopback and in a scratch folder, by the ordinary commands."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
FELDSHER = (sys.executable, str(PROJECT / "cli.py"))
# As its service starts it: `feldsher agent run` would carry the command line along.
RESIDENT = (sys.executable, "-E", "-s", "-m", "agent.resident.main")
PATIENCE_SECONDS = 30
# One agent posts here as thousands would: the pace that is kept with each of them is not what is measured.
PACE = 1_000_000.0


@dataclass(frozen=True)
class Stage:
    """What runs. *resident* is the agent's process number, *host* the name it was given."""

    folder: Path
    address: str
    host: str
    resident: int

    @property
    def context(self) -> Path:
        """The technicians' way in."""
        return self.folder / "collector/context.json"

    @property
    def agent(self) -> Path:
        """The agent's state folder."""
        return self.folder / "agent"


@contextmanager
def set_up() -> Iterator[Stage]:
    """Start it all, and end it all."""
    running: list[subprocess.Popen[bytes]] = []
    with TemporaryDirectory(prefix="feldsher-bench-") as scratch:
        folder = Path(scratch)
        os.environ["FELDSHER_CONTEXT"] = str(folder / "collector/context.json")
        os.environ["FELDSHER_AGENT_STATE"] = str(folder / "agent")
        try:
            state = ("--state", str(folder / "collector"))
            ask("collector", "init", *state, "--admin", "admin")
            settings = folder / "collector/settings.json"
            settings.write_text(json.dumps(json.loads(settings.read_text()) | {"exchanges_per_minute": PACE}))
            running.append(
                start(folder, "collector", *FELDSHER, "collector", "serve", *state, "--listen", "127.0.0.1:0")
            )
            address = await_file(folder / "collector/listening.json")["address"]
            code = ask("code", "create")["code"]
            host = ask("enrol", code, "--state", str(folder / "agent"))["host"]
            running.append(start(folder, "agent", *RESIDENT, "--state", str(folder / "agent")))
            resident = await_file(folder / "agent/resident.json")
            yield Stage(folder, address, host, int(resident["pid"]))
        finally:
            for child in reversed(running):
                child.terminate()
                child.wait(PATIENCE_SECONDS)


def start(folder: Path, name: str, *argv: str) -> subprocess.Popen[bytes]:
    """Start a lasting part of ours; what it says goes into the scratch folder."""
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=PROJECT)


def ask(*words: str) -> Any:
    """Run a command of ours to its end and return what it answered."""
    ran = subprocess.run((*FELDSHER, *words, "--json"), capture_output=True, check=True, timeout=PATIENCE_SECONDS)
    return json.loads(ran.stdout)


def await_file(path: Path) -> Any:
    """Return the JSON in *path* once somebody has written it."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{path} was not written; the logs lie beside it")
        time.sleep(0.05)
    return json.loads(path.read_bytes())

"""A real collector and a real agent on this machine, in scratch folders, that a test may kill at any moment."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import psutil

from agent.plea import hand_over
from collector.client import Client, read_context
from contract.errors import FeldsherError
from contract.exchange import Plea
from contract.report import HostFacts, Report

PATIENCE_SECONDS = 60.0
Part = Literal["collector", "agent", "hands"]


class Stage:
    """One collector, one agent, and the ledger of what was generated."""

    def __init__(self, folder: Path) -> None:
        self.collector = folder / "collector"
        self.agent = folder / "agent"
        self._logs = folder
        self._parts: dict[str, subprocess.Popen[bytes]] = {}
        self._listen = "127.0.0.1:0"
        self.host = ""

    def set_up(self) -> None:
        """Make both from nothing, as an administrator would."""
        self.run("collector", "init", "--state", str(self.collector), "--admin", "admin")
        self.start("collector")
        code = self.run("code", "create")["code"]
        self.host = self.run("enrol", str(code), "--state", str(self.agent))["host"]
        self.start("agent")

    def run(self, *words: str) -> dict[str, Any]:
        """Run one command of ours with --json and return its answer."""
        ended = subprocess.run(
            [sys.executable, "-m", "cli", *words, "--json"],
            env=os.environ | {"FELDSHER_CONTEXT": str(self.collector / "context.json")},
            capture_output=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        assert ended.returncode == 0, (words, ended.stderr.decode())
        answer: dict[str, Any] = json.loads(ended.stdout)
        return answer

    def start(self, part: Literal["collector", "agent"]) -> None:
        """Start one part and wait until it is up."""
        if part == "collector":
            sign = self.collector / "listening.json"
            sign.unlink(missing_ok=True)
            words = ["collector", "serve", "--state", str(self.collector), "--listen", self._listen]
        else:
            sign = self.agent / "door.sock"
            sign.unlink(missing_ok=True)
            words = ["agent", "run", "--state", str(self.agent)]
        with (self._logs / f"{part}.log").open("ab") as log:
            self._parts[part] = subprocess.Popen([sys.executable, "-m", "cli", *words], stderr=log, stdout=log)
        wait_until(sign.exists, f"{part} is up")
        if part == "collector":
            # The same address again after a restart: the agent knows no other.
            self._listen = json.loads(sign.read_bytes())["address"]

    def kill(self, part: Part) -> bool:
        """SIGKILL one part; return whether it was running. The hands come and go, and may be missed."""
        if part == "hands":
            return sum(_kill(child) for child in self._hands()) > 0
        self._parts[part].send_signal(signal.SIGKILL)
        self._parts[part].wait()
        return True

    def _hands(self) -> list[psutil.Process]:
        with suppress(psutil.Error):
            return [
                child
                for child in psutil.Process(self._parts["agent"].pid).children(recursive=True)
                if "agent.resident.hands" in " ".join(child.cmdline())
            ]
        return []

    def close(self) -> None:
        """End whatever runs."""
        for part in reversed(self._parts.values()):
            part.terminate()
            try:
                part.wait(10)
            except subprocess.TimeoutExpired:
                part.kill()
                part.wait()

    def client(self) -> Client:
        """Return a technician's conversation with the collector."""
        return Client(read_context(self.collector / "context.json"))

    def order(self, name: str, wish: dict[str, Any]) -> None:
        """Give an order under a name of our own, again and again until the collector has it: twice is once."""
        refusals: list[str] = []

        def given() -> bool:
            try:
                with self.client() as client:
                    client.order({"id": name, "host": self.host, **wish})
            except FeldsherError as error:
                refusals.append(str(error))
                return False
            return True

        wait_until(given, f"order {name} is given", refusals)

    def ended(self, name: str) -> dict[str, Any]:
        """Return the order once it has ended."""
        found: dict[str, Any] = {}

        def over() -> bool:
            with suppress(FeldsherError), self.client() as client:
                found.update(client.order_as_it_is(name, 2))
            return found.get("state") == "ended" or found.get("order", {}).get("state") == "ended"

        wait_until(over, f"order {name} has ended")
        return found

    def plead(self, words: str) -> None:
        """Hand a plea to the agent until it says that it is on its disk; a plea it did not say so of may be lost."""
        at = datetime.now(UTC)
        report = Report(at=at, took_seconds=0, why="person", host=FACTS, samples=(), findings=())
        plea = Plea(at=at, complaint="", words=words, report=report)
        wait_until(lambda: hand_over(plea, self.agent / "door.sock", timedelta(seconds=0.2)) is not None, words)

    def is_drained(self) -> bool:
        """Whether the agent has nothing left to tell but what it may yet say of itself."""
        return not [*(self.agent / "spool" / "0").glob("*.json"), *(self.agent / "spool" / "1").glob("*.json")]


FACTS = HostFacts(
    name="stage", os="linux", family="debian", version="12", kernel="6.1", init="none", arch="x86_64", elevated=False
)


def wait_until(so: Callable[[], bool], what: str, why_not: Sequence[str] = ()) -> None:
    """Wait until *so*; fail with *what*, and the last of *why_not*, when it does not come."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not so():
        assert time.monotonic() < until, (f"waited in vain until {what}", why_not[-1:])
        time.sleep(0.02)


def pause(chance: random.Random, most_seconds: float) -> None:
    """Let a moment of chance's choosing pass."""
    time.sleep(chance.uniform(0, most_seconds))


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Set a stage up, and clear it away whatever happens."""
    stage = Stage(folder)
    try:
        stage.set_up()
        yield stage
    finally:
        stage.close()


def _kill(process: psutil.Process) -> bool:
    try:
        process.kill()
    except psutil.Error:
        return False
    return True

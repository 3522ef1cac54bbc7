"""A collector on loopback, a machine that is enrolled with it, and the real resident as a process."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from agent.resident.identity import Identity, enrol
from contract.report import HostFacts
from tests.fakes.collector import PATIENCE_SECONDS, Authority, Collector

ROOT = Path(__file__).parents[3]
FACTS = HostFacts("büro-1", "linux", "debian", "12", "6.1", "systemd", "x86_64", elevated=False)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def collector(authority: Authority, tmp_path: Path) -> Iterator[Collector]:
    folder = tmp_path / "collector"
    folder.mkdir()
    collector = Collector(authority, folder)
    yield collector
    collector.close()


@pytest.fixture
def facts() -> HostFacts:
    return FACTS


@pytest.fixture
def machine_id(tmp_path: Path) -> Path:
    path = tmp_path / "machine-id"
    path.write_text("0123456789abcdef0123456789abcdef\n")
    return path


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="feldsher-test-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def identity(collector: Collector, state: Path) -> Identity:
    return enrol(collector.code(), state, FACTS)


class Living:
    """One resident process."""

    def __init__(self, state: Path, vitals: float, checkup: float) -> None:
        self.state = state
        self.log = state / "log"
        with self.log.open("ab") as log:
            argv = [sys.executable, "-m", "tests.fakes.resident", str(state), str(vitals), str(checkup)]
            self.process = subprocess.Popen(argv, cwd=ROOT, stderr=log, stdout=log, stdin=subprocess.DEVNULL)

    def kill(self) -> None:
        hands = psutil.Process(self.process.pid).children(recursive=True)
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)
        psutil.wait_procs(hands, PATIENCE_SECONDS)

    def stop(self) -> int:
        hands = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_SECONDS)
        # Hands finish alone what they are in.
        psutil.wait_procs(hands, PATIENCE_SECONDS)
        return code

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def knock(self, line: bytes) -> list[dict[str, Any]]:
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.settimeout(PATIENCE_SECONDS)
            visitor.connect(str(self.state / "door.sock"))
            visitor.sendall(line + b"\n")
            with visitor.makefile("rb") as answers:
                return [json.loads(answer) for answer in answers]


@pytest.fixture
def start(identity: Identity, state: Path) -> Iterator[Callable[..., Living]]:
    assert identity.host
    living: list[Living] = []

    def begin(vitals: float = 3600, checkup: float = 3600) -> Living:
        living.append(Living(state, vitals, checkup))
        return living[-1]

    # No checkup of its own in the way, unless a test asks for one.
    (state / "schedule.json").write_text(json.dumps({"last_checkup": datetime.now(UTC).isoformat()}))
    yield begin
    for one in living:
        if one.process.poll() is None:
            one.kill()


@pytest.fixture
def an_order(identity: Identity) -> Callable[..., dict[str, Any]]:
    def make(order_id: str, **changed: Any) -> dict[str, Any]:
        now = datetime.now(UTC)
        return {
            "id": order_id,
            "kind": "checkup",
            "host": identity.host,
            "by": "anna",
            "not_before": now.isoformat(),
            "not_after": (now + timedelta(hours=1)).isoformat(),
        } | changed

    return make

"""Hands that touch nothing: a process that speaks their protocol, and does what files in its folder tell it.

``python -m tests.fakes.hands --state STATE``; STATE/fake/die holds how many more times it dies in the middle.
"""

import argparse
import fcntl
import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from agent.resident.hands import Pipe, serve
from agent.resident.work import Looked, Work
from contract.evidence import Evidence, Verdict
from contract.report import HostFacts, Report

FACTS = HostFacts("fake", "linux", "debian", "12", "6.1", "systemd", "x86_64", elevated=False)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    state: Path = parser.parse_args().state
    folder = state / "fake"
    folder.mkdir(exist_ok=True)

    def now() -> datetime:
        return datetime.now(UTC)

    def report(why: str) -> Report:
        with (folder / "done").open("a") as done:
            done.write(f"look {why}\n")
        _die_if_told(folder)
        return Report(at=now(), took_seconds=0.1, why="schedule", host=FACTS, samples=(), findings=())

    work = Work(
        look=lambda: Looked(report("schedule"), None),
        check_up=lambda: report("order"),
        find=lambda _name: None,
        repair=lambda order, _playbook, _run: Evidence(
            order=order.id, host=order.host, playbook="", version="", started=now(), ended=now(), verdict=Verdict.FIXED
        ),
        now=now,
    )
    (state / "hands").mkdir(exist_ok=True)
    with (state / "hands" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return serve(state, state / "hands", work, Pipe(sys.stdin.buffer, sys.stdout.buffer))


def _die_if_told(folder: Path) -> None:
    times = folder / "die"
    left = json.loads(times.read_text()) if times.exists() else 0
    if left:
        times.write_text(json.dumps(left - 1))
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())

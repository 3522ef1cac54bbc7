"""``feldsher agent`` and ``feldsher enrol``, as they are called."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from commands.agent import as_lines, exit_code, look
from tests.fakes.collector import Authority, Collector

ROOT = Path(__file__).parents[2]


def feldsher(*words: str, timeout: float = 30) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, str(ROOT / "cli.py"), *words]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=timeout, cwd=ROOT)


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[Collector]:
    folder = tmp_path / "collector"
    folder.mkdir()
    collector = Collector(Authority(), folder)
    yield collector
    collector.close()


@pytest.mark.slow
def test_enrolled_once_and_told_so(collector: Collector, tmp_path: Path) -> None:
    """The one line an administrator types on each machine."""
    state = tmp_path / "state"
    done = feldsher("enrol", collector.code(), "--state", str(state), "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["schema"], told["host"], told["collector"]) == ("feldsher.enrolment/1", "host-1", collector.address)
    again = feldsher("enrol", collector.code(), "--state", str(state))
    assert again.returncode == 6
    assert again.stderr.startswith("feldsher: error: already-enrolled: ")
    assert again.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_machine_that_is_not_enrolled_says_what_to_do(tmp_path: Path) -> None:
    """Exit code 3: not signed in."""
    status = feldsher("agent", "status", "--state", str(tmp_path))
    assert (status.returncode, "feldsher enrol CODE" in status.stdout) == (3, True)
    run = feldsher("agent", "run", "--state", str(tmp_path))
    assert run.returncode == 3
    assert run.stderr.startswith("feldsher: error: not-signed-in: ")


def left_behind(state: Path) -> None:
    (state / "identity").mkdir(parents=True)
    (state / "identity" / "identity.json").write_text('{"host": "host-1", "address": "collector.example:8443"}')
    for urgency, count in (("0", 1), ("1", 0), ("2", 3)):
        (state / "spool" / urgency).mkdir(parents=True)
        for number in range(count):
            (state / "spool" / urgency / f"{number}.json").write_text("{}")
    (state / "orders" / "ended").mkdir(parents=True)
    (state / "orders" / "o-1.json").write_text("{}")
    (state / "resident.json").write_text('{"last_exchange": "2026-11-22T10:00:00Z", "running": true}')


def test_with_nobody_at_the_door_it_says_what_lies_on_the_disk(tmp_path: Path) -> None:
    """After a crash this is all there is to go by."""
    left_behind(tmp_path)
    told = look(tmp_path)
    assert not told["running"]
    assert exit_code(told) == 1
    lines = "\n".join(as_lines(told, tmp_path))
    assert "1 evidence, 3 vitals and scheduled reports" in lines
    assert "last exchange  2026-11-22 10:00:00 UTC" in lines
    assert "orders held    o-1" in lines
    assert "systemctl start feldsher-agent" in lines


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Somebody at the door of *tmp_path* who says what the test puts here."""
    says: dict[str, Any] = {"running": True, "host": "host-1", "collector": "c:1", "spool": {}, "orders": []}
    folder = os.open(tmp_path, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{folder}/door.sock")
        listener.listen()

        def answer() -> None:
            visitor, _ = listener.accept()
            with visitor:
                visitor.recv(1000)
                visitor.sendall(json.dumps(says).encode() + b"\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield says
        thread.join(10)
    os.close(folder)


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (None, 0),
        ({"slug": "unreachable", "detail": "no route"}, 5),
        ({"slug": "not-trusted", "detail": ""}, 5),
        ({"slug": "host-revoked", "detail": ""}, 4),
        ({"slug": "identity-conflict", "detail": ""}, 6),
        ({"slug": "busy", "detail": ""}, 7),
        ({"slug": "schema", "detail": ""}, 5),
        ({"slug": "of tomorrow", "detail": ""}, 5),
    ],
)
def test_the_exit_code_says_what_is_wrong(
    tmp_path: Path, answering: dict[str, Any], trouble: dict[str, str] | None, code: int
) -> None:
    """Monitoring asks with --json and looks at the code."""
    answering["trouble"] = trouble
    told = look(tmp_path)
    assert told["running"]
    assert exit_code(told) == code


def test_words_of_another_machine_cannot_paint_the_terminal(tmp_path: Path, answering: dict[str, Any]) -> None:
    """A collector, or whoever answers in its place, chooses the detail."""
    answering["trouble"] = {"slug": "unreachable", "detail": "\x1b[2Jall is well\n\u202e"}
    lines = "\n".join(as_lines(look(tmp_path), tmp_path))
    assert "\x1b" not in lines
    assert "\u202e" not in lines
    assert "?[2Jall is well??" in lines

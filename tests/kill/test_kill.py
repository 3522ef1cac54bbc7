"""Kill any part at any moment, start it again, and compare what was generated with what is on the tickets."""

import hashlib
import json
import os
import random
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kill.stage import Part, Stage, pause, staged, wait_until

# Burns a core for a bounded time under a name of its own; ended by the ordinary playbook.
BURN = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (60, 60))\nwhile True: pass"
PARTS: tuple[Part, ...] = ("collector", "agent", "hands")
FEW = 5
MANY = int(os.environ.get("FELDSHER_KILLS", "50"))
SEED = int(os.environ.get("FELDSHER_SEED", "20261122"))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """Set up a collector and an agent, and clear them away afterwards."""
    with staged(tmp_path) as ready:
        yield ready


@pytest.mark.slow
def test_nothing_is_lost_or_doubled(stage: Stage) -> None:
    """A technician must find each plea and each repair on its ticket once, whatever was killed while it happened."""
    kill_at_random(stage, FEW)


@pytest.mark.kill
def test_nothing_is_lost_or_doubled_in_many_kills(stage: Stage) -> None:
    """The moment that loses something is one in a hundred."""
    kill_at_random(stage, MANY)


def kill_at_random(stage: Stage, rounds: int) -> None:
    """Tell the story *rounds* times, kill something each time, and compare the ledgers at the end."""
    chance = random.Random(SEED)  # noqa: S311 - to be repeated, not to be secret
    print(f"seed {SEED}, {rounds} kills")
    orders: dict[str, bool] = {}
    pleas: list[str] = []
    missed = 0
    for number in range(rounds):
        victim: Part = chance.choice(PARTS)
        words, name = f"plea {SEED}/{number:04d}", f"order-{SEED}-{number:04d}"
        with burning() as pid:
            ticket = stage.run("ticket", "new", "--on", stage.host, f"case {number}")["number"]
            stage.plead(words)
            pleas.append(words)
            stage.order(
                name,
                {"kind": "repair", "playbook": "end-runaway", "params": place_of(pid), "ticket": str(ticket)},
            )
            pause(chance, 1.2)
            missed += not stage.kill(victim)
            pause(chance, 0.3)
            if victim != "hands":
                stage.start(victim)
            ended = stage.ended(name)
            verdict = ended.get("evidence", {}).get("verdict")
            orders[name] = verdict == "fixed"
            # An effect is never claimed that did not happen.
            assert not orders[name] or not is_burning(pid), (name, "said fixed, but it burns")
    wait_until(stage.is_drained, "the agent has told everything")
    compare(stage, orders, pleas)
    print(f"{rounds - missed} killed, {missed} came too late; {sum(orders.values())} of {len(orders)} fixed")


def compare(stage: Stage, orders: dict[str, bool], pleas: list[str]) -> None:
    """Hold the agent's own files against the collector's store."""
    with sqlite3.connect(f"file:{stage.collector / 'store.sqlite'}?mode=ro", uri=True) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        items = store.execute("SELECT id, kind, body FROM items").fetchall()
        attached = dict(store.execute("SELECT name, content FROM attachments").fetchall())
        evidence_entries = store.execute(
            "SELECT attachment FROM entries WHERE kind = 'evidence' AND attachment <> ''"
        ).fetchall()
        plea_entries = store.execute("SELECT text_en FROM entries WHERE kind = 'plea'").fetchall()
    said = Counter(json.loads(body)["words"] for _, kind, body in items if kind == "plea")
    for words in pleas:
        assert said[words] >= 1, f"{words} was taken, and lost"
        written = sum(words in text for (text,) in plea_entries)
        assert written == said[words], f"{words} came {said[words]} times and is written {written} times"
    assert Counter(evidence_entries) == Counter((f"evidence-{name}.json",) for name in orders)
    for name in orders:
        generated = (stage.agent / "hands" / "runs" / name / "evidence.json").read_bytes()
        assert digest(attached[f"evidence-{name}.json"]) == digest(generated), f"{name} was changed on its way"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class burning:  # noqa: N801 - read as a sentence where it is used
    """A process of ours that burns a core while the block lasts."""

    def __enter__(self) -> int:
        self._process = subprocess.Popen([sys.executable, "-c", BURN])
        return self._process.pid

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()


def place_of(pid: int) -> dict[str, str]:
    """Return what names a process for ever: its number, name and start."""
    line = Path(f"/proc/{pid}/stat").read_text()
    name, _, rest = line.partition("(")[2].rpartition(")")
    return {"pid": str(pid), "program": name, "started": rest.split()[19]}


def is_burning(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False

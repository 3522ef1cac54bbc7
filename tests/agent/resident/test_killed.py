"""The ledger: whatever moment the resident is killed at, what was promised arrives, once by its id."""

import json
import os
import random
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.fakes.collector import Behaviour, Collector

PLEA = {"at": "2026-11-22T10:00:00Z", "complaint": "", "words": "help", "report": {}}


def knock(state: Path) -> str | None:
    """Hand in a plea and return its id once it is said to be saved; ``None`` when nobody got so far."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as visitor:
        visitor.settimeout(20)
        visitor.connect(str(state / "door.sock"))
        visitor.sendall(json.dumps({"plea": PLEA}).encode() + b"\n")
        with visitor.makefile("rb") as answers:
            said = answers.readline()
        return str(json.loads(said)["saved"]) if said.endswith(b"\n") else None
    return None


class World(NamedTuple):
    """Where it happens."""

    collector: Collector
    start: Callable[..., Any]
    make: Callable[..., dict[str, Any]]
    state: Path


@pytest.fixture
def world(
    collector: Collector, start: Callable[..., Any], an_order: Callable[..., dict[str, Any]], state: Path
) -> World:
    return World(collector, start, an_order, state)


def live_and_die(seed: int, rounds: int, world: World) -> None:
    collector, start, make, state = world
    chance = random.Random(seed)  # noqa: S311 - a seed that can be printed and tried again is what we want
    saved: set[str] = set()
    ordered: set[str] = set()
    for turn in range(rounds):
        if chance.random() < 0.3:
            collector.script = [chance.choice([Behaviour(status=500), Behaviour(status=200, body=b"{")])]
        collector.give(make(f"o-{turn}"))
        ordered.add(f"o-{turn}")
        seen = len(collector.asked)
        living = start(vitals=0.2)
        for _ in range(chance.randint(0, 2)):
            more = chance.randint(0, 3)
            collector.wait_until(lambda known, least=seen + 1 + more: len(known.asked) >= least)  # type: ignore[misc]  # a default binds the loop's value
            plea = knock(state)
            if plea:
                saved.add(plea)
        # At some byte of what it does next, and without a word.
        os.kill(living.process.pid, 9)
        living.process.wait(20)
    collector.script = []
    living = start()
    collector.wait_until(lambda known: {f"evidence-{order}" for order in ordered} <= known.items.keys(), 60)
    collector.wait_until(lambda known: saved <= known.items.keys())
    collector.wait_until(lambda known: not known.asked[-1].message["have"], 60)
    living.stop()
    left = [path for urgency in "01" for path in (state / "spool" / urgency).iterdir()]
    assert left == [], f"seed {seed}"
    assert len(collector.of_kind("evidence")) == len(ordered), f"seed {seed}"
    assert {item["id"] for item in collector.of_kind("plea")} >= saved, f"seed {seed}"
    runs = state / "hands" / "runs"
    assert {path.parent.name for path in runs.glob("*/delivered")} == ordered, f"seed {seed}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_random_moments_it_loses_nothing_it_promised(seed: int, world: World) -> None:
    """Power cuts choose their moment."""
    live_and_die(seed, 5, world)


@pytest.mark.kill
def test_killed_at_random_moments_for_long(world: World) -> None:
    """The same, with a new seed and many more deaths."""
    live_and_die(int.from_bytes(os.urandom(4), "big"), 100, world)

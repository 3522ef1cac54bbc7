"""Strangers at the door, without a network or a process."""

import json
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.resident.door import (
    PLEA_LIMIT_BYTES,
    SPEAK_SECONDS,
    TICKET_SECONDS,
    VISITORS_LIMIT,
    Door,
    ask_status,
    understand,
)
from contract.errors import FeldsherError

PLEA = {"at": "2026-11-22T10:00:00Z", "complaint": "", "words": 'a"b\\ud800"}]}', "report": {}}


class House:
    """A door, whoever was let in, and what was kept."""

    def __init__(self, folder: Path) -> None:
        self.kept: list[bytes] = []
        self.full = False
        self.path = folder / ("long-name-" * 12) / "door.sock"
        self.path.parent.mkdir()
        self.door = Door(self.path, self._keep, lambda: {"running": True})

    def knock(self) -> socket.socket:
        visitor = socket.socket(socket.AF_UNIX)
        visitor.settimeout(5)
        # Relative, for the folder's name is longer than a socket's address may be.
        folder = os.open(self.path.parent, os.O_RDONLY)
        visitor.connect(f"/proc/self/fd/{folder}/door.sock")
        os.close(folder)
        self.door.welcome(0.0)
        return visitor

    def listen(self, now: float = 0.0) -> None:
        for visitor in list(self.door.visitors):
            self.door.listen(visitor, now)

    def _keep(self, content: bytes, _at: datetime) -> str:
        if self.full:
            raise FeldsherError("storage-full", "no room")
        self.kept.append(content)
        return f"plea-{len(self.kept)}"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.door.close()


def answers(visitor: socket.socket) -> list[dict[str, Any]]:
    with visitor, visitor.makefile("rb") as lines:
        return [json.loads(line) for line in lines]


def test_a_plea_is_saved_before_it_is_said_to_be(house: House) -> None:
    """A person was told that it is kept."""
    visitor = house.knock()
    visitor.sendall(json.dumps({"plea": PLEA}).encode() + b"\n")
    house.listen()
    house.door.tell_ticket("plea-1", "7")
    assert answers(visitor) == [{"saved": "plea-1"}, {"ticket": "7"}]
    assert json.loads(house.kept[0]) == PLEA


def test_without_room_nobody_says_saved(house: House) -> None:
    """Then the person keeps the bundle in a file instead."""
    house.full = True
    visitor = house.knock()
    visitor.sendall(json.dumps({"plea": PLEA}).encode() + b"\n")
    house.listen()
    assert answers(visitor) == [{"error": "no room", "slug": "storage-full"}]


def test_with_the_collector_away_the_person_is_told_to_go_on(house: House) -> None:
    """Nobody watches a silent screen."""
    visitor = house.knock()
    visitor.sendall(json.dumps({"plea": PLEA}).encode() + b"\n")
    house.listen(now=1.0)
    house.door.turn(TICKET_SECONDS + 0.9)
    assert house.door.visitors
    house.door.turn(TICKET_SECONDS + 1.0)
    assert answers(visitor) == [{"saved": "plea-1"}, {"waiting": True}]


def test_one_who_stays_silent_is_shown_out(house: House) -> None:
    """Sixteen of them would otherwise shut the door for good."""
    visitor = house.knock()
    house.door.turn(SPEAK_SECONDS)
    assert answers(visitor)[0]["slug"] == "timeout"


def test_the_seventeenth_is_asked_to_come_again(house: House) -> None:
    """Memory is bounded whoever comes."""
    visitors = [house.knock() for _ in range(VISITORS_LIMIT + 1)]
    assert len(house.door.visitors) == VISITORS_LIMIT
    assert answers(visitors[-1])[0]["slug"] == "busy"
    for visitor in visitors:
        visitor.close()


def test_who_leaves_in_the_middle_leaves_nothing_behind(house: House) -> None:
    """Ctrl-C at the customer's terminal."""
    visitor = house.knock()
    visitor.sendall(b'{"plea": ')
    house.listen()
    visitor.close()
    house.listen()
    assert house.door.visitors == []
    assert house.kept == []


def test_what_is_too_long_is_not_taken(house: House) -> None:
    """A program that writes without end."""
    with pytest.raises(FeldsherError, match="too-large"):
        understand(b'"' + b"x" * PLEA_LIMIT_BYTES + b'"')
    assert ask_status(house.path.with_name("nobody")) is None


@given(st.binary(max_size=200))
def test_no_line_of_a_stranger_does_more_than_be_refused(line: bytes) -> None:
    """Whoever can run a program here can knock."""
    try:
        said = understand(line)
    except FeldsherError:
        return
    assert not said.plea


@given(st.dictionaries(st.text(max_size=5), st.recursive(st.none() | st.text(max_size=5), st.lists, max_leaves=5)))
def test_what_is_passed_on_is_json_of_our_own_writing(more: dict[str, Any]) -> None:
    """A stranger's brackets must never stand within our message."""
    said = understand(json.dumps({"plea": more | PLEA}).encode())
    assert json.loads(said.plea) == more | PLEA
    assert said.at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert b"\n" not in said.plea

"""What is posted, what an answer means, and when it is tried again. No network here."""

import json
import zlib
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.resident.spool import Waiting, item_content
from agent.resident.uplink import NotAnAnswer, as_request, backoff_seconds, compose, hear
from contract.exchange import Exchange

ITEM = Waiting("v-1", 2, item_content("v-1", "vitals", "2026-11-22T10:00:00Z", b'{"at":"2026-11-22T10:00:00Z"}'))
ANSWER = {"protocol": 1, "now": "2026-11-22T10:00:00Z"}


@pytest.mark.parametrize("items", [[], [ITEM], [ITEM, ITEM]])
def test_what_the_resident_writes_by_hand_is_an_exchange(items: list[Waiting]) -> None:
    """It never loads the message's definition: this keeps both sides honest."""
    exchange = msgspec.json.decode(compose("i-1", items, ["o-1"], 49.9996), type=Exchange)
    assert [item.id for item in exchange.items] == [item.id for item in items]
    assert (exchange.have, exchange.wait_seconds, exchange.instance) == (["o-1"], 50.0, "i-1")


@pytest.mark.parametrize(("length", "packed"), [(10, False), (1024, False), (1025, True)])
def test_long_bodies_are_packed(length: int, packed: bool) -> None:
    """Two mebibytes over a phone's line."""
    head, _, body = as_request("::1", 8443, b"x" * length).partition(b"\r\n\r\n")
    assert (b"Content-Encoding: deflate" in head) is packed
    assert (zlib.decompress(body) if packed else body) == b"x" * length
    assert f"Content-Length: {len(body)}".encode() in head
    assert b"Host: [::1]:8443" in head


def test_an_answer_of_tomorrow_is_understood() -> None:
    """Collectors are updated first."""
    heard = hear(json.dumps(ANSWER | {"accepted": ["a"], "news": [1], "reconnect_seconds": 7}).encode())
    assert (heard.accepted, heard.reconnect_seconds) == (("a",), 7)
    assert heard.now == datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "changed",
    [
        {"protocol": 2},
        {"protocol": "1"},
        {"now": "yesterday"},
        {"now": "2026-11-22T10:00:00"},
        {"now": None},
        {"accepted": "all"},
        {"accepted": [1]},
        {"refused": [{"id": "a"}]},
        {"refused": [1]},
        {"orders": [None]},
        {"orders": {}},
        {"tickets": []},
        {"reconnect_seconds": "soon"},
    ],
)
def test_an_answer_that_is_not_whole_is_none(changed: dict[str, object]) -> None:
    """An item is only forgotten when the collector plainly said that it has it."""
    with pytest.raises(NotAnAnswer):
        hear(json.dumps(ANSWER | changed).encode())


@given(
    st.binary(max_size=200)
    | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(repr).map(str.encode)
)
def test_nothing_that_could_come_breaks_the_reading(noise: bytes) -> None:
    """One bad answer must not end the agent."""
    with pytest.raises(NotAnAnswer):
        hear(noise)


@pytest.mark.parametrize(("hint", "most"), [(1e12, 3600.0), (-4, 0.0)])
def test_a_hint_beyond_reason_is_bounded(hint: float, most: float) -> None:
    """A wrong number at the collector must not silence a fleet for a year."""
    assert hear(json.dumps(ANSWER | {"reconnect_seconds": hint}).encode()).reconnect_seconds == most


def test_a_hint_that_is_no_number_is_the_usual_one() -> None:
    """JSON of others may hold NaN."""
    assert hear(b'{"protocol":1,"now":"2026-11-22T10:00:00Z","reconnect_seconds":NaN}').reconnect_seconds == 5.0


@given(st.integers(1, 10_000), st.floats(0, 3600), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_never_nothing_and_never_for_ever(failures: int, hint: float, chance: float) -> None:
    """Neither a hammering fleet nor a lost one."""
    wait = backoff_seconds(failures, hint, lambda: chance)
    assert 0.2 <= wait <= max(300.0, hint)


def test_the_window_doubles_and_all_of_it_is_used() -> None:
    """Ten thousand agents must spread over it, not meet at its end."""
    assert [backoff_seconds(failures, 0, lambda: 0.5) for failures in (1, 2, 3, 4, 20)] == [0.5, 1, 2, 4, 150]
    assert backoff_seconds(1, 50, lambda: 0.5) == 25
    assert backoff_seconds(9, 0, lambda: 0.0) == 0.2

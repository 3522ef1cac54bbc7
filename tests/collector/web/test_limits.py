"""What is refused before anything is made of it: too large, too slow, too deep, unpacking to too much."""

import asyncio
import json
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from collector.web.limits import BODY_BYTES, DEPTH, INFLATED_BYTES, check_depth, inflate, limited
from contract.errors import FeldsherError


def depth_of(value: object) -> int:
    """Return how deep *value* is nested, by walking it."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


def is_too_deep(content: bytes) -> bool:
    """Return whether *content* is refused for its depth."""
    try:
        check_depth(content)
    except FeldsherError as error:
        return error.slug == "json-depth"
    return False


SOME_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{}"\\ab'),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[{"\\'), inner, max_size=3),
    max_leaves=20,
)


@given(SOME_JSON, st.integers(0, DEPTH + 3))
def test_depth_is_measured_as_a_walk_would(value: object, more: int) -> None:
    """Brackets inside strings are text; a report about a path called ``[[[`` must get through."""
    for number in range(more):
        value = [value] if number % 2 else {"]": value}
    assert is_too_deep(json.dumps(value).encode()) == (depth_of(value) > DEPTH)


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 1001, b'[{"a":' * 33, b"[" * 33 + b"]" * 33],
)
def test_deep_json_is_refused_at_once(content: bytes) -> None:
    """Nesting costs a sender one byte a level, and a careless reader its whole stack."""
    begun = time.process_time()
    assert is_too_deep(content)
    # Not a measurement: a scan that starts again at each bracket takes minutes.
    assert time.process_time() - begun < 2


def test_unpaired_brackets_are_left_to_the_parser() -> None:
    """It says where they are."""
    for content in (b"]]]]", b"[", b'"[', b'"\\', b""):
        assert not is_too_deep(content)


def test_a_deflated_body_is_unpacked() -> None:
    """Reports are mostly names said a thousand times."""
    assert inflate(zlib.compress(b"{}"), "deflate") == b"{}"
    assert inflate(b"{}", "") == inflate(b"{}", "Identity") == b"{}"


@pytest.mark.parametrize(
    ("body", "coding", "slug"),
    [
        (b"", "gzip", "unsupported-media"),
        (b"", "br", "unsupported-media"),
        (b"", "deflate, deflate", "unsupported-media"),
        (b"", "\x00", "unsupported-media"),
        (b"", "deflate", "bad-request"),
        (b"not deflated", "deflate", "bad-request"),
        (zlib.compress(b"{}")[:-3], "deflate", "bad-request"),
        (zlib.compress(b"{}") + b"x", "deflate", "bad-request"),
        (zlib.compress(b"{}") + zlib.compress(b"{}"), "deflate", "bad-request"),
        (zlib.compress(bytes(INFLATED_BYTES + 1)), "deflate", "archive-limit"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused(body: bytes, coding: str, slug: str) -> None:
    """Sixteen kilobytes that unpack to sixteen megabytes are an attack, not a report."""
    with pytest.raises(FeldsherError) as refusal:
        inflate(body, coding)
    assert refusal.value.slug == slug


@pytest.mark.anyio
async def test_a_body_that_grows_too_large_is_stopped() -> None:
    """A chunked body declares no size; it is counted as it comes."""
    chunk: Message = {"type": "http.request", "body": bytes(1024 * 1024), "more_body": True}

    async def receive() -> Message:
        return chunk

    some = limited(receive)
    for _ in range(BODY_BYTES // len(chunk["body"])):
        await some()
    with pytest.raises(FeldsherError) as refusal:
        await some()
    assert refusal.value.slug == "too-large"


@pytest.mark.anyio
async def test_a_body_that_comes_too_slowly_is_stopped() -> None:
    """Two hundred senders of one byte each must not hold two hundred places."""

    async def receive() -> Message:
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]  # it never comes

    with pytest.raises(FeldsherError) as refusal:
        await limited(receive, seconds=0.02)()
    assert refusal.value.slug == "timeout"


@pytest.mark.anyio
async def test_who_has_said_everything_may_wait() -> None:
    """A parked agent listens for a minute; only its body is hurried."""
    messages: list[Message] = [
        {"type": "http.request", "body": b"{}", "more_body": False},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        if len(messages) == 1:
            await asyncio.sleep(0.05)
        return messages.pop(0)

    some = limited(receive, seconds=0.02)
    assert (await some())["type"] == "http.request"
    assert (await some())["type"] == "http.disconnect"

"""Limits before work: how large, how slow, how deep a message may be. Nothing here knows what it says."""

import re
import zlib
from asyncio import timeout
from time import monotonic

from starlette.requests import Request
from starlette.types import Message, Receive

from contract.errors import FeldsherError

BODY_BYTES = 8 * 1024 * 1024
INFLATED_BYTES = 16 * 1024 * 1024
BODY_SECONDS = 30.0
DEPTH = 32
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_BRACKETS = bytes.maketrans(b"[{]}", b"(())")
_REST = bytes(set(range(256)) - set(b"[]{}"))


def check_declared_size(request: Request) -> None:
    """Refuse a body that says itself that it is too large, before a byte of it is read."""
    declared = request.headers.get("content-length", "0")
    # The parser has let only digits through; more of them than this is no size.
    if len(declared) > len(str(BODY_BYTES)) or int(declared) > BODY_BYTES:
        raise too_large()


def limited(receive: Receive, seconds: float = BODY_SECONDS) -> Receive:
    """Return *receive* that stops a body which is larger than it may be, or takes longer than *seconds* in all."""
    left = BODY_BYTES
    deadline: float | None = monotonic() + seconds

    async def receive_some() -> Message:
        nonlocal left, deadline
        if deadline is None:
            return await receive()
        try:
            async with timeout(max(0.0, deadline - monotonic())):
                message = await receive()
        except TimeoutError:
            raise FeldsherError("timeout", f"the body did not come within {seconds:.0f} s") from None
        left -= len(message.get("body", b""))
        if left < 0:
            raise too_large()
        if not message.get("more_body", False):
            deadline = None
        return message

    return receive_some


def too_large() -> FeldsherError:
    """Return the refusal of a large body."""
    return FeldsherError("too-large", f"a body may have {BODY_BYTES // 1024 // 1024} MiB")


def inflate(body: bytes, coding: str) -> bytes:
    """Return *body* without its content coding, unpacked no further than it may be.

    Raises `FeldsherError` ``unsupported-media``, ``archive-limit`` and ``bad-request``.
    """
    coding = coding.strip().lower()
    if coding in {"", "identity"}:
        return body
    if coding != "deflate":
        raise FeldsherError("unsupported-media", f"the content coding {coding[:40]!r} is not read here, only deflate")
    unpacker = zlib.decompressobj()
    try:
        content = unpacker.decompress(body, INFLATED_BYTES + 1)
    except zlib.error as error:
        raise FeldsherError("bad-request", f"the body is not deflated as it says: {error}") from error
    if len(content) > INFLATED_BYTES:
        raise FeldsherError("archive-limit", f"the body unpacks to more than {INFLATED_BYTES // 1024 // 1024} MiB")
    if not unpacker.eof:
        raise FeldsherError("bad-request", "the deflated body breaks off")
    # What follows was not looked at by anybody; it is refused, never ignored.
    if unpacker.unused_data:
        raise FeldsherError("bad-request", "something follows the deflated body")
    return content


def check_depth(content: bytes) -> None:
    """Refuse JSON that is nested deeper than `DEPTH`, without parsing it."""
    # Strings go first, for the brackets in them; then every bracket pair without anything in it, once for each level.
    brackets = _STRING.sub(b"", content).translate(_BRACKETS, _REST)
    for _ in range(DEPTH):
        shorter = brackets.replace(b"()", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    # Unpaired brackets are the parser's business, but it must not recurse into thousands of them.
    if b"()" in brackets or brackets.count(b"(") > DEPTH:
        raise FeldsherError("json-depth", f"the JSON is nested deeper than {DEPTH}")

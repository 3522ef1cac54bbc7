"""Reads a request's JSON as one of our messages: size, coding, depth, syntax, schema, in that order."""

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from collector.parts import Parts
from collector.web.limits import check_depth, inflate
from contract.errors import FeldsherError

T = TypeVar("T")
JSON = "application/json"
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


async def read(request: Request, kind: type[T]) -> T:
    """Return the request's body as a *kind*; raises `FeldsherError` with the slug of what is wrong."""
    if request.headers.get("content-type", JSON).partition(";")[0].strip().lower() != JSON:
        raise FeldsherError("unsupported-media", f"the content type must be {JSON}")
    try:
        body = await request.body()
    except ClientDisconnect:
        raise FeldsherError("bad-request", "the body breaks off") from None
    content = inflate(body, request.headers.get("content-encoding", ""))
    check_depth(content)
    try:
        message: T = _decoder(kind).decode(content)  # type: ignore[arg-type]  # mypy: a type variable is hashable too
    except msgspec.ValidationError as error:
        raise FeldsherError("schema", str(error)[:500]) from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FeldsherError("json-syntax", str(error)[:500]) from error
    return message


def say(message: object, status: int = 200) -> Response:
    """Answer with *message* as JSON."""
    return Response(msgspec.json.encode(message), status, HEADERS, JSON)


def parts_of(request: Request) -> Parts:
    """Return the collector behind *request*."""
    parts: Parts = request.app.state.parts
    return parts


def source_of(request: Request) -> str:
    """Return the address the request came from: the socket's; what headers claim is not believed."""
    return request.client.host if request.client else ""


@cache
def _decoder(kind: Hashable) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)

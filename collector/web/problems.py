"""Errors over HTTP: RFC 9457 problem documents with our slug; never a stack, a path or a query."""

import logging
from uuid import uuid4

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from contract.errors import KINDS, FeldsherError

MEDIA_TYPE = "application/problem+json"
DETAIL_CHARACTERS = 2000
_SLUGS = {404: "not-found", 405: "bad-request", 413: "too-large"}
_LOG = logging.getLogger("collector.web")


def problem(slug: str, detail: str, *, status: int | None = None, headers: dict[str, str] | None = None) -> Response:
    """Return the problem *slug* as a response; *status* only where HTTP has a truer one than the slug's own."""
    kind = KINDS[slug]
    content = document(slug, detail, status=status)
    return Response(content, status or kind.status, headers, MEDIA_TYPE)


def document(slug: str, detail: str, *, status: int | None = None, request_id: str = "") -> bytes:
    """Return the bytes of the problem document."""
    kind = KINDS[slug]
    words = {
        "type": f"/errors/{slug}",
        "title": kind.meaning,
        "status": status or kind.status,
        "code": slug,
        "detail": detail[:DETAIL_CHARACTERS],
        "request_id": request_id or uuid4().hex,
    }
    return msgspec.json.encode(words)


async def tell(_request: Request, error: Exception) -> Response:
    """Answer an error of ours."""
    # Starlette's signature says Exception; only FeldsherError is registered for this.
    if not isinstance(error, FeldsherError):
        raise error
    detail = "; ".join(part for part in (error.what, error.where, error.remedy) if part)
    # A client that must wait is told how long; 60 s suits a bucket that refills by the minute.
    headers = {"Retry-After": "60"} if error.kind.exit_code == KINDS["rate"].exit_code else None
    return problem(error.slug, detail, headers=headers)


async def tell_http(_request: Request, error: Exception) -> Response:
    """Answer what the router refuses: no such route, or not by this method."""
    if not isinstance(error, HTTPException):
        raise error
    detail = "there is no such address here" if error.status_code == KINDS["not-found"].status else str(error.detail)
    headers = dict(error.headers) if error.headers else None
    return problem(_SLUGS.get(error.status_code, "bad-request"), detail, status=error.status_code, headers=headers)


async def tell_own(request: Request, error: Exception) -> Response:
    """Answer our own mistake with a number; what happened goes to the log alone, under the same number."""
    number = uuid4().hex
    _LOG.error("own-error", exc_info=error, extra={"request_id": number, "route": request.url.path})
    content = document("own-error", f"quote this number when you report it: {number}", request_id=number)
    return Response(content, KINDS["own-error"].status, media_type=MEDIA_TYPE)

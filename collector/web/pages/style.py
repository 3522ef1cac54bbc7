"""The one style sheet."""

from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from collector.web.route import Route

_FILE = Path(__file__).parents[1] / "static" / "style.css"


@cache
def _style() -> bytes:
    return _FILE.read_bytes()


async def show(request: Request) -> Response:  # noqa: ARG001 - an endpoint's signature
    """Hand over the style sheet."""
    headers = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}
    return Response(_style(), 200, headers, "text/css; charset=utf-8")


ROUTES = (Route("/static/style.css", show, ("GET",), "open"),)

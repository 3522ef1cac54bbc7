"""Puts the routes together, and lets through each only whom it is for: deny by default."""

from collections.abc import Awaitable, Callable, Sequence
from typing import get_args

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route as StarletteRoute

from collector.access import who
from collector.parts import Parts
from collector.store.base import User
from collector.web import exchange, interface, pages, problems
from collector.web.exchange import admit_agent
from collector.web.limits import check_declared_size, limited
from collector.web.route import MAY, Endpoint, Role, Route
from contract.errors import FeldsherError

Who = Callable[[Request], Awaitable[User | None]]
SIGN_IN = "/sign-in"
_SAFE = frozenset({"GET", "HEAD"})


def make_app(parts: Parts) -> Starlette:
    """Return the collector's whole web application."""
    return build(parts, (*exchange.ROUTES, *interface.ROUTES, *pages.ROUTES), who)


def build(parts: Parts, routes: Sequence[Route], ask_who: Who) -> Starlette:
    """Return an application of *routes*; raises `ValueError` for one that does not say who may."""
    for route in routes:
        if route.role not in get_args(Role):
            message = f"route {route.path} declares no role"
            raise ValueError(message)
    app = Starlette(
        routes=[
            StarletteRoute(route.path, _guarded(route, ask_who), methods=list(route.methods), name=None)
            for route in routes
        ],
        exception_handlers={
            FeldsherError: problems.tell,
            HTTPException: problems.tell_http,
            Exception: problems.tell_own,
        },
    )
    # A redirect would be built from the client's own Host header.
    app.router.redirect_slashes = False
    app.state.parts = parts
    return app


def _guarded(route: Route, ask_who: Who) -> Endpoint:
    async def answer(request: Request) -> Response:
        check_declared_size(request)
        request = Request(request.scope, limited(request.receive))
        if route.role == "agent":
            request.state.host = await admit_agent(request)
        elif route.role != "open":
            user = await ask_who(request)
            if user is None:
                if route.page and request.method in _SAFE:
                    return RedirectResponse(SIGN_IN, 303)
                raise FeldsherError("not-signed-in", "sign in first")
            if user.role not in MAY[route.role]:
                raise FeldsherError("forbidden", f"this needs the role {route.role}")
            request.state.user = user
        if request.method not in _SAFE:
            _check_origin(request, route)
        return await route.endpoint(request)

    return answer


def _check_origin(request: Request, route: Route) -> None:
    """Refuse what another site makes a person's browser send: a browser always says where a form came from."""
    origin = request.headers.get("origin")
    if origin is None and (not route.page or "authorization" in request.headers):
        return
    if origin != f"https://{request.headers.get('host', '')}":
        raise FeldsherError("forbidden", "this request was made by another site")

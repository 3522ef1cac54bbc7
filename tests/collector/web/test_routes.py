"""Who may do what, cell by cell: the table of roles and routes is data, and so is this test."""

import re
from datetime import timedelta
from hashlib import sha256

import pytest
from starlette.requests import Request
from starlette.responses import Response

from collector.store.base import HOME, Records, User
from collector.web import exchange, interface, pages
from collector.web.app import build
from collector.web.route import MAY, Route
from tests.fakes.desk import Collector, let_in

pytestmark = pytest.mark.anyio
ROUTES = (*exchange.ROUTES, *interface.ROUTES, *pages.ROUTES)
CELLS = [
    (route, method, role)
    for route in ROUTES
    for method in route.methods
    for role in ("", "technician", "administrator")
]


@pytest.fixture
async def desk(collector: Collector) -> Collector:
    """Let in one person of each role."""
    people = [
        User(organisation=HOME, name=role, role=role, password_hash="-") for role in ("technician", "administrator")
    ]
    await let_in(collector, *people)
    return collector


async def test_every_route_lets_in_whom_it_is_for_and_nobody_else(desk: Collector) -> None:
    """One forgotten check is how support tools become break-in tools."""
    for route, method, role in CELLS:
        path = re.sub(r"{[^}]*}", "1", route.path)
        reply = await desk.ask(method, path, b"{}" if method == "POST" else b"", by=role, headers=ORIGIN)
        cell = f"{method} {route.path} as {role or 'a stranger'}: {reply.status} {reply.body[:200]!r}"
        turned_away = reply.status in {401, 403} or (reply.status == 303 and reply.headers["location"] == "/sign-in")
        if route.role == "open" or (route.path == "/v1/session" and method == "POST"):
            continue
        expected = route.role == "agent" or role not in MAY[route.role]
        assert turned_away == expected, cell
        assert reply.status < 500, cell
        if (route.path, method) in {("/v1/session", "DELETE"), ("/sign-out", "POST")} and role:
            # It did what it says: the session is over, and is needed again.
            await desk.parts.store.change(lambda records, role=role: _again(desk, records, role))  # type: ignore[misc]  # mypy: a lambda with a default


ORIGIN = {"origin": "https://desk.test"}


def _again(desk: Collector, records: Records, role: str) -> None:
    token = sha256(desk.tokens[role].encode()).hexdigest()
    records.drop_session(token)
    records.add_session(token, role, desk.clock() + timedelta(days=1))


async def test_a_route_without_a_role_stops_the_start(collector: Collector) -> None:
    """Deny by default: who forgets to say who may, learns it before a customer does."""

    async def show(request: Request) -> Response:
        return Response()

    with pytest.raises(ValueError, match="/secret"):
        build(collector.parts, [Route("/secret", show, ("GET",), "")], None)  # type: ignore[arg-type]  # that is the point

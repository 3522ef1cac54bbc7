"""A route as data: where, what, and who may. A route that does not say who may stops the start."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

Role = Literal["open", "agent", "technician", "administrator"]
Endpoint = Callable[[Request], Awaitable[Response]]

MAY: dict[Role, frozenset[str]] = {
    "technician": frozenset({"technician", "administrator"}),
    "administrator": frozenset({"administrator"}),
}
"""Which people's roles open a route of which role; routes for anyone and for agents ask for no person."""


@dataclass(frozen=True, slots=True)
class Route:
    """*role* is the least that may. A *page* answers a person's browser: it sends strangers to sign in.

    An endpoint finds the collector's `Parts` in ``request.app.state.parts``; the signed-in `User` in
    ``request.state.user``; the agent's `Host` in ``request.state.host``.
    """

    path: str
    endpoint: Endpoint
    methods: tuple[str, ...]
    role: Role
    page: bool = False

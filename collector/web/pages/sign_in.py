"""Signing in and out."""

from starlette.requests import Request
from starlette.responses import Response

from collector import access
from collector.web.pages.frame import page, read_form, turn_to
from collector.web.route import Route
from contract.errors import FeldsherError

PATH = "/sign-in"


async def show_form(request: Request) -> Response:
    """Show the form, or the tickets to a person who is signed in."""
    if await access.who(request):
        return turn_to("/tickets")
    return page(request, "sign_in.html", {"wrong": ""})


async def take_form(request: Request) -> Response:
    """Let a person in, or show the form again with what was wrong."""
    form = await read_form(request)
    try:
        token = await access.sign_in(request, form.get("name", ""), form.get("password", ""))
    except FeldsherError as error:
        if error.slug not in {"not-signed-in", "rate"}:
            raise
        wrong = "sign_in_later" if error.slug == "rate" else "sign_in_refused"
        return page(request, "sign_in.html", {"wrong": wrong}, error.kind.status)
    response = turn_to("/tickets")
    response.set_cookie(
        access.COOKIE,
        token,
        max_age=int(access.SESSION_LIFE.total_seconds()),
        secure=True,
        httponly=True,
        samesite="strict",
    )
    return response


async def leave(request: Request) -> Response:
    """End the session."""
    await read_form(request)
    await access.sign_out(request)
    response = turn_to(PATH)
    response.delete_cookie(access.COOKIE, secure=True, httponly=True, samesite="strict")
    return response


ROUTES = (
    Route(PATH, show_form, ("GET",), "open", page=True),
    Route(PATH, take_form, ("POST",), "open", page=True),
    Route("/sign-out", leave, ("POST",), "technician", page=True),
)

"""The way in from outside: errors become ours, and nobody is trusted but the authority of the context."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from collector.client import Client, Context, read_context
from contract.errors import FeldsherError
from tests.fakes.collector import Authority

AUTHORITY = Authority()
CONTEXT = Context("desk.test:8443", AUTHORITY.pem, "token")


def client(answer: Callable[[httpx2.Request], httpx2.Response]) -> Client:
    """Return a client whose collector is *answer*."""
    return Client(CONTEXT, httpx2.MockTransport(answer))


def saying(status: int, body: Any, kind: str = "application/json") -> Client:
    """Return a client that is always told *body*."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client(lambda _: httpx2.Response(status, content=content, headers={"content-type": kind}))


def refusal(asked: Callable[[], object]) -> FeldsherError:
    """Return the error of *asked*."""
    with pytest.raises(FeldsherError) as told:
        asked()
    return told.value


def test_a_problem_document_becomes_the_same_error_here() -> None:
    """The exit code of the command is the collector's own word."""
    problem = {"code": "forbidden", "title": "…", "status": 403, "detail": "this needs the role administrator"}
    error = refusal(lambda: saying(403, problem, "application/problem+json").code(1, 60))
    assert (error.slug, error.what, error.kind.exit_code) == ("forbidden", "this needs the role administrator", 4)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"<html>a sign-in page", "text/html"),
        (200, [], "application/json"),
        (200, {"something": "else"}, "application/json"),
        (502, b"Bad Gateway", "text/plain"),
        (500, {"code": "no-such-slug"}, "application/problem+json"),
        (302, b"", "text/plain"),
    ],
)
def test_an_answer_of_something_else_is_named_as_such(status: int, body: Any, kind: str) -> None:
    """A proxy's page in between must not end in a traceback."""
    error = refusal(lambda: saying(status, body, kind).hosts())
    assert error.slug == "unexpected-answer"
    assert "desk.test:8443" in error.where


def test_nobody_there_is_unreachable() -> None:
    """The technician learns that it is the network, not their command."""

    def silence(_: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("")

    assert refusal(client(silence).hosts).slug == "unreachable"


def test_the_token_goes_with_every_question_and_names_are_quoted() -> None:
    """A name with a slash must not become another address."""
    seen: list[httpx2.Request] = []

    def note(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={})

    asks = client(note)
    asks.host("a/../b?c")
    asks.order_as_it_is("o-1", 500)
    asks.attachment(3, "re port#1.json")
    assert all(request.headers["authorization"] == "Bearer token" for request in seen)
    assert [request.url.raw_path.decode() for request in seen] == [
        "/v1/hosts/a%2F..%2Fb%3Fc",
        "/v1/orders/o-1?wait=50.000",
        "/v1/tickets/3/attachments/re%20port%231.json",
    ]


HOSTS = {"hosts": [{"id": "h-1", "name": "atlas"}, {"id": "h-2", "name": "Twin"}, {"id": "h-3", "name": "twin"}]}


@pytest.mark.parametrize(("name", "found"), [("h-2", "h-2"), ("atlas", "h-1"), ("ATLAS", "h-1")])
def test_a_host_goes_by_id_or_by_its_own_name(name: str, found: str) -> None:
    """People know names; scripts know ids."""
    assert saying(200, HOSTS).host_named(name) == found


@pytest.mark.parametrize(("name", "slug", "says"), [("twin", "usage", "h-2, h-3"), ("nobody", "not-found", "host ls")])
def test_a_name_that_is_not_one_host_is_not_guessed(name: str, slug: str, says: str) -> None:
    """A repair on the wrong twin is worse than none."""
    error = refusal(lambda: saying(200, HOSTS).host_named(name))
    assert error.slug == slug
    assert says in error.remedy


def test_a_context_knows_the_port_that_was_chosen_at_the_start(tmp_path: Path) -> None:
    """A collector on a free port writes down which; its own commands find it."""
    path = tmp_path / "context.json"
    path.write_text(json.dumps({"address": "localhost:8443", "authority_pem": "-", "token": "t"}))
    assert read_context(path).address == "localhost:8443"
    (tmp_path / "listening.json").write_text('{"address": "0.0.0.0:4711", "pid": 1}')
    assert read_context(path).address == "localhost:4711"
    (tmp_path / "listening.json").write_text('["half writ')
    assert read_context(path).address == "localhost:8443"


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"address": 3}', b"\xff\xfe"])
def test_a_context_that_cannot_be_used_says_where(tmp_path: Path, content: bytes | None) -> None:
    """One line, with the file's name, and what to do."""
    path = tmp_path / "context.json"
    if content is not None:
        path.write_bytes(content)
    error = refusal(lambda: read_context(path))
    assert (error.slug, error.where) == ("config", str(path))


def test_a_context_without_an_authority_trusts_nobody() -> None:
    """Never the system's authorities instead: any of them could then be the collector."""
    assert refusal(lambda: Client(Context("desk.test:1", "", "t"))).slug == "config"

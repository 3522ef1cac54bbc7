"""The technicians' way in from outside: the collector's JSON interface, over TLS that trusts one authority alone."""

import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2
import msgspec
from msgspec import Struct

from contract.errors import KINDS, FeldsherError

ANSWER_BYTES = 64 * 1024 * 1024
CONTEXT_BYTES = 64 * 1024
PATIENCE_SECONDS = 10.0
LONGEST_WAIT_SECONDS = 50.0
_PROBLEM = "application/problem+json"


class Context(Struct, frozen=True):
    """Where the collector is (``host:port``), whom to trust there, and who we are."""

    address: str
    authority_pem: str
    token: str


def read_context(path: Path) -> Context:
    """Return the context kept in *path*; raises `FeldsherError` ``config``.

    A collector that chose its port when it started says which in ``listening.json`` beside its own context.
    """
    try:
        with path.open("rb") as file:
            content = file.read(CONTEXT_BYTES)
        context = msgspec.json.decode(content, type=Context)
    except FileNotFoundError:
        raise FeldsherError(
            "config",
            "this command does not know which collector to ask",
            where=str(path),
            remedy="name the collector's context file with --context or FELDSHER_CONTEXT",
        ) from None
    except (OSError, msgspec.MsgspecError):
        raise FeldsherError("config", "the context file cannot be read", where=str(path)) from None
    try:
        listening = msgspec.json.decode(path.with_name("listening.json").read_bytes())
        host, _, port = str(listening["address"]).rpartition(":")
        # "Everywhere" is no address to call, and no name in a certificate.
        here = "localhost" if host in {"0.0.0.0", "[::]"} else host  # noqa: S104 - compared, never listened on
        return msgspec.structs.replace(context, address=f"{here}:{port}")
    except (OSError, msgspec.MsgspecError, KeyError, TypeError):
        return context


class Client:
    """One conversation with a collector. Every method raises `FeldsherError`: the collector's own, or ``unreachable``.

    *transport* is for tests.
    """

    def __init__(self, context: Context, transport: httpx2.BaseTransport | None = None) -> None:
        self._address = context.address
        self._client = httpx2.Client(
            base_url=f"https://{context.address}",
            verify=_trusting(context.authority_pem),
            headers={"Authorization": f"Bearer {context.token}", "Accept": "application/json"},
            timeout=httpx2.Timeout(PATIENCE_SECONDS, read=LONGEST_WAIT_SECONDS + PATIENCE_SECONDS),
            # Neither proxies nor authorities out of the environment: whom we trust stands in the context alone.
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def hosts(self) -> list[dict[str, Any]]:
        """Return every host."""
        return self._items("/v1/hosts", "hosts")

    def host(self, host: str) -> dict[str, Any]:
        """Return one host with its last report."""
        return self._get(f"/v1/hosts/{quote(host, safe='')}")

    def host_named(self, name: str) -> str:
        """Return the id of the host whose id, or else whose one and only name, is *name*."""
        hosts = self.hosts()
        if any(host["id"] == name for host in hosts):
            return name
        ids = [host["id"] for host in hosts if host["name"].casefold() == name.casefold()]
        if not ids:
            raise FeldsherError("not-found", f"there is no host {name}", remedy="see `feldsher host ls`")
        if len(ids) > 1:
            raise FeldsherError(
                "usage", f"{len(ids)} hosts are called {name}", remedy="name one by id: " + ", ".join(ids)
            )
        return str(ids[0])

    def tickets(self, *, closed: bool = False) -> list[dict[str, Any]]:
        """Return the open tickets, or all."""
        return self._items("/v1/tickets", "tickets", {"closed": "1"} if closed else None)

    def ticket(self, number: int) -> dict[str, Any]:
        """Return one ticket with its story, orders and the names of its attachments."""
        return self._get(f"/v1/tickets/{number}")

    def attachment(self, number: int, name: str) -> bytes:
        """Return one attached document, byte for byte."""
        return self._ask("GET", f"/v1/tickets/{number}/attachments/{quote(name, safe='')}")

    def open_ticket(self, host: str, words: str) -> dict[str, Any]:
        """Open a ticket in the customer's *words*."""
        return self._post("/v1/tickets", {"host": host, "words": words})

    def add_note(self, number: int, text: str) -> dict[str, Any]:
        """Add a colleague's note."""
        return self._post(f"/v1/tickets/{number}/notes", {"text": text})

    def order(self, wish: Mapping[str, Any]) -> dict[str, Any]:
        """Give an order and return it."""
        return self._post("/v1/orders", wish)

    def order_as_it_is(self, order: str, wait_seconds: float = 0.0) -> dict[str, Any]:
        """Return an order, as soon as it has ended or *wait_seconds* have passed."""
        wait = min(wait_seconds, LONGEST_WAIT_SECONDS)
        return self._get(f"/v1/orders/{quote(order, safe='')}", {"wait": f"{wait:.3f}"} if wait > 0 else {})

    def code(self, uses: int, minutes: int) -> dict[str, Any]:
        """Return a new enrolment code."""
        return self._post("/v1/codes", {"uses": uses, "minutes": minutes})

    def _get(self, path: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        return self._object(self._ask("GET", path, params=params))

    def _items(self, path: str, name: str, params: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        items = self._get(path, params).get(name)
        if not isinstance(items, list):
            raise FeldsherError("unexpected-answer", f"the collector's answer has no {name}", where=self._address)
        return items

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._object(self._ask("POST", path, body=body))

    def _object(self, content: bytes) -> dict[str, Any]:
        try:
            answer = json.loads(content or b"{}")
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise FeldsherError("unexpected-answer", "the collector did not answer in JSON", where=self._address)
        return answer

    def _ask(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> bytes:
        try:
            with self._client.stream(method, path, params=params, json=body) as response:
                content = bytearray()
                for piece in response.iter_bytes():
                    content += piece
                    if len(content) > ANSWER_BYTES:
                        raise FeldsherError("unexpected-answer", "the answer has no end", where=self._address)
        except httpx2.ConnectError as error:
            raise self._unreachable(error) from error
        except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError) as error:
            raise FeldsherError(
                "unreachable", "the collector does not answer", where=self._address, remedy="is it running?"
            ) from error
        if not response.is_success:
            raise _told(response, bytes(content), self._address)
        return bytes(content)

    def _unreachable(self, error: Exception) -> FeldsherError:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return FeldsherError(
                    "not-trusted",
                    "whoever answers there is not the collector of this context",
                    where=self._address,
                    remedy="use the context file of that collector, and a name its certificate carries",
                )
            cause = cause.__cause__ or cause.__context__
        return FeldsherError(
            "unreachable", "the collector does not answer", where=self._address, remedy="is it running?"
        )


def _trusting(authority_pem: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(cadata=authority_pem)
    except (ssl.SSLError, ValueError):
        raise FeldsherError("config", "the context holds no certificate of an authority") from None
    return context


def _told(response: httpx2.Response, content: bytes, where: str) -> FeldsherError:
    """Return the error a problem document tells."""
    try:
        problem = json.loads(content)
    except ValueError:
        problem = None
    kind = response.headers.get("content-type", "").partition(";")[0]
    if kind != _PROBLEM or not isinstance(problem, dict) or problem.get("code") not in KINDS:
        return FeldsherError("unexpected-answer", f"the collector answered {response.status_code}", where=where)
    return FeldsherError(str(problem["code"]), str(problem.get("detail") or problem.get("title") or "refused"))

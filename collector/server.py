"""The server: uvicorn with mutual TLS 1.3, agents' certificates in the scope, and limits on a request's head."""

import asyncio
import signal
import socket
import ssl
from asyncio import TimerHandle, Transport
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from collector.web import problems
from contract.errors import KINDS, FeldsherError

HEADERS = 64
HEADER_BYTES = 8 * 1024
URL_BYTES = 8 * 1024
HEAD_SECONDS = 15.0
KEEP_ALIVE_SECONDS = 75
GRACE_SECONDS = 10
BACKLOG = 2048


class _Refuse(Exception):
    """The head of a request is refused, before anything is made of it."""

    def __init__(self, slug: str, detail: str) -> None:
        super().__init__(detail)
        self.slug = slug
        self.detail = detail


class Protocol(HttpToolsProtocol):
    """One connection. It leans on uvicorn's own names, so uvicorn is pinned and a test holds each of them."""

    head_seconds = HEAD_SECONDS
    _head_timer: TimerHandle | None = None
    _head_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]  # uvicorn's own signature
        """Put the certificate the other end proved to hold where the application finds it."""
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True) if tls else None
        self.app_state = {**self.app_state, "client_cert": der}
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go."""
        self._stop_awaiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what it or we refuse is answered in our words, and ends the connection."""
        self._unset_keepalive_if_required()
        if self._head_timer is None and self._is_between_requests():
            self._await_head()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if not isinstance(cause, _Refuse):
                raise
            self._refuse(cause.slug, cause.detail)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse("bad-request", KINDS["bad-request"].meaning)

    def on_message_begin(self) -> None:
        """Begin to count."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the address, up to a limit."""
        super().on_url(url)
        if len(self.url) > URL_BYTES:
            raise _Refuse("headers-too-large", f"an address may have {URL_BYTES} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header, up to their limits."""
        if len(self.headers) >= HEADERS:
            raise _Refuse("headers-too-large", f"there may be {HEADERS} headers")
        if len(name) + len(value) > HEADER_BYTES:
            raise _Refuse("headers-too-large", f"a header may have {HEADER_BYTES} bytes")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check what a message must have once, and hand over."""
        self._stop_awaiting()
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise _Refuse("bad-request", "a request names its host once")
        lengths = [value for name, value in self.headers if name == b"content-length"]
        if len(lengths) > 1 or not all(length.isdigit() for length in lengths):
            raise _Refuse("bad-request", "a request has one length")
        super().on_headers_complete()

    def shutdown(self) -> None:
        """End: what is being answered is answered first."""
        self._stop_awaiting()
        super().shutdown()

    def _is_between_requests(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _await_head(self) -> None:
        # uvicorn waits for the head of a request for ever; a silent connection costs as much as a busy one.
        self._stop_awaiting()
        self._head_timer = self.loop.call_later(self.head_seconds, self._head_is_late)

    def _stop_awaiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        self._refuse("timeout", f"the head of the request did not come within {self.head_seconds:.0f} s")

    def _refuse(self, slug: str, detail: str) -> None:
        self._stop_awaiting()
        if self.transport.is_closing():
            return
        # In the middle of another answer there is no place for this one.
        if self._is_between_requests():
            self.transport.write(_as_bytes(slug, detail))
        self.transport.close()


class Server(uvicorn.Server):
    """A server that says when it listens, and wakes the parked when it ends."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None], on_ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening
        self._on_ending = on_ending

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End when asked to. uvicorn's own would raise the signal again, and kill us before the store is closed."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for one in signals:
            loop.add_signal_handler(one, self.handle_exit, one, None)
        try:
            yield
        finally:
            for one in signals:
                loop.remove_signal_handler(one)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._on_listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End: nobody parked may hold us up."""
        self._on_ending()
        await super().shutdown(sockets)


def configure(app: ASGIApp, folder: Path, authority: Path, protocol: type[Protocol] = Protocol) -> uvicorn.Config:
    """Return how to serve *app*: *folder* has the server's key and certificate, *authority* vouches for agents."""
    return uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", protocol),
        ws="none",
        loop="uvloop",
        lifespan="off",
        interface="asgi3",
        # What a stranger writes into a header is not where they come from.
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        backlog=BACKLOG,
        ssl_context_factory=lambda _config, _default: tls(folder, authority),
    )


def tls(folder: Path, authority: Path) -> ssl.SSLContext:
    """Return TLS 1.3 that asks for a certificate of ours and lets people come without one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_OPTIONAL
    # Tickets would let a connection resume without showing its certificate again.
    context.num_tickets = 0
    try:
        context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
        context.load_verify_locations(authority)
    except OSError as error:
        raise FeldsherError("state-damaged", "the server's key cannot be read", where=str(folder)) from error
    return context


def listen_on(address: str) -> socket.socket:
    """Return a socket listening on ``host:port``; ``port-in-use`` and ``usage`` say why not."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - the last port there is
        raise FeldsherError("usage", f"{address!r} is not host:port", remedy="for example 127.0.0.1:8443")
    try:
        return socket.create_server(
            (host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG
        )
    except socket.gaierror as error:
        raise FeldsherError("usage", f"there is no address {host!r} on this machine", where=address) from error
    except OSError as error:
        raise FeldsherError(
            "port-in-use", error.strerror or "the port cannot be used", where=address, remedy="choose another: --listen"
        ) from error


def name_of(listening: socket.socket) -> str:
    """Return the ``host:port`` a socket listens on."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _as_bytes(slug: str, detail: str) -> bytes:
    body = problems.document(slug, detail)
    status = KINDS[slug].status
    head = (
        f"HTTP/1.1 {status} {slug}\r\ncontent-type: {problems.MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body

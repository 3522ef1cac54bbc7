"""One TLS connection to the collector, carrying one request at a time. It never waits: the loop calls `turn`."""

import errno
import os
import socket
import ssl
from selectors import EVENT_READ, EVENT_WRITE

from agent.resident.reply import NotHttp, Reply, ReplyReader

_UNDER_WAY = (errno.EINPROGRESS, errno.EWOULDBLOCK)


class LineBroke(Exception):
    """The connection is of no use any more. *unheard* when the other end closed it before a single byte of a reply."""

    def __init__(self, slug: str, detail: str, *, unheard: bool = False) -> None:
        self.slug = slug
        self.detail = detail
        self.unheard = unheard
        super().__init__(f"{slug}: {detail}")


class Line:
    """A connection being made, or made. *wants* is what the loop must wait for on it."""

    def __init__(self, address: tuple[str, int], name: str, context: ssl.SSLContext) -> None:
        self.address = address
        self.wants = EVENT_WRITE
        self.is_secure = False
        self.has_sent = False
        """Whether the request is out whole."""
        self._name = name
        self._context = context
        self._unsent = memoryview(b"")
        self._reader = ReplyReader()
        self._socket: socket.socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self._secure: ssl.SSLSocket | None = None
        self._socket.settimeout(0)
        # Without this, a request of two segments would wait for the other end's delayed acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self._socket.connect_ex(address)
        if code and code not in _UNDER_WAY:
            self.close()
            raise LineBroke("unreachable", os.strerror(code))

    def fileno(self) -> int:
        """Return what the loop waits on."""
        return (self._secure or self._socket).fileno()

    def ask(self, request: bytes) -> None:
        """Have *request* sent; the reply comes from a later `turn`."""
        self._unsent = memoryview(request)
        self._reader = ReplyReader()
        self.has_sent = False
        self.wants = EVENT_READ | EVENT_WRITE

    def turn(self) -> Reply | None:
        """Do what can be done now; return the reply once it is whole. Raises `LineBroke`."""
        try:
            if self._secure is None:
                self._connected()
            return self._converse()
        except ssl.SSLWantReadError:
            self.wants = EVENT_READ
        except ssl.SSLWantWriteError:
            self.wants = EVENT_READ | EVENT_WRITE
        except ssl.SSLCertVerificationError as error:
            raise LineBroke(
                "not-trusted", f"the collector could not prove who it is: {error.verify_message}"
            ) from error
        except NotHttp as error:
            raise LineBroke("unexpected-answer", str(error)) from error
        except OSError as error:
            unheard = not self._reader.has_begun
            raise LineBroke("unreachable", error.strerror or str(error), unheard=unheard) from error
        return None

    def close(self) -> None:
        """Let go at once, without a farewell that could wait."""
        (self._secure or self._socket).close()

    def _connected(self) -> None:
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
        self._secure = self._context.wrap_socket(
            self._socket, server_hostname=self._name, do_handshake_on_connect=False
        )

    def _converse(self) -> Reply | None:
        assert self._secure is not None  # noqa: S101 - for the type checker: turn has just made it
        if not self.is_secure:
            self._secure.do_handshake()
            self.is_secure = True
        while self._unsent:
            self._unsent = self._unsent[self._secure.send(self._unsent) :]
        self.has_sent = True
        while True:
            more = self._secure.recv(65536)
            reply = self._reader.feed(more) if more else self._reader.end()
            if reply is not None:
                return reply
            if not more:
                unheard = not self._reader.has_begun
                raise LineBroke("unreachable", "the collector closed the connection", unheard=unheard)


def look_up(name: str, port: int) -> list[tuple[str, int]]:
    """Return the addresses of *name*; raises `LineBroke`. This one call may wait, for the system's own resolver."""
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise LineBroke("unreachable", f"the name {name} is not known: {error}") from error
    return [(str(address[0]), int(address[1])) for *_, address in found]

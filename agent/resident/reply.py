"""Reads one HTTP/1.1 reply from bytes as they come. Pure.

Written out rather than taken from http.client, which reads by waiting: the resident has one loop, and a collector
that drips one byte a second must not keep a customer at the door. It also saves the 1.4 MiB of the email package.
"""

import re
import zlib
from typing import NamedTuple

HEAD_LIMIT_BYTES = 32 * 1024
BODY_LIMIT_BYTES = 8 * 1024 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [^\r\n]*)?")
_LENGTH = re.compile(r"[0-9]{1,10}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_NO_CONTENT, _NOT_MODIFIED, _SWITCHING, _OK = 204, 304, 101, 200


class NotHttp(Exception):
    """The other end says something else than HTTP as we speak it; the text says what."""


class Reply(NamedTuple):
    """One whole reply. Header names are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def stays_open(self) -> bool:
        """Whether the connection can carry another request."""
        return self.headers.get("connection", "").lower() != "close" and "content-length" in self.headers


class ReplyReader:
    """Takes bytes, gives the reply once it is whole."""

    def __init__(self) -> None:
        self._seen = bytearray()
        self.has_begun = False

    def feed(self, more: bytes) -> Reply | None:
        """Take *more* and return the reply when it is whole. Raises `NotHttp`."""
        self.has_begun = self.has_begun or bool(more)
        self._seen += more
        return self._reply(ended=False)

    def end(self) -> Reply | None:
        """Return the reply that ends with the connection, if it does; ``None`` when it was cut short."""
        return self._reply(ended=True) if self._seen else None

    def _reply(self, *, ended: bool) -> Reply | None:
        while True:
            end = self._seen.find(b"\r\n\r\n")
            if end < 0:
                if len(self._seen) > HEAD_LIMIT_BYTES:
                    raise NotHttp("the headers are too long")
                if not b"HTTP/1.".startswith(self._seen[:7]) and not self._seen.startswith(b"HTTP/1."):
                    raise NotHttp("it does not begin as HTTP does")
                return None
            status, headers = _head(bytes(self._seen[:end]))
            if _SWITCHING < status < _OK or status == _SWITCHING - 1:
                # 100 Continue and its like come before the real one.
                del self._seen[: end + 4]
                continue
            body = self._body(end + 4, status, headers, ended=ended)
            return None if body is None else Reply(status, headers, _unpacked(body, headers))

    def _body(self, start: int, status: int, headers: dict[str, str], *, ended: bool) -> bytes | None:
        if status in (_NO_CONTENT, _NOT_MODIFIED):
            return b""
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return _chunks(self._seen, start)
        length = headers.get("content-length")
        if length is None:
            if len(self._seen) - start > BODY_LIMIT_BYTES:
                raise NotHttp("the reply is too large")
            return bytes(self._seen[start:]) if ended else None
        if not _LENGTH.fullmatch(length):
            raise NotHttp("the length is no number")
        if int(length) > BODY_LIMIT_BYTES:
            raise NotHttp("the reply is too large")
        if len(self._seen) - start < int(length):
            return None
        return bytes(self._seen[start : start + int(length)])


def _head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if not status:
        raise NotHttp("it does not begin as HTTP does")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or name != name.strip():
            raise NotHttp("a header is malformed")
        name = name.lower()
        if name == "content-length" and name in headers and headers[name] != value.strip():
            raise NotHttp("two lengths")
        headers[name] = value.strip()
    return int(status[1]), headers


def _chunks(seen: bytearray, at: int) -> bytes | None:
    body = bytearray()
    while True:
        size = _CHUNK.match(seen, at)
        if not size:
            if seen.find(b"\r\n", at) >= 0:
                raise NotHttp("a chunk has no size")
            return None
        at, length = size.end(), int(size[1], 16)
        if not length:
            # Trailers, if any, say nothing to us.
            return bytes(body) if seen.find(b"\r\n", at) >= 0 else None
        if len(body) + length > BODY_LIMIT_BYTES:
            raise NotHttp("the reply is too large")
        if len(seen) < at + length + 2:
            return None
        body += seen[at : at + length]
        at += length + 2


def _unpacked(body: bytes, headers: dict[str, str]) -> bytes:
    coding = headers.get("content-encoding", "identity").lower()
    if coding == "identity":
        return body
    if coding != "deflate":
        raise NotHttp(f"the coding {coding[:20]!r} was not asked for")
    unpacker = zlib.decompressobj()
    try:
        whole = unpacker.decompress(body, BODY_LIMIT_BYTES)
    except zlib.error as error:
        raise NotHttp("the body does not unpack") from error
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise NotHttp("the body unpacks to too much, or is cut")
    return whole

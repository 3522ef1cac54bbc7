"""Reading HTTP replies as they come."""

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.resident.reply import BODY_LIMIT_BYTES, HEAD_LIMIT_BYTES, NotHttp, Reply, ReplyReader

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Odd:  a b \r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n3\r\n!!!\r\n0\r\nT: 1\r\n\r\n"
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN
PACKED = zlib.compress(b"hello")


@given(st.sampled_from([PLAIN, CHUNKED, CONTINUED]), st.lists(st.integers(1, 40), max_size=60))
def test_however_it_is_cut_it_reads_the_same(whole: bytes, cuts: list[int]) -> None:
    """Networks cut where they like."""
    reader, reply, at = ReplyReader(), None, 0
    for cut in [*cuts, len(whole)]:
        if reply is None and at < len(whole):
            reply = reader.feed(whole[at : at + cut])
            at += cut
    assert reply is not None
    assert reply.status == 200
    assert reply.body == (b"hello!!!" if whole is CHUNKED else b"hello")


@given(st.binary(max_size=300))
def test_no_bytes_of_a_stranger_do_more_than_be_refused(noise: bytes) -> None:
    """A captive portal, or something worse, answers instead of the collector."""
    for start in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        try:
            reply = ReplyReader().feed(start + noise)
        except NotHttp:
            continue
        assert reply is None or isinstance(reply, Reply)


@pytest.mark.parametrize(
    "wrong",
    [
        b"220 mail.example ESMTP\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (BODY_LIMIT_BYTES + 1),
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 3\r\n\r\nxyz",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD_LIMIT_BYTES,
    ],
)
def test_what_is_not_http_as_we_speak_it_is_refused(wrong: bytes) -> None:
    """Guessing where a message ends is how messages are smuggled."""
    with pytest.raises(NotHttp):
        ReplyReader().feed(wrong)


def test_a_packed_body_is_unpacked_and_a_bomb_is_not() -> None:
    """Eight mebibytes are the most an answer may come to."""
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: %d\r\n\r\n"
    reply = ReplyReader().feed(head % len(PACKED) + PACKED)
    assert reply
    assert reply.body == b"hello"
    bomb = zlib.compress(b"\0" * (BODY_LIMIT_BYTES + 1))
    with pytest.raises(NotHttp):
        ReplyReader().feed(head % len(bomb) + bomb)


def test_a_reply_without_a_length_ends_with_the_connection() -> None:
    """Old proxies still do that."""
    reader = ReplyReader()
    assert reader.feed(b"HTTP/1.0 200 OK\r\n\r\nhel") is None
    assert reader.feed(b"lo") is None
    reply = reader.end()
    assert reply
    assert reply.body == b"hello"
    assert not reply.stays_open


def test_a_reply_that_was_cut_short_is_none() -> None:
    """Half an answer must never pass for a whole one."""
    reader = ReplyReader()
    assert reader.feed(PLAIN[:-1]) is None
    assert reader.end() is None

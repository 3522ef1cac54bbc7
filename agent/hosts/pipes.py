"""Keeping a running command company: it is fed, its output is always drained, and its end is noticed at once.

Standard library only: the resident uses it.
"""

import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

# A daemon may hold on to the pipe after the command has ended; what is in it by then is all we wait for.
LINGER_SECONDS = 0.5
_CHUNK_BYTES = 64 * 1024
# On a kernel before 5.3 nothing wakes us when the command ends, so we look this often.
_LOOK_SECONDS = 0.05


def attend(child: subprocess.Popen[bytes], stdin: bytes, out: "Kept", err: "Kept", deadline: float) -> bool:
    """Feed and drain *child* until it has ended; return whether it did before *deadline* (of `time.monotonic`)."""
    rest = memoryview(stdin)
    with selectors.DefaultSelector() as selector, _watched(selector, child.pid) as is_watched:
        for pipe, kept in ((child.stdout, out), (child.stderr, err)):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ, kept)
        if child.stdin is not None:
            os.set_blocking(child.stdin.fileno(), False)
            selector.register(child.stdin, selectors.EVENT_WRITE, child.stdin)
        while child.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            for key, _ in selector.select(left if is_watched else min(left, _LOOK_SECONDS)):
                if isinstance(key.data, Kept):
                    _drain(selector, key, key.data)
                elif key.data is not None:
                    rest = _feed(selector, key.data, rest)
        _drain_the_last(selector, min(deadline, time.monotonic() + LINGER_SECONDS))
    return True


def close(pipe: IO[bytes] | None) -> None:
    """Let go of a pipe, whether or not anybody listens."""
    if pipe is not None:
        try:
            pipe.close()
        except BrokenPipeError:
            return


class Kept:
    """Both ends of an output, and how much was between."""

    def __init__(self, keep_bytes: int) -> None:
        self._keep_bytes = keep_bytes
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped_bytes = 0

    def add(self, chunk: bytes) -> None:
        """Take the next piece."""
        room = max(0, self._keep_bytes - len(self._head))
        self._head += chunk[:room]
        self._tail += chunk[room:]
        # Not at every piece: moving the tail each time would cost more than reading it.
        if len(self._tail) > 2 * self._keep_bytes + _CHUNK_BYTES:
            self._trim()

    @property
    def cut_bytes(self) -> int:
        """How many bytes are missing between the two ends."""
        self._trim()
        return self._dropped_bytes

    def whole(self) -> bytes:
        """Return the output; where something is cut, a line says how much."""
        if not self.cut_bytes:
            return bytes(self._head + self._tail)
        return bytes(self._head) + b"\n[... %d bytes cut ...]\n" % self._dropped_bytes + bytes(self._tail)

    def last_words(self) -> str:
        """Return the end of the output in one short line."""
        end = bytes((self._tail or self._head)[-1000:]).decode(errors="backslashreplace")
        return " ".join(end.split())[-200:]

    def _trim(self) -> None:
        over = len(self._tail) - self._keep_bytes
        if over > 0:
            del self._tail[:over]
            self._dropped_bytes += over


@contextmanager
def _watched(selector: selectors.BaseSelector, pid: int) -> Iterator[bool]:
    """Have *selector* wake up when *pid* ends; say whether it can."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # a kernel before 5.3, or one that does not let us
        yield False
        return
    try:
        selector.register(descriptor, selectors.EVENT_READ)
        yield True
    finally:
        os.close(descriptor)


def _feed(selector: selectors.BaseSelector, pipe: IO[bytes], rest: memoryview) -> memoryview:
    try:
        rest = rest[os.write(pipe.fileno(), rest[:_CHUNK_BYTES]) :]
    except BlockingIOError:
        return rest
    except BrokenPipeError:  # it does not want to hear the rest
        rest = rest[:0]
    if not rest:
        selector.unregister(pipe)
        close(pipe)
    return rest


def _drain(selector: selectors.BaseSelector, key: selectors.SelectorKey, kept: Kept) -> None:
    try:
        chunk = os.read(key.fd, _CHUNK_BYTES)
    except BlockingIOError:
        return
    if chunk:
        kept.add(chunk)
    else:
        selector.unregister(key.fileobj)


def _drain_the_last(selector: selectors.BaseSelector, until: float) -> None:
    for key in list(selector.get_map().values()):
        if not isinstance(key.data, Kept):
            selector.unregister(key.fileobj)
    while selector.get_map() and (left := until - time.monotonic()) > 0:
        for key, _ in selector.select(left):
            _drain(selector, key, key.data)

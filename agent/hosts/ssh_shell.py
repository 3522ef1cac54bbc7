"""One remote ``sh``, kept open: it is asked, and its answer is told apart from all else that comes down the line."""

import os
import secrets
import select
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import paramiko

from agent.hosts import ssh_words
from agent.hosts.base import KEEP_BYTES, Ran, Unreachable
from agent.hosts.pipes import Kept

OPENING = timedelta(seconds=20)
QUICK = timedelta(seconds=10)
"""How long a question about files may take; a file server that has died would take for ever."""
# A daemon may hold on to the output after the command has ended; what came by then is all we wait for.
LINGER_SECONDS = 0.5
_CHUNK_BYTES = 256 * 1024
_MOST_LINGER_SECONDS = 2.0
_LONGEST_CODE = 8
_WHOLE = 1 << 62


class Overdue(Exception):
    """The time was up before the answer was whole. *last_words* is the end of what came."""

    def __init__(self, last_words: str = "") -> None:
        self.last_words = last_words
        super().__init__(last_words)


class NoShell(Exception):
    """The account has no shell for us; its last words say why."""


class Answer:
    """What came back: the exit code, and both streams."""

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out
        self.err = err


class Shell:
    """A shell at the other end of one channel. One question at a time: whoever holds it asks."""

    def __init__(self, transport: paramiko.Transport, *, sudo: bool) -> None:
        self.mark = secrets.token_hex(8) + "-sh"
        self.is_fit = True
        self.can: frozenset[str] = frozenset()
        self._channel = transport.open_session(timeout=OPENING.total_seconds())
        try:
            self._channel.settimeout(OPENING.total_seconds())
            self._channel.exec_command(ssh_words.first_words(self.mark, sudo=sudo))
            self._readable = self._channel.fileno()
            self._greet()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let it go; it ends by itself when its input does."""
        self.is_fit = False
        self._channel.close()

    def ask(self, function: str, *words: str, within: timedelta = QUICK) -> Answer:
        """Call one of the words it has learnt."""
        return self._answer(ssh_words.called(function, *words), within)

    def feed(self, function: str, *words: str, content: bytes, within: timedelta) -> Answer:
        """Call one of the words it has learnt, with *content* as its input."""
        call = ssh_words.fed(ssh_words.called(function, *words), content, secrets.token_hex(16))
        return self._answer(call, within)

    def find(self, command: str, environment: Mapping[str, str], within: timedelta) -> str:
        """Return the path of *command*; ``//no`` where there is none, ``//off`` where it may not be run."""
        return os.fsdecode(self._answer(ssh_words.found(command, environment), within).out)

    def run(  # noqa: PLR0913 - each is one way a command differs
        self,
        argv: Sequence[str],
        environment: Mapping[str, str],
        stdin: bytes,
        *,
        mark: str,
        within: timedelta,
        on_overdue: Callable[[], None],
    ) -> Ran:
        """Run a command. When its time is up, *on_overdue* ends it, and `Overdue` comes once that is done."""
        begun = time.monotonic()
        token = secrets.token_hex(16)
        body = ssh_words.run(
            argv, environment, stdin, mark=mark, token=token, limit_seconds=within.total_seconds(), can=self.can
        )
        out, err = _Stream(token), _Stream(token)
        deadline = begun + within.total_seconds()
        self._say(ssh_words.asked(body, token), deadline)
        if not self._listen(out, err, deadline):
            on_overdue()
            # Killed, all of it lets go of the line within a moment; if not, the line is of no more use.
            self._listen(out, err, time.monotonic() + LINGER_SECONDS)
            self._settle(out, err)
            raise Overdue(err.last_words() or out.last_words())
        self._settle(out, err)
        took = timedelta(seconds=time.monotonic() - begun)
        return Ran(err.code, out.kept.whole(), err.kept.whole(), took, out.kept.cut_bytes + err.kept.cut_bytes)

    def _answer(self, body: str, within: timedelta) -> Answer:
        token = secrets.token_hex(16)
        deadline = time.monotonic() + within.total_seconds()
        out, err = _Stream(token, _WHOLE), _Stream(token)
        try:
            self._say(ssh_words.asked(body, token), deadline)
            while not (out.is_whole and err.is_whole):
                self._hear(out, err, deadline)
        except Overdue:
            self.is_fit = False
            raise
        return Answer(out.code, out.kept.whole(), err.kept.whole())

    def _listen(self, out: "_Stream", err: "_Stream", deadline: float) -> bool:
        """Listen until the command has ended, and then for what is still on its way; return whether it did end."""
        try:
            while not (out.is_whole and err.is_whole):
                until = deadline
                if err.ended_at is not None:
                    heard = max(err.ended_at, out.heard_at, err.heard_at)
                    until = min(heard + LINGER_SECONDS, err.ended_at + _MOST_LINGER_SECONDS)
                self._hear(out, err, until)
        except Overdue:
            return err.ended_at is not None
        return True

    def _settle(self, out: "_Stream", err: "_Stream") -> None:
        if not (out.is_whole and err.is_whole):
            # Somebody still holds on to the output: with our end closed, nobody will hear them.
            self.close()
            out.flush()
            err.flush()

    def _greet(self) -> None:
        token = secrets.token_hex(16)
        deadline = time.monotonic() + OPENING.total_seconds()
        out, err = _Stream(token), _Stream(token)
        try:
            self._say(ssh_words.PRELUDE + ssh_words.asked("f_can", token), deadline)
            while not (out.is_whole and err.is_whole):
                self._hear(out, err, deadline)
        except (Unreachable, Overdue) as error:
            out.flush()
            err.flush()
            raise NoShell(err.last_words() or out.last_words()) from error
        self.can = frozenset(out.kept.whole().decode(errors="replace").split())

    def _say(self, request: str, deadline: float) -> None:
        try:
            self._channel.settimeout(max(0.001, deadline - time.monotonic()))
            self._channel.sendall(os.fsencode(request))
        except TimeoutError as error:
            self.close()
            raise Overdue from error
        except (OSError, paramiko.SSHException, EOFError) as error:
            self.close()
            raise Unreachable("ssh", "the connection was lost") from error

    def _hear(self, out: "_Stream", err: "_Stream", deadline: float) -> None:
        channel = self._channel
        if time.monotonic() > deadline:
            raise Overdue
        while not (channel.recv_ready() or channel.recv_stderr_ready()):
            if channel.closed or channel.eof_received:
                self.close()
                raise Unreachable("ssh", "the connection was lost")
            left = deadline - time.monotonic()
            if left <= 0:
                raise Overdue
            poll = select.poll()
            poll.register(self._readable, select.POLLIN)
            poll.poll(min(left, 1.0) * 1000)
        if channel.recv_ready():
            out.add(channel.recv(_CHUNK_BYTES))
        if channel.recv_stderr_ready():
            err.add(channel.recv_stderr(_CHUNK_BYTES))


class _Stream:
    """One stream of an answer, from token to token. On that of errors, within it, stands how a command ended."""

    def __init__(self, token: str, keep_bytes: int = KEEP_BYTES) -> None:
        self.kept = Kept(keep_bytes)
        self.noise = Kept(KEEP_BYTES)
        self.is_whole = False
        self.code = -1
        self.ended_at: float | None = None
        self.heard_at = 0.0
        self._begin = f"{token}<\n".encode()
        self._inner = f"\n{token}:".encode()
        self._end = f"\n{token}".encode()
        self._has_begun = False
        self._held = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take the next piece; what could be the beginning of a token is held back."""
        if self.is_whole:
            return
        self.heard_at = time.monotonic()
        self._held += chunk
        if not self._has_begun:
            self._has_begun = self._drop_noise()
        if self._has_begun:
            if self.ended_at is None:
                self._cut_inner()
            self.is_whole = self._cut_end()
            if not self.is_whole:
                self._pass_on(self.kept)

    def flush(self) -> None:
        """Nothing more will come: what was held back is part of it."""
        self.kept.add(bytes(self._held))
        self._held.clear()

    def last_words(self) -> str:
        """Return the end of what came, also when no answer ever began."""
        return self.kept.last_words() or self.noise.last_words()

    def _pass_on(self, kept: Kept) -> None:
        ready = len(self._held) - len(self._end) - _LONGEST_CODE
        if ready > 0:
            kept.add(bytes(self._held[:ready]))
            del self._held[:ready]

    def _drop_noise(self) -> bool:
        at = self._held.find(self._begin)
        if at < 0:
            self._pass_on(self.noise)
            return False
        self.noise.add(bytes(self._held[:at]))
        del self._held[: at + len(self._begin)]
        return True

    def _cut_inner(self) -> None:
        at = self._held.find(self._inner)
        end = self._held.find(b"\n", at + len(self._inner)) if at >= 0 else -1
        if end >= 0:
            self.code = int(self._held[at + len(self._inner) : end])
            self.ended_at = self.heard_at
            del self._held[at : end + 1]

    def _cut_end(self) -> bool:
        at = self._held.find(self._end)
        while at >= 0 and self._held[at + len(self._end) : at + len(self._end) + 1] == b":":
            at = self._held.find(self._end, at + 1)
        end = self._held.find(b"\n", at + len(self._end)) if at >= 0 else -1
        if end < 0:
            return False
        code = bytes(self._held[at + len(self._end) : end]).strip()
        self.code = int(code) if code else self.code
        self.kept.add(bytes(self._held[:at]))
        self._held.clear()
        return True

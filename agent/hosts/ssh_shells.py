"""The remote shells of one connection: one kept open, and a few more while that one is busy with something long."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import paramiko

from agent.hosts.base import HostError, Unreachable
from agent.hosts.ssh_shell import NoShell, Overdue, Shell

# sshd lets ten sessions through at a time; a small machine should not feel us.
MOST = 5
# Most answers come within a millisecond or two: only a command that takes its time is worth another shell.
WORTH_WAITING_SECONDS = 0.05
SWEEPING = timedelta(seconds=15)
# Where there is but one session, it is not to be had: then the far side's own `timeout` has done it by the end of this.
BEFORE_SWEEPING = timedelta(seconds=3)


class Shells:
    """Lends them out, one to each who asks at the same time."""

    def __init__(self, transport: paramiko.Transport, *, sudo: bool) -> None:
        self.can: frozenset[str] = frozenset()
        self._transport = transport
        self._sudo = sudo
        self._changed = threading.Condition()
        self._idle: list[Shell] = []
        self._lent = 0
        self._most = MOST

    def close(self) -> None:
        """Close those that nobody holds; the connection takes the others with it."""
        with self._changed:
            idle, self._idle, self._most = self._idle, [], 0
        for shell in idle:
            shell.close()

    @contextmanager
    def borrowed(self, patience: timedelta) -> Iterator[Shell]:
        """Lend a shell; `Overdue` when none is free within *patience*. A stuck one is replaced by the next who asks."""
        shell = self._take(time.monotonic() + patience.total_seconds())
        try:
            yield shell
        finally:
            self._give_back(shell)

    def sweep(self, mark: str) -> str:
        """End all that carries *mark* at the other end; return who could not be ended, in numbers."""
        try:
            with self.borrowed(BEFORE_SWEEPING) as shell:
                return shell.ask("f_sweep", mark, within=SWEEPING).out.decode(errors="replace")
        except (Overdue, NoShell, HostError) as error:
            return str(error) or "it cannot be seen"

    def _take(self, deadline: float) -> Shell:
        while True:
            if shell := self._idle_one(deadline):
                return shell
            try:
                shell = Shell(self._transport, sudo=self._sudo)
            except paramiko.ChannelException as error:
                # The server allows fewer sessions than we would like (MaxSessions): those there are must do.
                with self._changed:
                    self._lent -= 1
                    self._most = min(self._most, self._lent)
                    if not self._most:
                        raise NoShell("the server gives us no session") from error
            except BaseException as error:
                with self._changed:
                    self._lent -= 1
                    self._changed.notify()
                if isinstance(error, paramiko.SSHException | OSError | EOFError):
                    raise Unreachable("ssh", "the connection was lost") from error
                raise
            else:
                self.can = shell.can
                return shell

    def _idle_one(self, deadline: float) -> Shell | None:
        """Return a shell that is free now or soon; ``None`` when another may be opened, which counts as lent."""
        with self._changed:
            if not self._idle and self._lent:
                self._changed.wait_for(lambda: self._idle, min(WORTH_WAITING_SECONDS, deadline - time.monotonic()))
            while not self._idle and self._lent >= self._most:
                if not self._transport.is_active():
                    raise Unreachable("ssh", "the connection was lost")
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Overdue
                self._changed.wait(min(left, 1.0))
            self._lent += 1
            return self._idle.pop() if self._idle else None

    def _give_back(self, shell: Shell) -> None:
        with self._changed:
            self._lent -= 1
            if shell.is_fit and self._most:
                self._idle.append(shell)
            self._changed.notify()
        if not shell.is_fit or not self._most:
            shell.close()

"""A Linux machine at the other end of one SSH connection, without anything of ours installed there."""

import errno
import os
import secrets
import stat as bits
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import NoReturn, Self

from agent.hosts.base import FileKind, HostError, NotAllowed, NotThere, Ran, Space, Stat, TooSlow, Unreachable
from agent.hosts.facts_linux import facts_from
from agent.hosts.files_linux import kind_of
from agent.hosts.paths import plain
from agent.hosts.refusals import refusal
from agent.hosts.ssh_address import Address, Proof, Trust
from agent.hosts.ssh_asking import answer_of, asking_words, numeric
from agent.hosts.ssh_connection import connect
from agent.hosts.ssh_shell import QUICK, Answer, NoShell, Overdue
from agent.hosts.ssh_shells import Shells
from agent.hosts.ssh_snapshot import Snapshot
from contract.errors import FeldsherError
from contract.readable import printable
from contract.report import HostFacts

COUNTING = timedelta(seconds=60)
WRITING = timedelta(seconds=60)
AFTER_KILL_SECONDS = 2.0
# What one word of a command may hold on Linux (MAX_ARG_STRLEN).
_LONGEST_WORD_BYTES = 128 * 1024 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The far side says its refusals in the C locale; musl words some of them in its own way.
_NUMBERS = {
    **{os.strerror(number): number for number in errno.errorcode},
    "Symbolic link loop": errno.ELOOP,
    "Filename too long": errno.ENAMETOOLONG,
    "I/O error": errno.EIO,
    "Directory nonexistent": errno.ENOENT,  # dash
}
_COUNT = (
    'find "$1" -xdev -mindepth 1 -printf \'%y %n %b %i\\n\' | awk -v most="$2" \''
    '{ seen++ } seen > most { print "many"; ended = 1; exit } $1 == "d" { next } $2 > 1 && ($4 in counted) { next }'
    ' { counted[$4] = 1; blocks += $3 } END { if (!ended) printf "%.0f\\n", blocks * 512 }\''
)


class Ssh:
    """The machine at *address*. Any number of threads may ask; they share one connection.

    With *sudo*, all is done as root by ``sudo -n``, which must not ask for a password.
    """

    def __init__(self, address: Address, trust: Trust, proof: Proof, *, sudo: bool = False) -> None:
        self._transport = connect(address, trust, proof)
        self._shells = Shells(self._transport, sudo=sudo)
        self._snapshot = Snapshot()
        try:
            self._meet(f"{address.host}:{address.port}", sudo=sudo)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, and with it every shell at the other end."""
        self._shells.close()
        self._transport.close()

    def _meet(self, where: str, *, sudo: bool) -> None:
        """Open the first shell now, where there is a person to tell what stands in the way."""
        try:
            with self._shells.borrowed(QUICK):
                pass
        except Unreachable as error:
            raise FeldsherError("unreachable", error.detail or str(error), where=where) from error
        except (NoShell, Overdue) as error:
            words = "sudo asks for a password" if sudo else "the account has no shell for commands"
            raise FeldsherError("forbidden", f"{words}: {printable(str(error))}", where=where) from error
        try:
            system = self._facts_said[0]
        except HostError as error:
            raise FeldsherError("unexpected-answer", printable(str(error)), where=where) from error
        if system != "Linux":
            raise FeldsherError("unexpected-answer", f"it runs {printable(system)}, not Linux", where=where)

    @cached_property
    def _facts_said(self) -> "Sequence[str]":
        # as many as f_facts tells: system, name, kernel, architecture, user, language, init, os-release
        said = self._ask("facts", "f_facts").out.decode("utf-8", "replace").split("\0")
        if len(said) < 8:  # noqa: PLR2004 - see above
            raise Unreachable("facts", "the shell does not say what machine it is")
        return said

    @cached_property
    def facts(self) -> HostFacts:
        """What this machine says of itself."""
        system, name, kernel, arch, user, tongue, init, release = self._facts_said[:8]
        return facts_from(
            release,
            os.uname_result((system, name, kernel, "", arch)),
            init.strip() or "none",
            {"LANG": tongue},
            elevated=user == "0",
        )

    def now(self) -> datetime:
        """Return the machine's clock, as it was half way of the question."""
        begun = time.monotonic()
        said = self._ask("clock", "f_now").out.decode(errors="replace").strip()
        whole, _, part = said.partition(".")
        if not whole.isdecimal():
            raise Unreachable("clock", "the machine does not tell its time")
        seconds = int(whole) + (float(f"0.{part}") if part.isdecimal() else 0.0)
        return _EPOCH + timedelta(seconds=seconds + (time.monotonic() - begun) / 2)

    def wait(self, span: timedelta) -> None:
        """Sleep, here: time passes there as well."""
        time.sleep(max(0.0, span.total_seconds()))

    def elapsed(self) -> float:
        """Return the seconds of our own clock that only runs forward."""
        return time.monotonic()

    def read(self, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        """Return the start of a regular file."""
        plain(path)
        kept = self._snapshot.take(path, limit_bytes, lambda name: self._ask(path, "f_each", name).out)
        return kept if kept is not None else self._ask(path, "f_read", path, str(max(0, limit_bytes))).out

    def list(self, path: str) -> Sequence[str]:
        """Return the names in a folder, sorted."""
        said = self._ask(plain(path), "f_list", path.rstrip("/") or "/").out
        self._snapshot.expect(path)
        return sorted(os.fsdecode(name) for name in said.split(b"\0")[:-1])

    def stat(self, path: str) -> Stat:
        """Return what stands at *path*. Its time is told in whole seconds."""
        fields = self._ask(plain(path), "f_stat", path).out.split()
        mode, size, owner, group, modified = int(fields[0], 16), *(int(field) for field in fields[1:5])
        return Stat(kind_of(mode), size, bits.S_IMODE(mode), owner, group, _instant(modified))

    def link_target(self, path: str) -> str:
        """Return where a link points."""
        return os.fsdecode(self._ask(plain(path), "f_link", path).out)

    def space(self, path: str) -> Space:
        """Return the room on the filesystem of *path*."""
        unit, total, free, available, inodes, inodes_free = map(
            int, self._ask(plain(path), "f_space", path).out.split()
        )
        return Space(total * unit, free * unit, available * unit, inodes, inodes_free)

    def folder_bytes(self, path: str, limit_entries: int = 200_000) -> int:
        """Return what the files below *path* take."""
        kind = self.stat(path).kind
        if kind is not FileKind.FOLDER:
            raise NotAllowed(path, "a link" if kind is FileKind.LINK else "not a folder")
        if not {"find", "awk"} <= self._shells.can:
            raise NotThere(path, "this machine has no find and awk to count with")
        ran = self.run(("sh", "-c", _COUNT, "count", path, str(limit_entries)), time_limit=COUNTING)
        for line in ran.error_text.splitlines():
            if not line.endswith(": No such file or directory"):  # removed while we looked
                _refuse(path, ran.stderr)
        if ran.text.strip() == "many":
            raise TooSlow(path, f"more than {limit_entries} entries")
        return int(ran.text or 0)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        time_limit: timedelta = timedelta(seconds=10),
    ) -> Ran:
        """Run a command to its end. One that a signal ended has the exit code a shell gives it: 128 and the number."""
        environment = environment or {}
        if not argv or not argv[0]:
            raise NotThere("", "an empty command")
        _check_words(argv, environment)
        deadline = time.monotonic() + time_limit.total_seconds()
        mark = secrets.token_hex(8)
        left_over: list[str] = []
        try:
            with self._shells.borrowed(time_limit) as shell:
                path = shell.find(argv[0], environment, min(time_limit, QUICK))
                if path.startswith("//"):
                    _cannot_start(argv[0], path)
                return shell.run(
                    (path, *argv[1:]),
                    environment,
                    stdin,
                    mark=mark,
                    within=timedelta(seconds=max(0.0, deadline - time.monotonic())),
                    on_overdue=lambda: left_over.append(self._shells.sweep(mark)),
                )
        except Overdue as error:
            detail = f"did not end within {time_limit.total_seconds():g} s"
            if any(left_over):
                detail += ", and some of what it started could not be ended"
            raise TooSlow(
                argv[0], detail + (f"; its last words: {error.last_words}" if error.last_words else "")
            ) from error
        except NoShell as error:
            raise NotAllowed(argv[0], f"no shell to run it in: {error}") from error

    def ask(self, address: str, port: int, payload: bytes, time_limit: timedelta) -> bytes:
        """Send one datagram from there, and return the first answer. It takes python3 or bash on the machine."""
        subject = f"{address}:{port}"
        numeric(address, port, payload)
        words = asking_words(self._shells.can, address, port, payload, time_limit)
        return answer_of(self.run(words, time_limit=time_limit + QUICK), subject)

    def write(self, path: str, content: bytes, mode: int | None = None) -> None:
        """Replace or make a file. Access lists and labels are kept where its `cp` can."""
        above, name = os.path.split(plain(path))
        if name in {"", "."}:
            raise NotAllowed(path, "a folder")
        temporary = f"{above.rstrip('/')}/.{name[:60]}.{secrets.token_hex(6)}.feldsher"
        words = (path, temporary, "" if mode is None else f"{mode:o}", str(len(content)))
        with self._answering(path), self._shells.borrowed(QUICK) as shell:
            _good(path, shell.feed("f_write", *words, content=content, within=WRITING))

    def remove(self, path: str) -> None:
        """Remove one file or link."""
        if os.path.split(plain(path))[1] in {"", "."}:
            raise NotAllowed(path, "a folder")
        self._ask(path, "f_remove", path)

    def end_process(self, pid: int, started: str, grace: timedelta) -> bool:
        """End exactly one process. What our own shell there stands on is `NotAllowed`."""
        subject = f"process {pid}"
        match self._signal(pid, started, "") if pid > 0 else "other":
            case "other":
                raise NotThere(subject, "it has ended already")
            case "ours":
                raise NotAllowed(subject, "the machine or this program stands on it")
            case "gone":
                return True
        if grace > timedelta(0):
            self._signal(pid, started, "TERM")
            if self._wait_until_gone(pid, started, grace.total_seconds()):
                return True
        self._signal(pid, started, "KILL")
        return self._wait_until_gone(pid, started, AFTER_KILL_SECONDS)

    def _signal(self, pid: int, started: str, name: str) -> str:
        return self._ask(f"process {pid}", "f_signal", str(pid), started, name).out.decode().strip()

    def _wait_until_gone(self, pid: int, started: str, seconds: float) -> bool:
        deadline, pause = time.monotonic() + seconds, 0.01
        while self._signal(pid, started, "") == "there":
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, 0.25)
        return True

    def _ask(self, subject: str, function: str, *words: str) -> Answer:
        with self._answering(subject), self._shells.borrowed(QUICK) as shell:
            return _good(subject, shell.ask(function, *words))

    @contextmanager
    def _answering(self, subject: str) -> Iterator[None]:
        try:
            yield
        except Overdue as error:
            raise TooSlow(subject, f"no answer within {QUICK.total_seconds():g} s") from error
        except NoShell as error:
            raise NotAllowed(subject, f"no shell to ask in: {error}") from error


def _good(subject: str, answer: Answer) -> Answer:
    if answer.code:
        _refuse(subject, answer.err)
    return answer


def _refuse(subject: str, said: bytes) -> NoReturn:
    """Raise what the far side said, in our words. It speaks the C locale: the reason is after the last colon."""
    lines = said.decode(errors="replace").strip().splitlines()
    reason = lines[-1].rpartition(": ")[2] if lines else "refused without a word"
    if reason in _NUMBERS:
        raise refusal(OSError(_NUMBERS[reason], reason), subject)
    raise NotAllowed(subject, printable(reason))


def _check_words(argv: Sequence[str], environment: Mapping[str, str]) -> None:
    for word in (*argv, *environment, *environment.values()):
        try:
            length = len(word.encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError:
            raise NotAllowed(ascii(argv[0]), "its words cannot be passed on") from None
        if "\0" in word or length > _LONGEST_WORD_BYTES:
            raise NotAllowed(argv[0].replace("\0", "\\0")[:100], "its words cannot be passed on")
    if any(not name or "=" in name or name.startswith("-") for name in environment):
        raise NotAllowed(argv[0], "its environment cannot be passed on")


def _cannot_start(command: str, why: str) -> NoReturn:
    if why == "//off":
        raise NotAllowed(command, "Permission denied")
    raise NotThere(command, "no such command")


def _instant(seconds: int) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:  # a damaged disk may claim any year
        return datetime.max.replace(tzinfo=UTC) if seconds > 0 else datetime.min.replace(tzinfo=UTC)

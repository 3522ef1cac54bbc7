"""The resident: one loop, one clock, and as few imports as it can do with.

It keeps the conversation with the collector, takes vitals, has the hands look and repair, and answers at the door.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from agent.resident import schedule
from agent.resident.door import Door, Visitor
from agent.resident.durable import make_folder, read_object, write_durably
from agent.resident.errands import ChildHands, Delivery, Errands, Hands
from agent.resident.held import EVIDENCE, Held
from agent.resident.identity import Identity, load
from agent.resident.service_linux import HANDS_SOCKET, SocketHands, notify
from agent.resident.spool import URGENT, Spool, instant
from agent.resident.uplink import Heard, Uplink
from agent.resident.vitals import Gauge
from contract.errors import FeldsherError

CODE = Path(__file__).resolve().parents[2]
"""The folder the packages lie in: the hands are started from there, wherever we were."""
NOTE_EVERY_SECONDS = 300.0
_LONGEST_SLEEP_SECONDS = 60.0


class Settings(NamedTuple):
    """How one resident is to run. *hands* is the command that starts them, without ``--state``."""

    state: Path
    vitals_every: timedelta = schedule.VITALS_EVERY
    checkup_every: timedelta = schedule.CHECKUP_EVERY
    hands: tuple[str, ...] = (sys.executable, "-E", "-s", "-m", "agent.resident.hands")


def say(event: str, **what: object) -> None:
    """Write one line to the log, as JSON: no byte of a stranger can end it or paint a terminal."""
    line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **what}
    with suppress(BrokenPipeError):
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()


class Resident:
    """Everything that lives as long as the process."""

    def __init__(self, settings: Settings, identity: Identity) -> None:
        self._settings = settings
        self._state = settings.state
        self._identity = identity
        self._instance = os.urandom(12).hex()
        self._since = _now()
        self._selector = selectors.DefaultSelector()
        self._watched: dict[int, tuple[Any, int]] = {}
        self._held = Held(self._state / "orders")
        self._spool = Spool(self._state / "spool", now=_now)
        self._gauge = Gauge()
        self._errands = Errands(self._start_hands, self._order_words, self._keep, say)
        self._uplink = Uplink(identity, self._instance, self._spool, self._held, random=_random)
        self._door = Door(self._state / "door.sock", self._keep_plea, self.status)
        self._schedule = schedule.start(
            host=identity.host,
            vitals_every=settings.vitals_every,
            checkup_every=settings.checkup_every,
            last_checkup=_last_checkup(self._state),
            now=_now(),
            monotonic=time.monotonic(),
        )
        self._clock_ahead = timedelta(0)
        self._noted: tuple[float, str] = (float("-inf"), "")
        self._is_slim = False
        self._is_first_report = True
        self._stopping = False
        for order in self._held.ids:
            self._errands.want_order(order)

    def run(self) -> None:
        """Live until asked to stop."""
        ear = self._hear_signals()
        say("started", host=self._identity.host, collector=self._collector, instance=self._instance)
        try:
            while not self._stopping:
                now = time.monotonic()
                self._do_what_is_due(now)
                self._watch_all(ear)
                for key, _ in self._selector.select(max(0.0, self._wakes_at() - time.monotonic())):
                    key.data()
        finally:
            self._errands.leave()
            self._uplink.stop()
            self._door.close()
            self._note(time.monotonic(), always=True)
            notify("STOPPING=1")
            say("stopped")

    def status(self) -> dict[str, Any]:
        """Return how we are; it names no secret, for anybody on this machine may ask."""
        trouble = self._uplink.trouble
        return {
            "running": True,
            "host": self._identity.host,
            "collector": self._collector,
            "pid": os.getpid(),
            "instance": self._instance,
            "since": instant(self._since),
            "last_exchange": instant(self._uplink.reached_at) if self._uplink.reached_at else None,
            "trouble": {"slug": trouble.slug, "detail": trouble.detail} if trouble else None,
            "failures": self._uplink.failures,
            "spool": {str(urgency): count for urgency, count in self._spool.counts.items()} | self._spool.aside(),
            "orders": self._held.ids,
            "doing": self._errands.doing,
        }

    # What is due

    def _do_what_is_due(self, now: float) -> None:
        if now >= self._schedule.vitals_at:
            self._schedule = self._schedule.after_vitals(now)
            at = _now()
            self._put(f"vitals-{os.urandom(8).hex()}", "vitals", at, self._gauge.take(instant(at)), 2)
            notify("WATCHDOG=1")
        if now >= self._schedule.checkup_at:
            self._schedule = self._schedule.after_checkup(now)
            self._errands.want_checkup()
            # On a full disk this word is lost: the next start then looks a little too soon.
            with suppress(OSError):
                write_durably(self._state / "schedule.json", json.dumps({"last_checkup": instant(_now())}).encode())
                self._held.forget_old()
        self._errands.turn(now)
        self._door.turn(now)
        self._converse()
        self._note(now)

    def _wakes_at(self) -> float:
        return min(
            self._schedule.vitals_at,
            self._schedule.checkup_at,
            self._errands.wakes_at(),
            self._door.wakes_at(),
            self._uplink.wakes_at(),
            time.monotonic() + _LONGEST_SLEEP_SECONDS,
        )

    def _watch_all(self, ear: socket.socket) -> None:
        """Have the selector wait on exactly what is open now."""
        wanted: dict[int, tuple[Any, int, Callable[[], None]]] = {ear.fileno(): (ear, 1, lambda: self._signalled(ear))}
        read = selectors.EVENT_READ
        wanted[self._door.line.fileno()] = (self._door, read, lambda: self._door.welcome(time.monotonic()))
        for visitor in self._door.visitors:
            wanted[visitor.fileno()] = (visitor, read, self._listening_to(visitor))
        if self._errands.hands:
            hands = self._errands.hands
            wanted[hands.fileno()] = (hands, read, lambda: self._errands.read(time.monotonic()))
        if self._uplink.line:
            # Between two requests there is nothing to hear but its end, which the next request will notice.
            wanted[self._uplink.line.fileno()] = (self._uplink.line, self._uplink.line.wants, self._converse)
        for handle, (owner, mask) in list(self._watched.items()):
            if handle not in wanted or wanted[handle][:2] != (owner, mask):
                # One that was closed has left the kernel's set by itself.
                with suppress(KeyError, OSError):
                    self._selector.unregister(handle)
                del self._watched[handle]
        for handle, (owner, mask, act) in wanted.items():
            if handle not in self._watched:
                self._selector.register(handle, mask, act)
                self._watched[handle] = (owner, mask)

    def _listening_to(self, visitor: Visitor) -> Callable[[], None]:
        return lambda: self._door.listen(visitor, time.monotonic())

    # The conversation

    def _converse(self) -> None:
        heard = self._uplink.turn(time.monotonic(), self._schedule.vitals_at)
        if heard is None:
            return
        self._clock_ahead = heard.now - _now()
        try:
            for order in heard.orders:
                taken = self._held.take(order)
                if taken:
                    say("order-taken", order=taken)
                    self._errands.want_order(taken)
            for item in heard.accepted:
                if item.startswith(EVIDENCE):
                    self._held.end(item.removeprefix(EVIDENCE))
        except OSError as error:
            # It was not taken and not listed, so it comes again once there is room.
            say("order-not-kept", detail=str(error))
            self._uplink.rest(time.monotonic())
        for item, ticket in heard.tickets.items():
            self._door.tell_ticket(item, ticket)
        self._report_refusals(heard)
        if not self._is_slim:
            self._is_slim = True
            notify("READY=1")
            _slim()

    def _report_refusals(self, heard: Heard) -> None:
        for item, slug, detail in heard.refused:
            say("item-refused", item=item, slug=slug, detail=detail[:300])

    def _order_words(self, order: str) -> bytes | None:
        content = self._held.read(order)
        if content is None:
            return None
        # The collector's clock, as well as we know it: ours may be the very thing that is ill.
        now = instant(_now() + self._clock_ahead)
        return json.dumps({"do": "order", "order": content, "now": now}, ensure_ascii=False).encode() + b"\n"

    def _start_hands(self) -> Hands:
        if os.geteuid() != 0 and HANDS_SOCKET.exists():
            return SocketHands()
        return ChildHands([*self._settings.hands, "--state", str(self._state)], CODE)

    # What is kept

    def _put(self, item: str, kind: str, at: datetime, body: bytes, urgency: int) -> bool:
        try:
            self._spool.put(item, kind, at, body, urgency)
        except FeldsherError as error:
            say("not-kept", item=item, slug=error.slug, detail=error.what)
            return False
        if urgency in URGENT:
            self._uplink.hurry(time.monotonic())
        return True

    def _keep(self, delivery: Delivery) -> bool:
        kept = self._put(delivery.id, delivery.kind, delivery.at, delivery.body, delivery.urgency)
        if kept and delivery.kind == "report" and (delivery.hurry or self._is_first_report):
            # Something was found, or nobody has seen this machine yet: a minute matters to whoever looks.
            self._is_first_report = False
            self._uplink.hurry(time.monotonic())
        return kept

    def _keep_plea(self, content: bytes, at: datetime) -> str:
        plea = f"plea-{os.urandom(12).hex()}"
        self._spool.put(plea, "plea", at, content, 1)
        self._uplink.hurry(time.monotonic())
        return plea

    def _note(self, now: float, *, always: bool = False) -> None:
        """Leave word of how we are for when we are gone: on a change, and now and then."""
        again = self._errands.look_again_at
        if again is not None:
            self._errands.look_again_at = None
            self._schedule = self._schedule.looking_again(again, _now(), now)
        mood = self._uplink.trouble.slug if self._uplink.trouble else "well" if self._uplink.reached_at else ""
        if always or mood != self._noted[1] or now - self._noted[0] >= NOTE_EVERY_SECONDS:
            if mood != self._noted[1]:
                say("collector", slug=mood, detail=self._uplink.trouble.detail if self._uplink.trouble else "")
            self._noted = (now, mood)
            with suppress(OSError):
                write_durably(self._state / "resident.json", json.dumps(self.status()).encode())

    # Signals

    def _hear_signals(self) -> socket.socket:
        ear, mouth = socket.socketpair()
        ear.settimeout(0)
        mouth.settimeout(0)
        self._mouth = mouth
        signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, _note_signal)
        return ear

    def _signalled(self, ear: socket.socket) -> None:
        with suppress(BlockingIOError):
            numbers = ear.recv(64)
            self._stopping = self._stopping or bool({signal.SIGTERM, signal.SIGINT} & set(numbers))
        self._errands.reap()

    @property
    def _collector(self) -> str:
        name = self._identity.address
        return f"[{name}]:{self._identity.port}" if ":" in name else f"{name}:{self._identity.port}"


def live(settings: Settings) -> None:
    """Run the resident until it is asked to stop.

    Raises `FeldsherError`: see `agent.resident.identity.load`; ``busy`` when one is running already.
    """
    identity = load(settings.state)
    try:
        make_folder(settings.state, 0o711)
        lock = _lock(settings.state / "resident.lock")
    except OSError as error:
        raise FeldsherError(
            "state-not-writable", f"the state folder cannot be written: {error.strerror}", where=str(settings.state)
        ) from error
    try:
        Resident(settings, identity).run()
    finally:
        os.close(lock)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, live, and return the exit code."""
    import argparse  # noqa: PLC0415 - not needed any more once it was read

    parser = argparse.ArgumentParser(prog="feldsher-agent", description="The part of Feldsher that lives here.")
    parser.add_argument("--state", type=Path, default=Path("/var/lib/feldsher"))
    parser.add_argument("--vitals-every", type=_seconds, default=schedule.VITALS_EVERY, metavar="SECONDS")
    parser.add_argument("--checkup-every", type=_seconds, default=schedule.CHECKUP_EVERY, metavar="SECONDS")
    given = parser.parse_args(arguments)
    try:
        live(Settings(given.state.absolute(), given.vitals_every, given.checkup_every))
    except FeldsherError as error:
        sys.stderr.write(f"feldsher: error: {error}\n")
        return error.kind.exit_code
    return 0


def _seconds(text: str) -> timedelta:
    seconds = float(text)
    if not 10 <= seconds <= 86400:  # noqa: PLR2004 - said in the message
        raise ValueError("between 10 seconds and a day")
    return timedelta(seconds=seconds)


def _lock(path: Path) -> int:
    import fcntl  # noqa: PLC0415 - there is none on Windows

    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise FeldsherError(
            "busy", "an agent runs on this state already", where=str(path.parent), remedy="feldsher agent status"
        ) from None
    return handle


def _last_checkup(state: Path) -> datetime | None:
    known = (read_object(state / "schedule.json") or {}).get("last_checkup")
    try:
        at = datetime.fromisoformat(known) if isinstance(known, str) else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None


def _slim() -> None:
    """Give back what only the start needed: from here on nearly nothing is made, and nothing is collected."""
    import ctypes  # noqa: PLC0415 - for this alone

    gc.collect()
    gc.freeze()
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _note_signal(number: int, frame: FrameType | None) -> None:
    """Do nothing: the number has gone through the wake-up socket."""


def _random() -> float:
    return int.from_bytes(os.urandom(6), "big") / 2**48


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main())

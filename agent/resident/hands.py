"""The hands: started when there is something to look at or to repair, gone when it is done.

They speak lines with the resident on standard input and output, and trust nothing it says that they can judge
themselves. Every run has a folder; what stands there is the only memory, so they may be killed at any moment.
"""

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO, Protocol

import msgspec

from agent.resident.durable import flush_folder, make_folder, read_object, write_durably
from agent.resident.errands import Delivery
from agent.resident.held import evidence_id
from agent.resident.policy import Denied, Policy, denied, load_policies, misdirected
from agent.resident.spool import instant, is_safe_id
from agent.resident.work import Work, real_work
from contract.errors import KINDS, FeldsherError
from contract.evidence import Evidence, Verdict
from contract.order import Order
from contract.report import Report

TRIES = 5
"""How often a run that ends the hands themselves is taken up again, before a person must look."""
KEEP_RUNS = timedelta(days=30)


class Resident(Protocol):
    """The other end: *bring* hands over one item, and says whether it is kept."""

    def bring(self, delivery: Delivery) -> bool: ...
    def tell(self, line: dict[str, Any]) -> None: ...


class Gone(Exception):
    """The resident is no longer there. What was done stays in its folder for the next one."""


class Pipe:
    """The resident at the other end of two pipes, or of one socket."""

    def __init__(self, heard: BinaryIO, said: BinaryIO) -> None:
        self._heard = heard
        self._said = said

    def bring(self, delivery: Delivery) -> bool:
        """Hand over one item; return whether it is on disk. Raises `Gone`."""
        item, kind, at, urgency, body, hurry = delivery
        header: dict[str, Any] = {"item": item, "kind": kind, "at": instant(at), "bytes": len(body), "class": urgency}
        self.tell(header | ({"hurry": True} if hurry else {}), body + b"\n")
        answer = self.hear()
        return answer is not None and answer.get("kept") == item

    def tell(self, line: dict[str, Any], more: bytes = b"") -> None:
        """Say one line. Raises `Gone`."""
        try:
            self._said.write(json.dumps(line).encode() + b"\n" + more)
            self._said.flush()
        except OSError as error:
            raise Gone from error

    def hear(self) -> dict[str, Any] | None:
        """Return the next line; ``None`` when there will be none. Raises `Gone` when it makes no sense."""
        line = self._heard.readline()
        if not line:
            return None
        try:
            said = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Gone from error
        return said if isinstance(said, dict) else {}


class Runs:
    """The folders of what was ordered, one a run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        make_folder(folder)

    def of(self, order_id: str) -> Path:
        """Return the folder of one run, whether it is there or not."""
        return self._folder / order_id

    def begin(self, order: Order) -> None:
        """Make the folder, with the order in it: from here on its id is known for ever."""
        make_folder(self.of(order.id))
        write_durably(self.of(order.id) / "order.json", msgspec.json.encode(order))
        flush_folder(self._folder)

    def order(self, order_id: str) -> Order | None:
        """Return the order of a run; ``None`` when it was never begun, or cannot be read."""
        try:
            return msgspec.json.decode((self.of(order_id) / "order.json").read_bytes(), type=Order)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def count_try(self, order_id: str) -> int:
        """Note that a run is taken up once more, and return how often that was. The first time needs no note."""
        path = self.of(order_id) / "tries.json"
        known = (read_object(path) or {}).get("tries", 1)
        tries = known + 1 if isinstance(known, int) else TRIES + 1
        write_durably(path, json.dumps({"tries": tries}).encode())
        return tries

    def forget_tries(self, order_id: str) -> None:
        """Begin to count anew. Removing a file needs no room."""
        (self.of(order_id) / "tries.json").unlink(missing_ok=True)

    def mark_delivered(self, order_id: str) -> None:
        """Note that the resident has the evidence on disk."""
        write_durably(self.of(order_id) / "delivered", b"")

    def undelivered(self) -> list[str]:
        """Return the runs that were begun and not handed over, oldest first."""
        runs = [path for path in self._folder.iterdir() if (path / "order.json").exists()]
        open_runs = [path for path in runs if not (path / "delivered").exists()]
        return [path.name for path in sorted(open_runs, key=lambda path: (path / "order.json").stat().st_mtime_ns)]

    def forget_old(self) -> None:
        """Remove what was delivered long ago; its order has expired since."""
        for path in self._folder.iterdir():
            mark = path / "delivered"
            if mark.exists() and time.time() - mark.stat().st_mtime > KEEP_RUNS.total_seconds():
                shutil.rmtree(path)


class Hands:
    """One task, done for *host*. *policies* is read when it is needed: a broken file must not stop a checkup."""

    def __init__(self, state: Path, own: Path, host: str, work: Work, resident: Resident) -> None:
        self._state = state
        self._runs = Runs(own / "runs")
        self._host = host
        self._work = work
        self._resident = resident

    def do(self, asked: dict[str, Any]) -> None:
        """Do what *asked* says, after whatever an earlier process left unfinished."""
        task = asked.get("do")
        given = asked.get("order") if task == "order" else None
        order = _order(given)
        for run in self._runs.undelivered():
            if order is None or run != order.id:
                self._take_up(run)
        if task == "checkup":
            self._look()
        elif order is not None:
            self._carry_out(order, _told_time(asked.get("now")) or self._work.now())
        elif isinstance(given, dict) and is_safe_id(given.get("id")):
            self._turn_down(str(given["id"]))
        self._runs.forget_old()
        self._resident.tell({"done": task})

    def _look(self) -> None:
        looked = self._work.look()
        body = msgspec.json.encode(looked.report)
        name, found = f"report-{os.urandom(12).hex()}", bool(looked.report.findings)
        self._resident.bring(Delivery(name, "report", looked.report.at, 2, body, hurry=found))
        if looked.look_again_at:
            self._resident.tell({"look_again_at": instant(looked.look_again_at)})

    def _carry_out(self, order: Order, now: datetime) -> None:
        known = self._runs.order(order.id)
        if known is not None:
            # Its id was seen: whatever is asked for under it now, what was done then is the answer.
            if known != order:
                self._resident.tell({"progress": f"order-repeated: {order.id} came again with other words"})
            self._take_up(order.id)
            return
        refusal = misdirected(order, self._host, now) or self._refusal(order)
        self._runs.begin(order)
        if refusal:
            self._finish(order, self._refused(order, refusal))
        else:
            self._take_up(order.id, is_new=True)

    def _turn_down(self, order_id: str) -> None:
        """Refuse what cannot be read as an order, so that it does not come again and again."""
        now = self._work.now()
        stand_in = Order(id=order_id, kind="checkup", host=self._host, by="", not_before=now, not_after=now)
        if self._runs.order(order_id) is None:
            self._runs.begin(stand_in)
            self._finish(
                stand_in, self._refused(stand_in, Denied("schema", "it is not an order as this agent reads it"))
            )
        else:
            self._take_up(order_id)

    def _refusal(self, order: Order) -> Denied | None:
        try:
            playbook = self._work.find(order.playbook) if order.kind == "repair" else None
        except FeldsherError as error:
            return Denied("playbook-not-trusted", str(error))
        try:
            policies: Sequence[Policy] = load_policies(self._state)
        except FeldsherError as error:
            return Denied("policy-denied", f"the policy of this machine cannot be read, so nothing is allowed: {error}")
        return denied(order, playbook, policies)

    def _take_up(self, order_id: str, *, is_new: bool = False) -> None:
        """Bring a run to its end, from wherever it stands, and hand over its evidence."""
        order = self._runs.order(order_id)
        if order is None:
            return
        done = _content(self._runs.of(order_id) / "evidence.json")
        if done is None:
            tries = 1 if is_new else self._runs.count_try(order_id)
            if tries > TRIES:
                self._finish(order, self._given_up(order, tries - 1))
                return
            self._resident.tell({"progress": f"order {order_id}: try {tries}"})
            if order.kind == "checkup":
                self._finish(order, self._checked_up(order))
                return
            evidence = self._repaired(order)
            done = _content(self._runs.of(order_id) / "evidence.json")
            if done is None:
                self._finish(order, evidence)
                return
        self._deliver(order, done)

    def _checked_up(self, order: Order) -> Evidence:
        report = self._work.check_up()
        path = self._runs.of(order.id) / "report.json"
        write_durably(path, msgspec.json.encode(report))
        return self._evidence(order, Verdict.HEALTHY, started=report.at)

    def _repaired(self, order: Order) -> Evidence:
        from agent.repair.journal import RunFolder  # noqa: PLC0415 - a checkup does without
        from agent.repair.playbook import read_playbook  # noqa: PLC0415 - the same

        run = RunFolder(self._runs.of(order.id))
        try:
            begun = run.playbook()
            playbook = read_playbook(begun, order.playbook) if begun else self._work.find(order.playbook)
            if playbook is None:
                return self._refused(order, Denied("playbook-not-trusted", "the playbook has gone from the library"))
            return self._work.repair(order, playbook, run)
        except FeldsherError as error:
            if error.slug in ("storage-full", "state-not-writable"):
                # Nothing was touched since the last line of its journal; it is taken up when there is room, and that
                # it had to wait is not held against it.
                self._runs.forget_tries(order.id)
                raise
            return self._refused(order, Denied(error.slug, str(error)))

    def _refused(self, order: Order, refusal: Denied) -> Evidence:
        return self._evidence(order, Verdict.REFUSED, reason=refusal.slug, detail=refusal.detail)

    def _given_up(self, order: Order, tries: int) -> Evidence:
        detail = (
            f"the agent's own process was ended {tries} times while it worked on this; what it did until then is in "
            f"the journal on the machine, and was not taken back: {self._runs.of(order.id)}"
        )
        touched = (self._runs.of(order.id) / "journal.jsonl").exists()
        verdict = Verdict.LEFT if touched else Verdict.INTERRUPTED
        return self._evidence(order, verdict, reason="own-error", detail=detail)

    def _evidence(
        self, order: Order, verdict: Verdict, *, reason: str = "", detail: str = "", started: datetime | None = None
    ) -> Evidence:
        now = self._work.now()
        return Evidence(
            order=order.id,
            host=self._host,
            playbook=order.playbook,
            version="",
            ticket=order.ticket,
            started=started or now,
            ended=now,
            verdict=verdict,
            reason=reason,
            detail=detail,
        )

    def _finish(self, order: Order, evidence: Evidence) -> None:
        content = msgspec.json.encode(evidence)
        write_durably(self._runs.of(order.id) / "evidence.json", content)
        self._deliver(order, content)

    def _deliver(self, order: Order, evidence: bytes) -> None:
        """Hand over the evidence, and before it the report that an ordered checkup made."""
        report = _content(self._runs.of(order.id) / "report.json")
        ended = msgspec.json.decode(evidence, type=Evidence).ended
        if report is not None:
            at = msgspec.json.decode(report, type=Report).at
            if not self._resident.bring(Delivery(f"report-{order.id}", "report", at, 1, report)):
                return
        if self._resident.bring(Delivery(evidence_id(order.id), "evidence", ended, 0, evidence)):
            self._runs.mark_delivered(order.id)


def serve(state: Path, own: Path, work: Work, resident: Pipe) -> int:
    """Hear what is wanted, do it, and return the exit code."""
    known = read_object(state / "identity" / "identity.json") or {}
    try:
        asked = resident.hear()
        if asked is not None:
            Hands(state, own, str(known.get("host", "")), work, resident).do(asked)
    except Gone:
        return 0
    except FeldsherError as error:
        sys.stderr.write(f"feldsher: error: {error}\n")
        return error.kind.exit_code
    except OSError as error:
        sys.stderr.write(f"feldsher: error: state-not-writable: {error}\n")
        return KINDS["state-not-writable"].exit_code
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and serve one task on standard input and output."""
    import argparse  # noqa: PLC0415 - tests serve without it
    import fcntl  # noqa: PLC0415 - there is none on Windows

    parser = argparse.ArgumentParser(prog="feldsher-hands", description="Looks and repairs for the resident.")
    parser.add_argument("--state", type=Path, required=True, help="the resident's state folder")
    parser.add_argument("--own", type=Path, help="the hands' own folder; by default within the state")
    given = parser.parse_args(arguments)
    own: Path = given.own or given.state / "hands"
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # A repair is finished or taken back, never dropped half way because the service is stopped. Not SIG_IGN: what
        # we start would inherit that, and could then not be asked to end.
        signal.signal(number, _finish_first)
    make_folder(own)
    with (own / "lock").open("w") as lock:
        # Hands of a resident that died may still be finishing: two must never be at one machine.
        fcntl.flock(lock, fcntl.LOCK_EX)
        return serve(given.state, own, real_work(own), Pipe(sys.stdin.buffer, sys.stdout.buffer))


def _order(content: object) -> Order | None:
    """Return the order that the resident passed on; ``None`` when it is none of ours."""
    try:
        order = msgspec.convert(content, Order)
    except msgspec.ValidationError:
        return None
    return order if is_safe_id(order.id) else None


def _told_time(text: object) -> datetime | None:
    """Return the collector's time as the resident knows it.

    Ours may be the very thing that is ill, and an order to set it must not have expired by it. A resident that lies
    here can only delay an order: its id is good for one run.
    """
    try:
        at = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return at if at and at.tzinfo else None


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _finish_first(number: int, frame: FrameType | None) -> None:
    """Go on."""


if __name__ == "__main__":
    sys.exit(main())

"""The hands: what they refuse, what they repeat, and what they finish after a crash. Nothing is touched here."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from agent.resident.errands import Delivery
from agent.resident.hands import TRIES, Hands, Pipe, serve
from agent.resident.work import Looked, Work
from contract.errors import FeldsherError
from contract.evidence import Evidence, Verdict
from contract.order import Order
from contract.report import HostFacts, Report

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
FACTS = HostFacts("fake", "linux", "debian", "12", "6.1", "systemd", "x86_64", elevated=False)
SHA = "ab" * 32


class FakeResident:
    """Keeps what it is brought, or says that it has no room."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.urgency: dict[str, int] = {}
        self.has_room = True
        self.lines: list[dict[str, Any]] = []

    def bring(self, delivery: Delivery) -> bool:
        if self.has_room:
            self.kept[delivery.id] = delivery.body
            self.urgency[delivery.id] = delivery.urgency
        return self.has_room

    def tell(self, line: dict[str, Any]) -> None:
        self.lines.append(line)

    def verdict(self, order: str) -> tuple[str, str]:
        evidence = msgspec.json.decode(self.kept[f"evidence-{order}"], type=Evidence)
        return evidence.verdict.value, evidence.reason


class Crash(BaseException):
    """Ends the hands as SIGKILL does: nothing of ours may catch it."""


class Bench:
    """Hands with everything around them, and a repair that does as told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.resident = FakeResident()
        self.repaired: list[str] = []
        self.looked = 0
        self.crash: BaseException | None = None
        self.risk = 1
        self.again: datetime | None = None

    def work(self) -> Work:
        playbook = SimpleNamespace(name="tidy-up", sha256=SHA, risk=self.risk)
        return Work(
            look=lambda: Looked(self._report(), self.again),
            check_up=self._report,
            find=lambda name: playbook if name == "tidy-up" else None,  # type: ignore[arg-type, return-value]  # all that hands use of one
            repair=self._repair,
            now=lambda: NOW,
        )

    def do(self, **asked: Any) -> None:
        Hands(self.folder, self.folder / "hands", "host-1", self.work(), self.resident).do(asked)

    def order(self, order_id: str = "o-1", **changed: Any) -> dict[str, Any]:
        given = {
            "id": order_id,
            "kind": "repair",
            "host": "host-1",
            "by": "anna",
            "not_before": NOW.isoformat(),
            "not_after": (NOW + timedelta(hours=1)).isoformat(),
            "playbook": "tidy-up",
            "playbook_sha256": SHA,
        }
        return given | changed

    def _report(self) -> Report:
        self.looked += 1
        if self.crash:
            raise self.crash
        return Report(at=NOW, took_seconds=0.1, why="order", host=FACTS, samples=(), findings=())

    def _repair(self, order: Order, _playbook: Any, _run: Any) -> Evidence:
        self.repaired.append(order.id)
        if self.crash:
            raise self.crash
        return Evidence(
            order=order.id,
            host=order.host,
            playbook="tidy-up",
            version="1",
            started=NOW,
            ended=NOW,
            verdict=Verdict.FIXED,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_good_order_is_carried_out_and_told(bench: Bench) -> None:
    """What the technician pressed the button for."""
    bench.do(do="order", order=bench.order())
    assert bench.resident.verdict("o-1") == ("fixed", "")
    assert bench.resident.lines[-1] == {"done": "order"}
    assert bench.resident.urgency == {"evidence-o-1": 0}


def test_an_order_for_a_checkup_brings_the_report_before_its_end(bench: Bench) -> None:
    """When the order has ended, the report is there."""
    bench.do(do="order", order=bench.order(kind="checkup", playbook="", playbook_sha256=""))
    assert list(bench.resident.kept) == ["report-o-1", "evidence-o-1"]
    assert bench.resident.verdict("o-1") == ("healthy", "")


@pytest.mark.parametrize(
    ("changed", "slug"),
    [
        ({"host": "host-2"}, "not-for-this-host"),
        ({"not_after": (NOW - timedelta(minutes=3)).isoformat()}, "order-expired"),
        ({"not_before": (NOW + timedelta(minutes=3)).isoformat()}, "order-expired"),
        ({"playbook": "other"}, "playbook-not-trusted"),
        ({"playbook_sha256": "cd" * 32}, "playbook-not-trusted"),
        ({"playbook_sha256": ""}, "playbook-not-trusted"),
        ({"kind": "shell"}, "schema"),
        ({"params": "all"}, "schema"),
        ({"not_after": 5}, "schema"),
    ],
)
def test_what_may_not_be_done_is_refused_with_its_own_slug(bench: Bench, changed: dict[str, Any], slug: str) -> None:
    """Whoever owns the collector must not own the machine."""
    bench.do(do="order", order=bench.order(**changed))
    assert bench.resident.verdict("o-1") == ("refused", slug)
    assert bench.repaired == []


@pytest.mark.parametrize(
    ("policy", "risk", "verdict"),
    [
        (None, 2, "fixed"),
        (None, 3, "refused"),
        ("highest_risk: low\n", 2, "refused"),
        ("highest_risk: low\n", 1, "fixed"),
        ("highest_risk: high\n", 3, "refused"),
        ("locked: true\n", 0, "refused"),
        ("forbid_playbooks: [tidy-up]\n", 1, "refused"),
        ("locked: maybe\n", 1, "refused"),
        ("lockd: true\n", 1, "refused"),
        ("a: [\n", 1, "refused"),
    ],
)
def test_the_owners_policy_holds_and_a_broken_one_allows_nothing(
    bench: Bench, policy: str | None, risk: int, verdict: str
) -> None:
    """The owner's word is above the technician's; a typing mistake in it must not open the machine."""
    if policy is not None:
        (bench.folder / "policy.yaml").write_text(policy)
    bench.risk = risk
    bench.do(do="order", order=bench.order())
    assert bench.resident.verdict("o-1")[0] == verdict
    if verdict == "refused":
        assert bench.resident.verdict("o-1")[1] == "policy-denied"


def test_a_plan_of_a_risky_playbook_may_be_made(bench: Bench) -> None:
    """It only looks; the technician wants to know before asking for a seal."""
    bench.risk = 3
    bench.do(do="order", order=bench.order(check_only=True))
    assert bench.repaired == ["o-1"]


def test_an_order_seen_before_is_answered_with_what_was_done_then(bench: Bench) -> None:
    """Whatever comes under an old id, nothing happens twice."""
    bench.do(do="order", order=bench.order())
    bench.do(do="order", order=bench.order(not_after=(NOW + timedelta(days=9)).isoformat(), playbook="other"))
    assert bench.repaired == ["o-1"]
    assert bench.resident.verdict("o-1") == ("fixed", "")
    assert any("order-repeated" in line.get("progress", "") for line in bench.resident.lines)


def test_a_refused_order_cannot_be_tried_again_under_its_id(bench: Bench) -> None:
    """A refusal is an end too."""
    bench.do(do="order", order=bench.order(host="host-2"))
    bench.do(do="order", order=bench.order())
    assert bench.resident.verdict("o-1") == ("refused", "not-for-this-host")


def test_after_a_crash_the_next_hands_finish_it_whatever_they_were_called_for(bench: Bench) -> None:
    """The OOM killer ended them in the middle of a repair."""
    bench.crash = Crash()
    with pytest.raises(Crash):
        bench.do(do="order", order=bench.order())
    bench.crash = None
    bench.do(do="checkup")
    assert bench.resident.verdict("o-1") == ("fixed", "")
    assert bench.repaired == ["o-1", "o-1"]


@pytest.mark.parametrize(("touched", "verdict"), [(False, "interrupted"), (True, "left")])
def test_a_run_that_ends_the_hands_again_and_again_is_given_up(bench: Bench, touched: bool, verdict: str) -> None:
    """A machine must not be busy dying for ever, and a person must hear of it."""
    bench.crash = Crash()
    with pytest.raises(Crash):
        bench.do(do="order", order=bench.order())
    for _ in range(TRIES - 1):
        with pytest.raises(Crash):
            bench.do(do="resume")
    if touched:
        (bench.folder / "hands" / "runs" / "o-1" / "journal.jsonl").write_text("")
    bench.do(do="resume")
    assert bench.resident.verdict("o-1") == (verdict, "own-error")
    assert len(bench.repaired) == TRIES


def test_a_full_disk_is_waited_out_and_not_counted_as_a_crash(bench: Bench) -> None:
    """The repair that frees the disk must not be given up because the disk is full."""
    bench.crash = FeldsherError("storage-full", "no room")
    for _ in range(TRIES + 2):
        with pytest.raises(FeldsherError):
            bench.do(do="order", order=bench.order())
    bench.crash = None
    bench.do(do="order", order=bench.order())
    assert bench.resident.verdict("o-1") == ("fixed", "")


def test_evidence_the_resident_had_no_room_for_is_brought_again(bench: Bench) -> None:
    """It is class 0: never lost."""
    bench.resident.has_room = False
    bench.do(do="order", order=bench.order())
    assert not bench.resident.kept
    bench.resident.has_room = True
    bench.do(do="resume")
    assert bench.resident.verdict("o-1") == ("fixed", "")
    assert bench.repaired == ["o-1"]


def test_a_parameter_that_does_not_fit_is_refused(bench: Bench) -> None:
    """The hands judge values again; what the collector resolved may be a lie."""
    bench.crash = FeldsherError("parameter", "mount: not a path")
    bench.do(do="order", order=bench.order())
    assert bench.resident.verdict("o-1") == ("refused", "parameter")


def test_by_a_clock_that_is_years_off_an_order_is_judged_by_the_collectors(bench: Bench) -> None:
    """The order to set the clock would otherwise always be too late."""
    window = {"not_before": "2031-01-01T00:00:00Z", "not_after": "2031-01-01T01:00:00Z"}
    bench.do(do="order", order=bench.order(**window), now="2031-01-01T00:10:00Z")
    assert bench.resident.verdict("o-1") == ("fixed", "")


def test_a_scheduled_look_may_ask_for_the_next_one(bench: Bench) -> None:
    """What has just begun is looked at again when it will have lasted."""
    bench.again = NOW + timedelta(minutes=2)
    bench.do(do="checkup", why="schedule")
    assert {"look_again_at": "2026-11-22T10:02:00Z"} in bench.resident.lines
    (report,) = bench.resident.kept
    assert report.startswith("report-")
    assert bench.resident.urgency[report] == 2


def test_two_scheduled_looks_are_two_items(bench: Bench) -> None:
    """Each counts in the ledger."""
    bench.do(do="checkup")
    bench.do(do="checkup")
    assert len(bench.resident.kept) == 2


@pytest.mark.parametrize(
    "heard", [b"", b"nonsense\n", b"[]\n", b'{"do": "dance"}\n', b'{"do": "order", "order": {"id": "../x"}}\n']
)
def test_a_resident_that_talks_nonsense_gets_nothing_done(bench: Bench, heard: bytes) -> None:
    """It is treated as hostile: it speaks with the network."""
    said = io.BytesIO()
    assert serve(bench.folder, bench.folder / "hands", bench.work(), Pipe(io.BytesIO(heard), said)) == 0
    assert bench.repaired == []
    assert b"evidence" not in said.getvalue()
    assert not any((bench.folder / "hands").glob("**/order.json"))


def test_when_the_resident_has_gone_the_evidence_stays_for_the_next(bench: Bench) -> None:
    """It was killed while the hands were at work: they finish and go."""
    (bench.folder / "identity").mkdir()
    (bench.folder / "identity" / "identity.json").write_text('{"host": "host-1"}')
    line = json.dumps({"do": "order", "order": bench.order()}).encode() + b"\n"
    assert serve(bench.folder, bench.folder / "hands", bench.work(), Pipe(io.BytesIO(line), io.BytesIO())) == 0
    run = bench.folder / "hands" / "runs" / "o-1"
    assert (run / "evidence.json").exists()
    assert not (run / "delivered").exists()
    bench.do(do="resume")
    assert bench.resident.verdict("o-1") == ("fixed", "")
    assert bench.repaired == ["o-1"]

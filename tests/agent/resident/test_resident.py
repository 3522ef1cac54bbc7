"""The resident as a process, against a collector over real TLS on loopback."""

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.collector import Behaviour, Collector

pytestmark = pytest.mark.slow

Start = Callable[..., Any]
MakeOrder = Callable[..., dict[str, Any]]

PLEA = {
    "at": "2026-11-22T10:00:00Z",
    "complaint": "slow",
    "words": "всё тормозит\n\x1b[31m",
    "report": {"schema": "feldsher.report/1", "any": ["thing", None]},
}


def parked(collector: Collector) -> bool:
    return bool(collector.asked) and collector.asked[-1].message["wait_seconds"] > 0


def test_an_order_is_carried_out_and_its_evidence_comes_back(
    collector: Collector, start: Start, an_order: MakeOrder, state: Path
) -> None:
    """The whole point of the house; a technician waits for this."""
    living = start()
    collector.wait_until(parked)
    collector.give(an_order("o-1", ticket="7"))
    collector.wait_until(lambda known: "evidence-o-1" in known.items and "o-1" not in known.asked[-1].message["have"])
    assert collector.items["evidence-o-1"]["body"]["verdict"] == "healthy"
    assert collector.items["report-o-1"]["kind"] == "report"
    assert any("o-1" in asked.message["have"] for asked in collector.asked)
    assert {asked.host for asked in collector.asked} == {"host-1"}
    assert (state / "orders" / "ended" / "o-1.json").exists()
    assert living.stop() == 0
    assert set(collector.times_seen.values()) == {1}


def test_a_plea_gets_its_ticket_number_at_once(collector: Collector, start: Start) -> None:
    """A customer stands at the screen; the parked request must not make them wait."""
    living = start()
    collector.wait_until(parked)
    saved, ticket = living.knock(json.dumps({"plea": PLEA}).encode())
    assert ticket == {"ticket": "12"}
    assert collector.items[saved["saved"]]["body"] == PLEA


def test_the_door_says_how_the_agent_is(collector: Collector, start: Start) -> None:
    """Whoever sits at the machine may ask."""
    living = start()
    collector.wait_until(parked)
    (status,) = living.knock(b'{"status": true}')
    assert status["running"]
    assert status["host"] == "host-1"
    assert status["spool"] == {"0": 0, "1": 0, "2": 0, "refused": 0, "damaged": 0}
    assert status["trouble"] is None


@pytest.mark.parametrize("line", [b"{}", b"nonsense", b"[" * 5000, b'{"plea": {"at": "x"}}', b'{"plea": NaN}', b"1"])
def test_a_stranger_at_the_door_is_told_no_and_harms_nothing(collector: Collector, start: Start, line: bytes) -> None:
    """Any user of the machine may knock; none of them may stop the agent or speak in its name."""
    living = start()
    collector.wait_until(parked)
    (answer,) = living.knock(line)
    assert answer["slug"] in {"schema", "json-syntax", "json-depth"}
    assert living.knock(b'{"status": true}')[0]["running"]


def test_who_says_nothing_at_the_door_keeps_nobody_waiting(collector: Collector, start: Start) -> None:
    """One hung program must not keep a customer from calling for help."""
    living = start()
    collector.wait_until(parked)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(living.state / "door.sock"))
        silent.sendall(b'{"plea": ')
        assert living.knock(json.dumps({"plea": PLEA}).encode())[-1] == {"ticket": "12"}


def test_killed_with_an_order_in_hand_nothing_is_lost_or_done_twice(
    collector: Collector, start: Start, an_order: MakeOrder, state: Path
) -> None:
    """A power cut must not cost an order, nor carry one out again."""
    collector.give(an_order("o-1"))
    first = start()
    collector.wait_until(lambda known: any("o-1" in asked.message["have"] for asked in known.asked))
    first.kill()
    start()
    collector.wait_until(lambda known: "evidence-o-1" in known.items and "o-1" not in known.asked[-1].message["have"])
    assert len(collector.of_kind("evidence")) == 1
    assert (state / "hands" / "runs" / "o-1" / "delivered").exists()


def test_killed_after_sending_and_before_the_answer_it_sends_the_same_id_again(
    collector: Collector, start: Start
) -> None:
    """The collector can only tell a repetition by its id."""
    living = start()
    collector.wait_until(parked)
    collector.script = [Behaviour(hang=True)]
    knocking = threading.Thread(target=_knock_and_be_cut_off, args=(living,))
    knocking.start()
    collector.wait_until(lambda known: any(asked.message["items"] for asked in known.asked))
    living.kill()
    knocking.join()
    assert not collector.items
    start()
    collector.wait_until(lambda known: len(known.of_kind("plea")) == 1)
    sent = {item["id"] for asked in collector.asked for item in asked.message["items"]}
    assert len(sent) == 1


def _knock_and_be_cut_off(living: Any) -> None:
    try:
        living.knock(json.dumps({"plea": PLEA}).encode())
    except OSError:
        return


def test_hands_that_die_are_sent_again(collector: Collector, start: Start, an_order: MakeOrder, state: Path) -> None:
    """The OOM killer takes the hands; the technician still gets evidence."""
    (state / "fake").mkdir()
    (state / "fake" / "die").write_text("1")
    start()
    collector.give(an_order("o-1"))
    collector.wait_until(lambda known: "evidence-o-1" in known.items)
    assert (state / "fake" / "done").read_text().count("look order") == 2


def test_an_order_that_comes_again_brings_the_same_evidence_and_is_not_done_again(
    collector: Collector, start: Start, an_order: MakeOrder, state: Path
) -> None:
    """A collector restored from its backup asks for what was done long ago."""
    start()
    collector.give(an_order("o-1"))
    collector.wait_until(lambda known: "evidence-o-1" in known.items and "o-1" not in known.asked[-1].message["have"])
    first = collector.items.pop("evidence-o-1")
    with collector.changed:
        collector.ended.clear()
        collector.changed.notify_all()
    collector.wait_until(lambda known: "evidence-o-1" in known.items)
    assert collector.items["evidence-o-1"]["body"] == first["body"]
    assert (state / "fake" / "done").read_text().count("look order") == 1


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(body=b"<html>captive portal</html>"),
        Behaviour(body=b'{"protocol": 2}'),
        Behaviour(body=b"[" * 100_000),
        Behaviour(status=500, body=b"oops"),
        Behaviour(status=503, headers={"Retry-After": "0"}),
        Behaviour(status=413, body=b"too large for this proxy"),
    ],
    ids=["html", "other-protocol", "deep", "500", "503", "413"],
)
def test_a_collector_out_of_its_mind_costs_nothing(
    collector: Collector, start: Start, an_order: MakeOrder, behaviour: Behaviour
) -> None:
    """Captive portals, proxies and bugs pass; what was said must arrive afterwards."""
    collector.script = [behaviour]
    living = start()
    collector.wait_until(lambda known: len(known.asked) >= 2)
    collector.give(an_order("o-1"))
    collector.wait_until(lambda known: "evidence-o-1" in known.items)
    assert living.process.poll() is None


def test_a_message_that_cannot_be_taken_is_set_aside_with_the_reason(collector: Collector, start: Start) -> None:
    """It would otherwise be sent for ever, and stand in everyone's way."""
    living = start()
    collector.wait_until(parked)
    problem = json.dumps({"code": "schema", "detail": "plea.report: no such field", "title": "no", "status": 422})
    collector.script = [Behaviour(status=422, body=problem.encode())]
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(living.state / "door.sock"))
        visitor.sendall(json.dumps({"plea": PLEA}).encode() + b"\n")
        collector.wait_until(lambda known: any(asked.message["items"] for asked in known.asked))
        collector.wait_until(lambda known: parked(known) and not known.asked[-1].message["items"])
    reasons = list((living.state / "spool" / "refused").glob("*.reason"))
    assert json.loads(reasons[0].read_text())["slug"] == "schema"
    assert living.knock(b'{"status": true}')[0]["spool"]["refused"] == 1


def test_one_refused_item_does_not_stop_the_others(collector: Collector, start: Start, an_order: MakeOrder) -> None:
    """A report the collector dislikes must not hold back the evidence behind it."""
    collector.refuse = {"report-o-1": ("schema", "it is odd")}
    living = start()
    collector.give(an_order("o-1"))
    collector.wait_until(lambda known: "evidence-o-1" in known.items)
    assert "report-o-1" not in collector.items
    assert living.knock(b'{"status": true}')[0]["spool"]["refused"] == 1


def test_vitals_come_by_themselves(collector: Collector, start: Start) -> None:
    """The console's curves are made of them."""
    start(vitals=0.2)
    collector.wait_until(lambda known: len(known.of_kind("vitals")) >= 2)
    names = {sample["name"] for sample in collector.of_kind("vitals")[1]["body"]["samples"]}
    assert names >= {"system.memory.utilization", "system.filesystem.utilization", "system.cpu.utilization"}


def test_the_first_report_does_not_wait_for_the_next_vitals(collector: Collector, start: Start) -> None:
    """Whoever enrolled the machine is looking at the console now."""
    start(vitals=3600, checkup=0.5)
    collector.wait_until(lambda known: bool(known.of_kind("report")))


def test_checkups_go_on_while_the_collector_is_away_and_arrive_later(
    collector: Collector, start: Start, state: Path
) -> None:
    """Thirty days offline are promised; a closed office is not a reason to look away."""
    collector.script = [Behaviour(status=503)] * 3
    start(checkup=0.5)
    collector.wait_until(lambda known: len(known.of_kind("report")) >= 2)
    assert (state / "fake" / "done").read_text().count("look schedule") >= 2


def test_two_agents_never_share_a_state(collector: Collector, start: Start) -> None:
    """Both would send the same spool, and both would start hands."""
    start()
    collector.wait_until(parked)
    second = start()
    assert second.process.wait(20) == 7
    assert "busy" in second.log.read_text()


def test_asked_to_stop_it_stops_and_leaves_word(collector: Collector, start: Start, state: Path) -> None:
    """`agent status` reads it when nobody is at the door."""
    living = start()
    collector.wait_until(parked)
    assert living.stop() == 0
    assert not (state / "door.sock").exists()
    assert json.loads((state / "resident.json").read_text())["last_exchange"]


def test_a_large_message_goes_out_compressed(collector: Collector, start: Start) -> None:
    """A branch office behind a thin line."""
    living = start()
    collector.wait_until(parked)
    living.knock(json.dumps({"plea": PLEA | {"words": "я" * 4000}}).encode())
    assert next(asked for asked in collector.asked if asked.message["items"]).compressed

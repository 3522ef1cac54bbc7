"""The resident's side of the hands, with hands that are a list of bytes."""

import json
from datetime import UTC, datetime

import pytest

from agent.resident.errands import KEPT_NOTHING_SECONDS, LONGEST_SECONDS, Delivery, Errands

EVIDENCE = b'{"item":"evidence-o-1","kind":"evidence","at":"2026-11-22T10:00:00Z","bytes":4,"class":0}\n{"\n}\n'


class FakeHands:
    def __init__(self, says: list[bytes]) -> None:
        self.says = [*says]
        self.heard: list[bytes] = []
        self.ended = False
        self.left = False

    def fileno(self) -> int:
        return 0

    def give(self, content: bytes) -> None:
        self.heard.append(content)

    def take(self) -> bytes:
        return self.says.pop(0) if self.says else b""

    def leave(self) -> None:
        self.left = True

    def end(self) -> None:
        self.ended = True

    def is_gone(self) -> bool:
        return True


class Bench:
    """Errands whose hands say what the test put in *scripts*, one script a start."""

    def __init__(self, *scripts: list[bytes]) -> None:
        self.scripts = list(scripts)
        self.started: list[FakeHands] = []
        self.kept: list[Delivery] = []
        self.has_room = True
        self.said: list[str] = []
        self.errands = Errands(
            self._start, lambda order: b'{"do":"order","id":"%s"}\n' % order.encode(), self._keep, self._say
        )

    def run(self, now: float) -> None:
        """Let everything happen that happens at *now*."""
        self.errands.turn(now)
        while self.errands.hands:
            self.errands.read(now)

    @property
    def did(self) -> list[str]:
        return [json.loads(hands.heard[0])["do"] for hands in self.started]

    def _start(self) -> FakeHands:
        self.started.append(FakeHands(self.scripts.pop(0) if self.scripts else [b'{"done":"x"}\n']))
        return self.started[-1]

    def _keep(self, delivery: Delivery) -> bool:
        if self.has_room:
            self.kept.append(delivery)
        return self.has_room

    def _say(self, event: str, **_what: object) -> None:
        self.said.append(event)


DONE = [b'{"done":"x"}\n']


def test_what_was_left_unfinished_comes_before_anything_new() -> None:
    """A repair cut short by a power cut is finished or taken back first."""
    bench = Bench()
    bench.errands.want_checkup()
    bench.errands.want_order("o-1")
    bench.scripts = [DONE, [EVIDENCE, *DONE], DONE]
    for _ in range(3):
        bench.run(0.0)
    assert bench.did == ["resume", "order", "checkup"]


@pytest.mark.parametrize("cut", range(1, 30, 3))
def test_a_delivery_is_understood_however_it_is_cut(cut: int) -> None:
    """Pipes cut where they like; a body may hold line breaks."""
    whole = EVIDENCE + DONE[0]
    bench = Bench([whole[at : at + cut] for at in range(0, len(whole), cut)])
    bench.run(0.0)
    assert bench.kept == [Delivery("evidence-o-1", "evidence", datetime(2026, 11, 22, 10, tzinfo=UTC), 0, b'{"\n}')]
    assert json.loads(bench.started[0].heard[1]) == {"kept": "evidence-o-1"}


def test_hands_that_go_without_a_word_are_sent_again_and_later_each_time() -> None:
    """A machine out of memory must not be kept busy by restarts."""
    bench = Bench(DONE)
    bench.run(0.0)
    bench.errands.want_order("o-1")
    bench.scripts = [[b'{"progress":"x"}\n'], [], [], DONE, [EVIDENCE, *DONE]]
    moments = []
    now = 0.0
    while len(bench.started) < 6:
        before = len(bench.started)
        bench.run(now)
        if len(bench.started) > before:
            moments.append(now)
        now += 0.5
    assert bench.did == ["resume", "order", "resume", "resume", "resume", "order"]
    assert moments[1] - moments[0] >= 1
    assert moments[2] - moments[1] >= 2
    assert moments[3] - moments[2] >= 4


def test_an_order_is_over_when_its_evidence_is_on_disk_and_not_before() -> None:
    """With the disk full, the hands keep it, and are asked again."""
    bench = Bench(DONE, [EVIDENCE, *DONE], [EVIDENCE, *DONE])
    bench.run(0.0)
    bench.has_room = False
    bench.errands.want_order("o-1")
    bench.run(0.0)
    assert json.loads(bench.started[1].heard[1]) == {"not_kept": "evidence-o-1"}
    bench.has_room = True
    bench.run(KEPT_NOTHING_SECONDS - 1)
    assert len(bench.started) == 2
    bench.run(KEPT_NOTHING_SECONDS + 1)
    assert len(bench.kept) == 1
    assert bench.errands.wakes_at() == float("inf")


def test_hands_that_hang_are_ended() -> None:
    """A checkup that never returns must not be the last one."""
    bench = Bench([])
    bench.errands.turn(0.0)
    bench.errands.turn(LONGEST_SECONDS["resume"])
    assert bench.started[0].ended
    assert bench.errands.hands is None


@pytest.mark.parametrize(
    "nonsense",
    [
        b"?\n",
        b"[]\n",
        b"1\n",
        b'{"item":"x"}\n',
        b'{"item":"x","bytes":99999999999}\n',
        b"x" * 70_000,
        b'{"item":"x","bytes":-1}\n',
    ],
)
def test_hands_that_talk_nonsense_are_ended_and_sent_again(nonsense: bytes) -> None:
    """A broken release must not stop the rest of the agent."""
    bench = Bench([nonsense])
    bench.run(0.0)
    assert bench.started[0].ended
    bench.run(10.0)
    assert bench.did == ["resume", "resume"]


def test_the_same_thing_is_not_queued_twice() -> None:
    """A slow checkup must not pile up behind itself."""
    bench = Bench()
    for _ in range(5):
        bench.errands.want_checkup()
        bench.errands.want_order("o-1")
    bench.scripts = [DONE, [EVIDENCE, *DONE], DONE]
    for _ in range(5):
        bench.run(0.0)
    assert bench.did == ["resume", "order", "checkup"]


def test_hands_at_work_are_left_to_finish_when_we_stop() -> None:
    """A repair is never cut because a service is restarted."""
    bench = Bench([b'{"look_again_at":"2026-11-22T10:02:00Z"}\n'])
    bench.errands.turn(0.0)
    bench.errands.read(0.0)
    assert bench.errands.look_again_at == datetime(2026, 11, 22, 10, 2, tzinfo=UTC)
    bench.errands.leave()
    assert bench.started[0].left
    assert not bench.started[0].ended

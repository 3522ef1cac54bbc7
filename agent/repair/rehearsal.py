"""Rehearses a playbook on a machine made of data: what it sees, and how each step comes out there.

A case is one file, ``tests/rehearsals/<playbook>/<case>.yaml``, read by `read_case`:

    about: Another installation holds the lock            # one sentence, for people
    params: {mount: /var}                                 # what the finding and the technician would say
    room: 1 GiB                                           # free where the repair is written down; left out: plenty
    sees:                                                 # the machine at first; labels have no dot, quantities do
      - {mount: /var, system.filesystem.utilization: 0.97, system.filesystem.usage.free: 500 MiB}
      - {journal.used_bytes: 2 GiB}
    blind: [packages.cache_bytes]                         # quantities whose probe fails
    steps:                                                # how steps come out; a step that is not named works
      Keep the newest 150 MB of system logs:
        do: works                                         # works fails refused too-slow killed
        then: [{journal.used_bytes: 100 MiB}]             # what is different afterwards; null: it is no longer there
        undo: works                                       # works fails
        undone: [{journal.used_bytes: 2 GiB}]             # what is different once it was taken back
    stop: do Keep the newest 150 MB of system logs        # somebody stops it once this move was made
    expect:
      moves: [needs, look, check …, do …, verify …, checkup]   # every move, in order
      verdict: fixed
      reason: still-found                                 # left out: none

``killed`` ends the process in the middle of the step, after what ``then`` says has happened; it is taken up again at
once from what is on disk. The rules that the playbook answers are the real ones.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agent.fields import Fields, nearest
from agent.hosts.base import NotAllowed, TooSlow
from agent.probes.catalogue import QUANTITIES
from agent.repair.action import Acted, Arguments, in_words
from agent.repair.carry_out import follow
from agent.repair.engine import Undo
from agent.repair.journal import Kind as LineKind
from agent.repair.journal import RunFolder
from agent.repair.machine import Seen
from agent.repair.parameters import Kind, read_value
from agent.repair.playbook import Playbook, resolve_params
from agent.rule import load_rules
from agent.yaml_reader import read_with_lines
from contract.errors import FeldsherError
from contract.evidence import Evidence
from contract.order import Order
from contract.sample import Sample, Value

DAY_ONE = datetime(2024, 1, 1, tzinfo=UTC)
PLENTY_BYTES = 2**40
MOST_MOVES = 500
SLUG = "playbook-schema"

_HOW = ("works", "fails", "refused", "too-slow", "killed")
_KINDS = {"By": Kind.SIZE, "s": Kind.DURATION}
_AMOUNT = re.compile(r"[0-9.]+ ?[A-Za-z]+")
_Key = tuple[str, tuple[tuple[str, str], ...]]
_Change = Mapping[_Key, Sample | None]


class Killed(BaseException):
    """The process ended here. No ordinary error: nothing in the repair may catch it and write on."""


@dataclass(frozen=True, slots=True)
class Part:
    """How one step comes out."""

    do: str = "works"
    then: _Change = field(default_factory=dict)
    undo: str = "works"
    undone: _Change = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One rehearsal as it was read."""

    name: str
    about: str
    params: Mapping[str, Value]
    room_bytes: int
    sees: _Change
    blind: frozenset[str]
    parts: Mapping[str, Part]
    stop: str
    moves: tuple[str, ...]
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """How a case went: every move that was made, the evidence, and the machine afterwards."""

    moves: tuple[str, ...]
    evidence: Evidence
    sees: _Change


def read_case(path: Path, playbook: Playbook) -> Case:
    """Return the case in *path*; `FeldsherError` with file and line when it is not one."""
    document = read_with_lines(path.read_bytes(), f"{path.parent.name}/{path.name}")
    keys = ("about", "params", "room", "sees", "blind", "steps", "stop", "expect")
    root = Fields(document, (), SLUG, keys)
    expect = root.below("expect", ("moves", "verdict", "reason"))
    return Case(
        name=path.stem,
        about=root.word("about"),
        params=dict(root.value("params")) if "params" in root else {},
        room_bytes=int(read_value(Kind.SIZE, root.word("room"), "room")) if "room" in root else PLENTY_BYTES,
        sees=_change(root, "sees"),
        blind=frozenset(root.words("blind")),
        parts=dict(_parts(root, playbook)),
        stop=root.word("stop", ""),
        moves=tuple(str(move) for move in expect.list("moves")),
        verdict=expect.word("verdict"),
        reason=expect.word("reason", ""),
    )


def rehearse(playbook: Playbook, case: Case) -> Rehearsed:
    """Play *case* through and return how it went. Nothing but a temporary folder is touched."""
    with TemporaryDirectory(prefix="feldsher-rehearsal-") as scratch:
        return _played(playbook, case, RunFolder(Path(scratch) / "run"))


def differences(case: Case, rehearsed: Rehearsed) -> list[str]:
    """Return in words what went otherwise than *case* expects; nothing when all is as expected."""
    found: list[str] = []
    evidence = rehearsed.evidence
    if rehearsed.moves != case.moves:
        found.append(f"moves: expected {_listed(case.moves)}, made {_listed(rehearsed.moves)}")
    if evidence.verdict.value != case.verdict:
        found.append(f"verdict: expected {case.verdict}, came to {evidence.verdict.value} ({evidence.detail})")
    if evidence.reason != case.reason:
        found.append(f"reason: expected {case.reason or 'none'}, was {evidence.reason or 'none'} ({evidence.detail})")
    return found


def once_more(playbook: Playbook, case: Case, rehearsed: Rehearsed) -> Rehearsed:
    """Rehearse again on the machine as *rehearsed* left it: one that was fixed must have nothing to do."""
    again = Case(
        name=case.name,
        about=case.about,
        params=case.params,
        room_bytes=case.room_bytes,
        sees=rehearsed.sees,
        blind=case.blind,
        parts={},
        stop="",
        moves=(),
        verdict="healthy",
        reason="",
    )
    return rehearse(playbook, again)


def cases_of(playbook: str, folder: Path) -> list[Path]:
    """Return the files of *playbook*'s cases below *folder*, sorted by name."""
    return sorted((folder / playbook).glob("*.yaml"))


def _played(playbook: Playbook, case: Case, run: RunFolder) -> Rehearsed:
    machine = _Stage(case, run)
    params = resolve_params(playbook, case.params, {})
    order = Order(
        id="rehearsal",
        kind="repair",
        host="rehearsal",
        by="rehearsal",
        not_before=DAY_ONE,
        not_after=DAY_ONE + timedelta(days=1),
        playbook=playbook.name,
        playbook_sha256=playbook.sha256,
    )
    rules = load_rules(playbook.answers)

    def stop() -> str:
        return "the rehearsal stops it" if case.stop and case.stop in _moves(run) else ""

    for _ in range(MOST_MOVES):
        try:
            evidence = follow(playbook, params, machine, run, order=order, rules=rules, clock=machine.now, stop=stop)
        except Killed:
            continue
        return Rehearsed(tuple(_moves(run)), evidence, machine.sees)
    raise FeldsherError("own-error", f"{case.name}: the repair does not come to an end")


def _moves(run: RunFolder) -> list[str]:
    """Return each move that was begun, once, in order."""
    moves: list[str] = []
    open_intent = ""
    for line in run.lines():
        move = f"{line.move} {line.step}".strip()
        if line.kind is LineKind.INTENT:
            open_intent = move
            moves.append(move)
        elif line.kind is LineKind.RESULT:
            if move != open_intent:
                moves.append(move)
            open_intent = ""
    return moves


class _Stage:
    """A machine made of data; what acts do to it stands in the case. The journal says which step is under way."""

    def __init__(self, case: Case, run: RunFolder) -> None:
        self.sees: dict[_Key, Sample | None] = dict(case.sees)
        self._case = case
        self._run = run
        self._seconds = 0.0

    def now(self) -> datetime:
        return DAY_ONE + timedelta(seconds=self._seconds)

    def elapsed(self) -> float:
        return self._seconds

    def wait(self, span: timedelta) -> None:
        self._seconds += span.total_seconds()

    def os_name(self) -> str:
        return "linux"

    def room_bytes(self) -> int:
        return self._case.room_bytes

    def look(self, names: frozenset[str]) -> Seen:
        seen = tuple(sample for (name, _), sample in self.sees.items() if sample is not None and name in names)
        return Seen(seen, self._case.blind & names)

    def prepare(self, action: str, arguments: Arguments) -> Any:
        if self._part().do == "refused":
            raise NotAllowed(action, "the case refuses it")
        return {"arguments": dict(arguments)}

    def act(self, action: str, arguments: Arguments, time_limit: timedelta) -> Acted:
        part = self._part()
        if self._run.lines()[-1].move == Undo.name:
            return self._taken_back(action, part)
        self.sees.update(part.then)
        match part.do:
            case "killed":
                raise Killed(action)
            case "too-slow":
                self._seconds += time_limit.total_seconds()
                raise TooSlow(action, "the case lets it hang")
            case how:
                did = f"{action} {in_words(arguments)}".strip()
                return Acted(ok=how == "works", did=did, detail="" if how == "works" else "the case lets it fail")

    def take_back(self, action: str, arguments: Arguments, before: Any, time_limit: timedelta) -> Acted:  # noqa: ARG002 - the door's signature
        return self._taken_back(action, self._part())

    def _taken_back(self, action: str, part: Part) -> Acted:
        if part.undo == "works":
            self.sees.update(part.undone)
        return Acted(ok=part.undo == "works", did=f"took {action} back")

    def _part(self) -> Part:
        return self._case.parts.get(self._run.lines()[-1].step, Part())


def _change(fields: Fields, key: str) -> dict[_Key, Sample | None]:
    """Return the samples under *key* by their identity; ``None`` for one that is no longer there."""
    change: dict[_Key, Sample | None] = {}
    for position, written in enumerate(fields.list(key)):
        if not isinstance(written, dict):
            fields.fail(key, "each item is a mapping of labels and quantities", "write  {mount: /, quantity: 1}")
        where = {name: str(value) for name, value in written.items() if "." not in name}
        for name in (name for name in written if "." in name):
            if name not in QUANTITIES:
                hint = nearest(name, QUANTITIES)
                place = fields.document.at((*fields.path, key, position, name))
                raise FeldsherError(SLUG, f"no probe gives {name!r}", where=place, remedy=hint)
            quantity = QUANTITIES[name]
            here = {label: where[label] for label in quantity.labels if label in where}
            identity = (name, tuple(sorted(here.items())))
            value = written[name]
            change[identity] = (
                None if value is None else Sample(name, _value(value, quantity.unit), quantity.unit, here)
            )
    return change


def _value(written: Any, unit: str) -> Value:
    """Return a value as a probe would give it: ``2 GiB`` in bytes, ``10m`` in seconds."""
    if isinstance(written, str) and unit in _KINDS and _AMOUNT.fullmatch(written):
        return read_value(_KINDS[unit], written, unit)
    return written  # type: ignore[no-any-return]  # a scalar of the case; a sample may be anything a machine says


def _parts(root: Fields, playbook: Playbook) -> Iterator[tuple[str, Part]]:
    if "steps" not in root:
        return
    names = tuple(step.name for step in playbook.steps)
    steps = root.below("steps", names)
    for name in (name for name in names if name in steps):
        fields = steps.below(name, ("do", "then", "undo", "undone"))
        yield (
            name,
            Part(
                do=fields.one_of("do", _HOW, "works"),
                then=_change(fields, "then"),
                undo=fields.one_of("undo", ("works", "fails"), "works"),
                undone=_change(fields, "undone"),
            ),
        )


def _listed(moves: Sequence[str]) -> str:
    return "; ".join(moves) or "none"

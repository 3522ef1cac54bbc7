"""The loop that touches: asks the engine, writes down the intent, acts, writes down the result, and asks again."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import assert_never

import msgspec

from agent.checkup import look
from agent.hosts.base import Host
from agent.repair import engine
from agent.repair.acting import Actor
from agent.repair.engine import Check, CheckNeeds, Do, Finish, FreshCheckup, LookAfter, LookBefore, Undo, VerifyStep
from agent.repair.journal import Journal, Kind, RunFolder
from agent.repair.judging import Judgement
from agent.repair.looking import Answer, Looker, Whole
from agent.repair.machine import HostMachine, Machine
from agent.repair.parameters import Kind as ParamKind
from agent.repair.plan import plan
from agent.repair.playbook import Playbook, place_of, read_playbook
from agent.repair.shape import Step
from agent.repair.write_up import Subject, write_up
from agent.rule import Rule, load_rules
from contract.errors import FeldsherError
from contract.evidence import Evidence, StepEnd, Verdict
from contract.order import Order
from contract.sample import Value


def never() -> str:
    """Nobody asks to stop."""
    return ""


def carry_out(  # noqa: PLR0913 - each is a different thing, given by name
    playbook: Playbook,
    params: Mapping[str, Value],
    host: Host,
    run: RunFolder,
    *,
    order: Order,
    clock: Callable[[], datetime],
    stop: Callable[[], str] = never,
) -> Evidence:
    """Carry *playbook* out on *host* with resolved *params*, and return the evidence.

    What stands in *run* is taken up again: a finished repair returns the same evidence, one cut short is resumed or
    taken back. *stop* is asked between moves; words in return (who, why) mean: take back. An order that is
    ``check_only`` changes nothing and returns the plan. Raises `FeldsherError` ``storage-full`` or
    ``state-not-writable`` when it cannot write down what it is about to do; nothing was touched since the last line.
    """
    machine = HostMachine(host, look, run.path)
    return follow(
        playbook, params, machine, run, order=order, rules=load_rules(playbook.answers), clock=clock, stop=stop
    )


def follow(  # noqa: PLR0913 - each is a different thing, given by name
    playbook: Playbook,
    params: Mapping[str, Value],
    machine: Machine,
    run: RunFolder,
    *,
    order: Order,
    rules: Sequence[Rule],
    clock: Callable[[], datetime],
    stop: Callable[[], str] = never,
) -> Evidence:
    """Do as `carry_out`, on any *machine*."""
    over = run.evidence()
    if over is not None:
        return msgspec.json.decode(over, type=Evidence)
    begun = run.playbook()
    if begun is not None and begun != playbook.content:
        # The library was changed while the repair lay still: it ends by the words it was begun with.
        playbook = read_playbook(begun, playbook.where)
    place = place_of(playbook, params)
    secret = {param.name for param in playbook.params if param.kind is ParamKind.SECRET}
    words = {name: str(value) for name, value in params.items() if name not in secret}
    secrets = tuple(str(value) for name, value in params.items() if name in secret)
    subject = Subject(playbook, order, words)
    looker = Looker(playbook, params, place, machine, rules)
    if order.check_only:
        evidence = plan(subject, looker, clock)
    else:
        evidence = _repaired(subject, looker, machine, run, secrets, clock, stop)
    run.finish(msgspec.json.encode(evidence))
    return evidence


def _repaired(  # noqa: PLR0913, PLR0917 - called in one place, above
    subject: Subject,
    looker: Looker,
    machine: Machine,
    run: RunFolder,
    secrets: tuple[str, ...],
    clock: Callable[[], datetime],
    stop: Callable[[], str],
) -> Evidence:
    try:
        journal = Journal(run, clock)
        actor = Actor(machine, run, journal, looker.values, secrets)
        finish = _Repair(subject.playbook, looker, actor, journal, run).to_its_end(machine, stop)
    except FeldsherError as error:
        if error.slug != "state-damaged":
            raise
        interrupted = write_up(subject, (), Finish(Verdict.INTERRUPTED, error.slug, error.what), clock())
        # Nobody knows what was done: that is not the same as nothing.
        unknown = tuple(msgspec.structs.replace(step, end=StepEnd.UNKNOWN) for step in interrupted.steps)
        return msgspec.structs.replace(interrupted, steps=unknown)
    return write_up(subject, journal.lines, finish, clock())


class _Repair:
    """One repair under way: what was written down so far, and how each kind of move is made."""

    def __init__(self, playbook: Playbook, looker: Looker, actor: Actor, journal: Journal, run: RunFolder) -> None:
        self._playbook = playbook
        self._looker = looker
        self._actor = actor
        self._journal = journal
        self._run = run

    def to_its_end(self, machine: Machine, stop: Callable[[], str]) -> Finish:
        """Make move after move until the engine says that it is over."""
        if not self._journal.lines:
            self._run.keep_playbook(self._playbook.content)
        self._journal.write(Kind.RESUMED if self._journal.lines else Kind.BEGAN, detail=self._playbook.sha256)
        ends = machine.elapsed() + self._playbook.needs.within.total_seconds()
        while True:
            move = engine.what_next(self._playbook, self._journal.lines)
            if isinstance(move, Finish):
                return move
            if any(line.kind is Kind.STOP for line in self._journal.lines):
                self._make(move, machine)
            elif machine.elapsed() > ends:
                self._journal.write(Kind.STOP, reason="too-slow", detail="the time that it may take is over")
            elif words := stop():
                self._journal.write(Kind.STOP, reason="stopped", detail=words)
            else:
                self._make(move, machine)

    def _make(self, move: engine.Move, machine: Machine) -> None:
        match move:
            case CheckNeeds():
                self._answered(move.name, self._looker.needs())
            case LookBefore() | LookAfter():
                self._measured(move.name, self._looker.everything())
            case FreshCheckup():
                self._measured(move.name, self._looker.everything(self._before()))
            case Check():
                if move.again:
                    machine.wait(move.step.retry.delay)
                self._answered(move.name, self._looker.check(move.step), move.step.name)
            case Do():
                self._actor.do(move.step, self._number(move.step), keep_saved=move.again)
            case VerifyStep():
                self._answered(move.name, self._looker.verify(move.step), move.step.name)
            case Undo():
                self._actor.undo(move.step, self._number(move.step))
            case Finish():
                raise AssertionError("the loop ends before a finish is made")
            case _:
                assert_never(move)

    def _answered(self, move: str, answer: Answer, step: str = "") -> None:
        self._journal.write(
            Kind.RESULT, move=move, step=step, outcome=answer.outcome, reason=answer.reason, detail=answer.detail
        )

    def _measured(self, move: str, whole: Whole) -> None:
        self._journal.write(
            Kind.RESULT,
            move=move,
            outcome=whole.answer.outcome,
            reason=whole.answer.reason,
            detail=whole.answer.detail,
            samples=whole.samples,
            findings=whole.judgement.findings,
            cannot_tell=whole.judgement.cannot_tell,
        )

    def _before(self) -> Judgement:
        line = next(line for line in self._journal.lines if line.move == LookBefore.name)
        return Judgement(line.findings, line.cannot_tell)

    def _number(self, step: Step) -> int:
        return self._playbook.steps.index(step) + 1

"""The moves of a repair that only look: is there room, has a step anything to do, did it work, are the rules silent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from agent.expression import Expression
from agent.hosts.base import HostError
from agent.repair import judging
from agent.repair.journal import Outcome
from agent.repair.judging import Judgement
from agent.repair.machine import Machine, Seen
from agent.repair.shape import Playbook, Step
from agent.rule import Rule
from contract.finding import Held
from contract.readable import count_bytes
from contract.sample import Place, Sample, Value

VERIFY_PATIENCE = timedelta(seconds=10)
"""How long an effect may take to show, where the step does not say it."""
BETWEEN_LOOKS = timedelta(seconds=1)

_OUTCOMES = {Held.YES: Outcome.YES, Held.NO: Outcome.NO, Held.UNKNOWN: Outcome.UNKNOWN}
_NOT_SILENT = {Held.YES: "", Held.NO: "still-found", Held.UNKNOWN: "cannot-tell"}


@dataclass(frozen=True, slots=True)
class Answer:
    """How a look came out. *reason* is a slug where the outcome is the end of the repair."""

    outcome: Outcome
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Whole:
    """A look at everything the repair is about, judged."""

    answer: Answer
    samples: tuple[Sample, ...]
    judgement: Judgement


class Looker:
    """Looks at one machine on behalf of one repair. Every look is fresh."""

    def __init__(
        self, playbook: Playbook, params: Mapping[str, Value], place: Place, machine: Machine, rules: Sequence[Rule]
    ) -> None:
        self._playbook = playbook
        self._params = params
        self._place = place
        self._machine = machine
        self._rules = rules
        self._wanted = judging.quantities_wanted(playbook, rules)
        self._told = judging.quantities_told(playbook, rules)

    def needs(self) -> Answer:
        """Return whether this is the system it was written for, with room to write down what will be done."""
        needed = self._playbook.needs.free_bytes
        try:
            os_name = self._machine.os_name()
            if self._playbook.os not in {"any", os_name}:
                return Answer(Outcome.NO, "not-there", f"it is for {self._playbook.os}, and this is {os_name}")
            room = self._machine.room_bytes() if needed else 0
        except HostError as error:
            return Answer(Outcome.NO, error.reason, str(error))
        if room >= needed:
            return Answer(Outcome.YES)
        return Answer(Outcome.NO, "no-room", f"{count_bytes(room, 'en')} free, {count_bytes(needed, 'en')} needed")

    def everything(self, before: Judgement | None = None) -> Whole:
        """Measure and judge; with *before*, say whether the rules have fallen silent since."""
        seen = self._machine.look(self._wanted)
        judgement = judging.judge(seen, self._rules, self._place)
        samples = judging.at_place(seen.samples, self._told, self._place)
        if before is None:
            return Whole(Answer(Outcome.YES), samples, judgement)
        held, why = judging.fell_silent(before, judgement)
        return Whole(Answer(_OUTCOMES[held], _NOT_SILENT[held], why), samples, judgement)

    def check(self, step: Step) -> Answer:
        """Return whether *step* has nothing to do (yes), something (no), or does not concern this machine."""
        expressions = [step.check] if step.when is None else [step.when, step.check]
        seen = self._look(expressions)
        if step.when is not None:
            held, missing = judging.whether(step.when, seen, self._place, self._params)
            if held is Held.UNKNOWN:
                return _unsure(missing)
            if held is Held.NO:
                return Answer(Outcome.SKIPPED)
        held, missing = judging.whether(step.check, seen, self._place, self._params)
        return _unsure(missing) if held is Held.UNKNOWN else Answer(_OUTCOMES[held])

    def verify(self, step: Step) -> Answer:
        """Return whether *step* worked; an effect may take a moment to show."""
        begun, looks = self._machine.elapsed(), 1
        while True:
            held, missing = judging.whether(step.verify, self._look([step.verify]), self._place, self._params)
            if held is Held.YES:
                return Answer(Outcome.YES)
            if step.retry.times:
                pause, patient = step.retry.delay, looks <= step.retry.times
            else:
                pause = BETWEEN_LOOKS
                patient = self._machine.elapsed() - begun < VERIFY_PATIENCE.total_seconds()
            if not patient:
                why = f"not seen: {', '.join(sorted(missing))}" if missing else f"does not hold: {step.verify.text}"
                return Answer(_OUTCOMES[held], "not-verified", why)
            looks += 1
            self._machine.wait(pause)

    def values(self, names: frozenset[str]) -> dict[str, Value]:
        """Return what an act's arguments may be filled from: the parameters, and a fresh look at the rest."""
        wanted = names - self._params.keys()
        if not wanted:
            return dict(self._params)
        return judging.values_seen(wanted, self._machine.look(wanted), self._place) | dict(self._params)

    def _look(self, expressions: Sequence[Expression]) -> Seen:
        names = frozenset[str]().union(*(expression.names for expression in expressions)) - self._params.keys()
        return self._machine.look(names) if names else Seen(())


def _unsure(missing: frozenset[str]) -> Answer:
    return Answer(Outcome.UNKNOWN, "cannot-tell", f"not seen: {', '.join(sorted(missing))}")

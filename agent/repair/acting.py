"""The moves of a repair that touch: carrying a step out, and taking it back. Nothing is begun that is not on disk."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from agent.hosts.base import HostError, NotAllowed, NotThere
from agent.repair import arguments
from agent.repair.action import Acted
from agent.repair.engine import Do, Undo
from agent.repair.journal import Journal, Kind, Outcome, RunFolder
from agent.repair.machine import Machine
from agent.repair.shape import Act, Step, UndoWord
from agent.scrub import scrub_text
from contract.errors import FeldsherError
from contract.sample import Value

INLINE_CHARACTERS = 4096
"""How much of each end of a step's output is shown; the whole of it is kept in the run folder."""

Values = Callable[[frozenset[str]], dict[str, Value]]
"""What arguments may be filled from, by a fresh look at the names that are no parameters."""


class Actor:
    """Carries steps out on one machine, for one repair. *secrets* are taken out of everything that was printed."""

    def __init__(
        self, machine: Machine, run: RunFolder, journal: Journal, values: Values, secrets: tuple[str, ...]
    ) -> None:
        self._machine = machine
        self._run = run
        self._journal = journal
        self._values = values
        self._secrets = secrets

    def do(self, step: Step, number: int, *, keep_saved: bool) -> None:
        """Carry *step* out: first what undo needs, then the intent, then the acts, then how they went.

        With *keep_saved* what was saved at the first try stays: it is the machine as we found it.
        """
        names = frozenset[str]().union(*(arguments.names_of(act) for act in step.do))
        values = self._values(names)
        if names - values.keys():
            missing = ", ".join(sorted(names - values.keys()))
            self._refuse(step, "cannot-tell", f"not seen: {missing}")
            return
        try:
            due = [(act.action, arguments.fill(act, values)) for act in step.do]
            saved = [self._machine.prepare(action, filled) for action, filled in due]
        except (HostError, FeldsherError) as error:
            self._refused(step, error)
            return
        for index, ((action, filled), before) in enumerate(zip(due, saved, strict=True)):
            key = f"{number}-{index}"
            if not keep_saved or self._run.saved(key) is None:
                self._run.save(key, {"action": action, "arguments": filled, "before": before})
        self._journal.write(Kind.INTENT, move=Do.name, step=step.name)
        left = _Time(self._machine, step.timeout)
        acts: list[Acted] = []
        for action, filled in due:
            try:
                acts.append(self._machine.act(action, filled, left.time_limit()))
            except (NotAllowed, NotThere) as error:
                if not acts:
                    self._refused(step, error)
                    return
                acts.append(_said_no(action, error))
            except HostError as error:
                acts.append(_said_no(action, error))
            if not acts[-1].ok:
                break
        self._result(Do.name, step, number, acts, "step-failed")

    def undo(self, step: Step, number: int) -> None:
        """Take *step* back; every act of it is tried, even when one of them fails."""
        self._journal.write(Kind.INTENT, move=Undo.name, step=step.name)
        left = _Time(self._machine, step.timeout)
        if isinstance(step.undo, UndoWord):
            acts = [self._inverse(f"{number}-{index}", left) for index in reversed(range(len(step.do)))]
        else:
            acts = [self._carry(act, left) for act in step.undo]
        self._result(Undo.name, step, number, acts, "not-taken-back")

    def _inverse(self, key: str, left: "_Time") -> Acted:
        try:
            saved: Any = self._run.saved(key)
        except FeldsherError as error:
            return Acted(ok=False, did="could not take it back", detail=error.what)
        if saved is None:
            return Acted(ok=False, did="could not take it back", detail="what undo needs is not there")
        try:
            return self._machine.take_back(saved["action"], saved["arguments"], saved["before"], left.time_limit())
        except HostError as error:
            return _said_no(saved["action"], error)

    def _carry(self, act: Act, left: "_Time") -> Acted:
        try:
            filled = arguments.fill(act, self._values(arguments.names_of(act)))
            return self._machine.act(act.action, filled, left.time_limit())
        except (HostError, FeldsherError) as error:
            return _said_no(act.action, error)

    def _refused(self, step: Step, error: HostError | FeldsherError) -> None:
        if isinstance(error, HostError):
            self._refuse(step, error.reason, str(error))
        else:
            self._refuse(step, error.slug, error.what)

    def _refuse(self, step: Step, reason: str, detail: str) -> None:
        self._journal.write(
            Kind.RESULT, move=Do.name, step=step.name, outcome=Outcome.REFUSED, reason=reason, detail=detail
        )

    def _result(self, move: str, step: Step, number: int, acts: list[Acted], reason: str) -> None:
        ok = all(acted.ok for acted in acts)
        output = self._scrubbed("\n".join(acted.output for acted in acts if acted.output))
        if output:
            self._run.keep_output(f"{number}-{move}", output)
        self._journal.write(
            Kind.RESULT,
            move=move,
            step=step.name,
            outcome=Outcome.YES if ok else Outcome.NO,
            reason="" if ok else reason,
            detail=self._scrubbed("; ".join(acted.detail for acted in acts if acted.detail)),
            did=tuple(self._scrubbed(acted.did) for acted in acts),
            output=head_and_tail(output),
        )

    def _scrubbed(self, text: str) -> str:
        return scrub_text(text, self._secrets)[0]


class _Time:
    """What is left of a step's time limit."""

    def __init__(self, machine: Machine, limit: timedelta) -> None:
        self._machine = machine
        self._ends = machine.elapsed() + limit.total_seconds()

    def time_limit(self) -> timedelta:
        # Never nothing: an undo that was given no time at all would surely fail.
        return timedelta(seconds=max(1.0, self._ends - self._machine.elapsed()))


def head_and_tail(text: str, each: int = INLINE_CHARACTERS) -> str:
    """Return *text*, or both its ends with a line between that says how much is not shown."""
    if len(text) <= 2 * each:
        return text
    return f"{text[:each]}\n… {len(text) - 2 * each} characters are not shown …\n{text[-each:]}"


def _said_no(action: str, error: HostError | FeldsherError) -> Acted:
    return Acted(ok=False, did=f"tried {action}", detail=str(error))

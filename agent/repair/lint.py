"""Looks over a playbook's shoulder: why its risk is what it is, and what could be written better."""

from dataclasses import dataclass
from difflib import get_close_matches

from agent.repair.actions import ACTIONS, action_instead_of
from agent.repair.shape import Act, Playbook, Step


@dataclass(frozen=True, slots=True)
class Warned:
    """One thing that is allowed, but not good. *where* is ``file:line``."""

    where: str
    what: str
    remedy: str


def warnings_about(playbook: Playbook, rules: tuple[str, ...]) -> list[Warned]:
    """Return what could be written better. *rules* are the names of those there are."""
    found = [warned for step in playbook.steps for act in _acts(step) for warned in _about(playbook, step, act)]
    for name in playbook.answers:
        if name not in rules:
            near = get_close_matches(name, rules, n=1)
            hint = f"did you mean {near[0]}?" if near else "name a rule of the library"
            found.append(
                Warned(f"{playbook.where}:1", f"answers: there is no rule {name!r}, so success cannot be proven", hint)
            )
    if not playbook.answers and any(ACTIONS[act.action].risk for step in playbook.steps for act in _acts(step)):
        found.append(
            Warned(f"{playbook.where}:1", "answers: is empty, so nothing proves that it helped", "name the rules")
        )
    return found


def risk_in_words(playbook: Playbook) -> list[str]:
    """Return for each step the risk it carries and the actions it comes from."""
    return [
        f"{step.risk.word}: {step.name} ({', '.join(f'{name} {ACTIONS[name].risk.word}' for name in _names(step))})"
        for step in playbook.steps
    ]


def _about(playbook: Playbook, step: Step, act: Act) -> list[Warned]:
    if act.action != "run":
        return []
    better = action_instead_of(act.arguments["argv"])
    if better is None:
        return []
    return [
        Warned(
            f"{playbook.where}:{step.line}",
            f"the step {step.name!r} runs a command where the action {better.name} does the same",
            f"write  {{{better.name}: {{…}}}}: it knows its risk and how to take it back",
        )
    ]


def _acts(step: Step) -> tuple[Act, ...]:
    return (*step.do, *(step.undo if isinstance(step.undo, tuple) else ()))


def _names(step: Step) -> list[str]:
    return list(dict.fromkeys(act.action for act in _acts(step)))

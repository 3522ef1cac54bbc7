"""Tries a rule on the machines its author imagined. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from agent.diagnosis import Judged, judge
from agent.expression import Samples
from agent.rule import Example, Rule
from contract.finding import Held


@dataclass(frozen=True, slots=True)
class Trial:
    """How one example went. *kind* is ``fires`` or ``stays_quiet``; *detail* says what was seen instead."""

    kind: str
    where: str
    passed: bool
    detail: str


def try_out(rule: Rule) -> Iterator[Trial]:
    """Try every example: one fires when the rule finds something there, and is quiet when it is sure of nothing.

    Not being able to tell is neither: the example lacks a sample.
    """
    for example in rule.fires:
        judged = _judge(rule, example)
        yield _trial("fires", example, judged, passed=any(one.held is Held.YES for one in judged))
    for example in rule.stays_quiet:
        judged = _judge(rule, example)
        yield _trial("stays_quiet", example, judged, passed=all(one.held is Held.NO for one in judged))


def _judge(rule: Rule, example: Example) -> list[Judged]:
    samples = Samples(example.samples)
    return [judge(rule, samples, place) for place in example.places]


def _trial(kind: str, example: Example, judged: list[Judged], *, passed: bool) -> Trial:
    unknown = sorted({name for one in judged if one.held is Held.UNKNOWN for name in one.missing})
    if passed:
        detail = ""
    elif unknown:
        detail = f"cannot tell without {', '.join(unknown)}"
    else:
        detail = "does not fire" if kind == "fires" else "fires"
    return Trial(kind, example.where, passed, detail)

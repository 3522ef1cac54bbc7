"""What a fresh look means for a repair: whether a condition holds, and whether the rules have fallen silent. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from agent.diagnosis import diagnose, quantities_of
from agent.expression import Expression, View, agree, holds, missing_for
from agent.probes.catalogue import QUANTITIES
from agent.repair import arguments
from agent.repair.machine import Seen
from agent.repair.shape import Playbook
from agent.rule import Rule
from contract.finding import Finding, Held
from contract.sample import Place, Sample, Value


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules that a playbook answers say at its place. *cannot_tell* are rules."""

    findings: tuple[Finding, ...]
    cannot_tell: tuple[str, ...]


def quantities_wanted(playbook: Playbook, rules: Sequence[Rule]) -> frozenset[str]:
    """Return every quantity that the repair's conditions, arguments and rules lean on."""
    wanted = set(quantities_of(rules)) | set(playbook.evidence)
    for step in playbook.steps:
        for expression in (step.when, step.check, step.verify):
            wanted |= expression.names if expression else frozenset()
        for act in (*step.do, *(step.undo if isinstance(step.undo, tuple) else ())):
            wanted |= arguments.names_of(act)
    params = {param.name for param in playbook.params}
    return frozenset(name for name in wanted if name in QUANTITIES and name not in params)


def quantities_told(playbook: Playbook, rules: Sequence[Rule]) -> frozenset[str]:
    """Return what a ticket shows before and after. The signs of a suspicion stand with its finding, not here again."""
    certain = {name for rule in rules if rule.when for name in rule.when.names}
    return quantities_wanted(playbook, ()) | (certain & quantities_wanted(playbook, rules))


def whether(
    expression: Expression, seen: Seen, place: Place, params: Mapping[str, Value]
) -> tuple[Held, frozenset[str]]:
    """Return whether *expression* holds at *place*, and what was missing where that cannot be said.

    What a probe failed to see is not missing from the machine: a condition that leans on it is unknown.
    """
    blind = expression.names & seen.blind
    if blind:
        return Held.UNKNOWN, blind
    view = View(seen.samples, place, params)
    return holds(expression, view), missing_for(expression, view)


def values_seen(names: Iterable[str], seen: Seen, place: Place) -> dict[str, Value]:
    """Return the value of each of *names* that was seen exactly once at *place*."""
    view = View(seen.samples, place)
    found = {name: view.seen(name) for name in names}
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def at_place(samples: Iterable[Sample], names: frozenset[str], place: Place) -> tuple[Sample, ...]:
    """Return the samples of *names* that belong to *place*."""
    return tuple(sample for sample in samples if sample.name in names and agree(sample.where, place))


def judge(seen: Seen, rules: Sequence[Rule], place: Place) -> Judgement:
    """Return what *rules* say at *place*. A rule that leans on what a probe failed to see cannot tell."""
    diagnosis = diagnose(seen.samples, rules)
    unsure = {item.rule for item in diagnosis.cannot_tell if agree(item.where, place)}
    unsure |= {rule.rule for rule in rules if quantities_of([rule]) & seen.blind}
    findings = tuple(finding for finding in diagnosis.findings if agree(finding.where, place))
    return Judgement(findings, tuple(sorted(unsure)))


def fell_silent(before: Judgement, after: Judgement) -> tuple[Held, str]:
    """Return whether *after* proves that nothing answered is wrong any more, and why not in words.

    A rule that could not tell before either does not stand in the way when another one was found and fell silent:
    the repair was for that one.
    """
    if after.findings:
        titles = "; ".join(finding.title.en for finding in after.findings)
        return Held.NO, f"still found: {titles}"
    tolerated = set(before.cannot_tell) if before.findings else set()
    unsure = [rule for rule in after.cannot_tell if rule not in tolerated]
    return (Held.UNKNOWN, f"cannot tell: {', '.join(unsure)}") if unsure else (Held.YES, "")

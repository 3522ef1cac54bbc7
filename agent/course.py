"""Findings over time: nobody is told before a finding has lasted, and a gap keeps it from flapping. Pure.

A course is what is remembered between two looks. A look that could not tell neither begins nor ends anything.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from agent.expression import Samples, View, agree, holds
from agent.rule import Rule
from contract.finding import CannotTell, Finding, Held
from contract.sample import Sample


class Spell(Struct, frozen=True):
    """One finding since it was first seen. *seen* is the last look that found it; *told* whether anybody knows."""

    finding: Finding
    first: datetime
    seen: datetime
    told: bool = False


class Course(Struct, frozen=True):
    """What is remembered between looks, by the keys of findings; it encodes to JSON."""

    spells: dict[str, Spell] = {}
    at: datetime | None = None


class Step(Struct, frozen=True):
    """What one look added: who is told, what is still watched, and what has cleared.

    *told* are all findings that have lasted, those known before too, with the time they were first seen.
    *look_again_at* is when the next of the *watched* will have lasted; ``None`` when nothing waits.
    """

    memory: Course
    told: tuple[Finding, ...]
    watched: tuple[Finding, ...]
    cleared: tuple[str, ...]
    look_again_at: datetime | None


def advance(  # noqa: PLR0913 - what a look brings, and what is remembered
    memory: Course,
    findings: Sequence[Finding],
    cannot_tell: Sequence[CannotTell],
    at: datetime,
    rules: Sequence[Rule],
    *,
    samples: Sequence[Sample],
) -> Step:
    """Return what the look *at* that time makes of *memory*.

    *rules* are those that were judged: the spells of others go on unchanged. *samples* are those of the look, for
    ``clears_when``; a spell whose gap cannot be judged goes on. The order of *findings* is kept.
    """
    lasts = {rule.rule: rule.lasts for rule in rules}
    spells = {key: _shifted(spell, memory.at, at) for key, spell in memory.spells.items()}
    found = {finding.key: finding for finding in findings}
    cleared = tuple(sorted(key for key, spell in spells.items() if _clears(spell, found, cannot_tell, rules, samples)))
    going_on = {key: spell for key, spell in spells.items() if key not in found and key not in cleared}
    seen = {key: _seen(spells.get(key), finding, at, lasts) for key, finding in found.items()}
    after = {**seen, **going_on}
    waiting = [spell.first + lasts.get(spell.finding.rule, timedelta(0)) for spell in after.values() if not spell.told]
    return Step(
        memory=Course(spells=after, at=at),
        told=tuple(_since(spell, after) for spell in after.values() if spell.told),
        watched=tuple(_since(spell, after) for spell in after.values() if not spell.told),
        cleared=tuple(key for key in cleared if spells[key].told),
        look_again_at=max(min(waiting), at) if waiting else None,
    )


def _shifted(spell: Spell, before: datetime | None, at: datetime) -> Spell:
    """Return *spell* as if the clock had never jumped back: what is known to have passed stays passed."""
    if before is None or at >= before:
        return spell
    back = before - at
    return replace(spell, first=spell.first - back, seen=spell.seen - back)


def _seen(spell: Spell | None, finding: Finding, at: datetime, lasts: dict[str, timedelta]) -> Spell:
    first = spell.first if spell else at
    told = (spell is not None and spell.told) or at - first >= lasts.get(finding.rule, timedelta(0))
    return Spell(finding=finding, first=first, seen=at, told=told)


def _clears(
    spell: Spell,
    found: dict[str, Finding],
    cannot_tell: Sequence[CannotTell],
    rules: Sequence[Rule],
    samples: Sequence[Sample],
) -> bool:
    """Whether *spell* is over: its rule was judged, did not find it, could tell, and its gap has been crossed."""
    finding = spell.finding
    rule = next((rule for rule in rules if rule.rule == finding.rule), None)
    if rule is None or finding.key in found:
        return False
    if any(doubt.rule == finding.rule and agree(doubt.where, finding.where) for doubt in cannot_tell):
        return False
    if rule.clears_when is None or not spell.told:
        # A spell nobody was told of needs no gap: it begins again from nothing.
        return True
    indexed = Samples(samples)
    if rule.per and finding.where not in indexed.places(rule.per):
        # The program has ended, the disk is gone: there is nothing left to be ill.
        return True
    return holds(rule.clears_when, View(indexed, finding.where)) is Held.YES


def _since(spell: Spell, spells: dict[str, Spell]) -> Finding:
    # A shadow whose cause has cleared, and that is still there, has become a cause.
    explained_by = tuple(key for key in spell.finding.explained_by if key in spells)
    return replace(spell.finding, since=spell.first, explained_by=explained_by)

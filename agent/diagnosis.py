"""Samples to findings to causes. Pure: it touches no machine and reads no clock."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, log

from msgspec.structs import replace

from agent.expression import Samples, View, agree, holds, missing_for
from agent.filling import filled
from agent.rule import Rule, Weighed
from contract.finding import CannotTell, Finding, Held, Severity, Sign
from contract.sample import Place, Sample

ENOUGH = 0.5
"""From this confidence on a suspicion is a finding."""
SUREST = 0.99
"""However many signs speak for it, a suspicion is never a certainty."""

# However many rules share a complaint, something none of them knows of stays possible.
_LEAST_ELSE = 0.05
_URGENCY = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong, causes first and the surest and most urgent of them foremost; and what could not be judged."""

    findings: tuple[Finding, ...]
    cannot_tell: tuple[CannotTell, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What one rule says of one place. *score* is in log-odds, and infinite when it is certain."""

    rule: Rule
    where: Place
    held: Held
    score: float
    signs: tuple[Sign, ...] = ()
    missing: tuple[str, ...] = ()


def diagnose(samples: Sequence[Sample], rules: Sequence[Rule], *, complaint: str = "") -> Diagnosis:
    """Return what *rules* find in *samples*. With *complaint*, the rules that speak of it compete, and come first.

    A rule for another system than the samples come from is left out.
    """
    indexed = Samples(samples)
    systems = {"any", *(sample.value for sample in indexed.at("os.name", {}))}
    # A look that did not ask which system it is in judges all rules.
    ours = [rule for rule in rules if len(systems) == 1 or rule.os in systems]
    judged = [one for rule in ours for one in judge_everywhere(rule, indexed)]
    confidences = _compete(judged, complaint)
    found = [
        _finding(one, confidence, indexed)
        for one, confidence in zip(judged, confidences, strict=True)
        if _is_found(one, confidence)
    ]
    named = {rule.rule for rule in ours if complaint and complaint in rule.complaints}
    folded = _fold(found, {rule.rule: rule for rule in ours})
    return Diagnosis(
        findings=tuple(_in_order(folded, named)),
        cannot_tell=tuple(
            CannotTell(one.rule.rule, one.where, one.missing)
            for one, confidence in zip(judged, confidences, strict=True)
            if one.held is Held.UNKNOWN and not _is_found(one, confidence)
        ),
    )


def quantities_of(rules: Sequence[Rule]) -> frozenset[str]:
    """Return the names of everything *rules* look at, so that no probe is asked in vain."""
    names = frozenset(name for rule in rules for name in rule.names)
    return names | {"os.name"} if any(rule.os != "any" for rule in rules) else names


def judge_everywhere(rule: Rule, samples: Samples) -> Iterator[Judged]:
    """Yield what *rule* says of each place that has its labels. With no such place it cannot tell anything."""
    places = samples.places(rule.per) if rule.per else [{}]
    if not places:
        yield Judged(rule, {}, Held.UNKNOWN, -1.0, missing=tuple(sorted(rule.looks_at)))
    for place in places:
        yield judge(rule, samples, place)


def judge(rule: Rule, samples: Samples, place: Place) -> Judged:
    """Return what *rule* says of *place*."""
    view = View(samples, place)
    if rule.when is not None:
        held = holds(rule.when, view)
        score = float("inf") if held is Held.YES else float("-inf")
        return Judged(rule, place, held, score, missing=tuple(sorted(missing_for(rule.when, view))))
    return _suspect(rule, samples, view)


def _suspect(rule: Rule, samples: Samples, view: View) -> Judged:
    """Weigh the signs. *Cannot tell* when what is unknown could make it a finding, or when nothing for it was seen."""
    assert rule.suspect is not None  # noqa: S101 - a rule has one or the other; the reader sees to it
    speak_for = [_sign(sign, sign.weight, samples, view) for sign in rule.suspect.speak_for]
    against = [_sign(sign, -sign.weight, samples, view) for sign in rule.suspect.against]
    signs = (*speak_for, *against)
    score = _log_odds(rule.suspect.prior) + sum(sign.weight for sign in signs if sign.held is Held.YES)
    at_most = score + sum(sign.weight for sign in speak_for if sign.held is Held.UNKNOWN)
    blind = all(sign.held is Held.UNKNOWN for sign in speak_for)
    if at_most < 0:
        held = Held.NO
    elif score < 0 or blind:
        held = Held.UNKNOWN
    else:
        held = Held.YES
    missing = {name for sign in signs for name in sign.missing}
    return Judged(rule, view.place, held, score, signs, tuple(sorted(missing)))


def _sign(sign: Weighed, weight: float, samples: Samples, view: View) -> Sign:
    held = holds(sign.that, view)
    missing = tuple(sorted(missing_for(sign.that, view)))
    return Sign(sign.that.text, held, weight, filled(sign.say, samples, view.place), missing)


def _compete(judged: Sequence[Judged], complaint: str) -> list[float]:
    """Return the confidence in each: alone, or among the rules that speak of *complaint* and something else.

    Places of one rule do not compete with each other (two disks can both be full): each meets the best place of every
    other rule. What is certain does not compete.
    """
    rivals: dict[str, float] = {}
    prior = 0.0
    for one in judged:
        suspect = one.rule.suspect
        if suspect is None or not complaint or complaint not in one.rule.complaints:
            continue
        if one.rule.rule not in rivals:
            prior += suspect.prior
        rivals[one.rule.rule] = max(rivals.get(one.rule.rule, 0.0), _odds(one))
    something_else = max(_LEAST_ELSE, 1 - prior)
    confidences = []
    for one in judged:
        if one.rule.rule in rivals:
            others = sum(odds for rule, odds in rivals.items() if rule != one.rule.rule)
            confidences.append(_odds(one) / (_odds(one) + others + something_else))
        else:
            confidences.append(_probability(one.score))
    return confidences


def _odds(one: Judged) -> float:
    """Return prior times evidence, before the competition shares them out."""
    assert one.rule.suspect is not None  # noqa: S101 - only suspicions compete
    prior = one.rule.suspect.prior
    return prior * exp(min(one.score - _log_odds(prior), 300))


def _is_found(one: Judged, confidence: float) -> bool:
    # A strong rival lowers the confidence; it does not make what was found alone unsaid.
    if one.held is Held.YES:
        return True
    seen = any(sign.held is Held.YES and sign.weight > 0 for sign in one.signs)
    return seen and confidence >= ENOUGH


def _finding(one: Judged, confidence: float, samples: Samples) -> Finding:
    rule = one.rule
    return Finding(
        rule=rule.rule,
        where=one.where,
        severity=rule.severity,
        confidence=round(min(confidence, SUREST) if one.rule.suspect else confidence, 4),
        title=filled(rule.title, samples, one.where),
        customer=filled(rule.customer, samples, one.where),
        technician=filled(rule.technician, samples, one.where),
        signs=one.signs,
        remedy=rule.remedy,
        learn=rule.learn,
    )


def _fold(found: Sequence[Finding], rules: dict[str, Rule]) -> list[Finding]:
    """Return *found* with each shadow naming all that explain it, its causes first."""
    shadows: dict[str, set[str]] = {finding.key: set() for finding in found}
    for cause in sorted(found, key=_foremost):
        for shadow in found:
            explained = shadow.rule in rules[cause.rule].explains and agree(cause.where, shadow.where)
            # Should rules ever explain each other in a circle, the foremost stays a cause instead of none.
            if explained and cause.key not in _reach(shadow.key, shadows):
                shadows[cause.key].add(shadow.key)
    explaining = {key: {other for other in shadows if key in _reach(other, shadows)} for key in shadows}
    return [
        replace(
            finding, explained_by=tuple(sorted(explaining[finding.key], key=lambda key: (bool(explaining[key]), key)))
        )
        for finding in found
    ]


def _reach(start: str, shadows: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = shadows[waiting.pop()] - reached
        reached |= fresh
        waiting += fresh
    return reached


def _in_order(findings: Sequence[Finding], named: set[str]) -> list[Finding]:
    """Causes first; of those the ones that have to do with the complaint, then by urgency and confidence."""
    speaking = {key for finding in findings if finding.rule in named for key in (finding.key, *finding.explained_by)}
    return sorted(
        findings, key=lambda finding: (not finding.is_cause, finding.key not in speaking, *_foremost(finding))
    )


def _foremost(finding: Finding) -> tuple[int, float, str]:
    return (-_URGENCY[finding.severity], -finding.confidence, finding.key)


def _log_odds(probability: float) -> float:
    return log(probability / (1 - probability))


def _probability(score: float) -> float:
    return 1 / (1 + exp(-score)) if score > -300 else 0.0  # noqa: PLR2004 - exp would overflow

"""The little language of rules and playbooks: parsed once to a typed tree, evaluated in three values. Never ``eval``.

``dns.system_answer_seconds is missing and dns.other_answer_seconds < 2s``: names, literals with sizes and times,
comparisons, ``and or not``, ``in``, ``+ - * /``, ``is missing``, and ``count max min sum`` over a place's samples.
What is not known stays unknown: a missing sample, a division by zero, two samples where one is meant.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from operator import eq, ge, gt, le, lt, ne
from typing import Any, assert_never

from agent.expression_parser import read_tree
from agent.expression_tree import (
    All,
    Compare,
    Either,
    In,
    Kind,
    Literal,
    Measure,
    Missing,
    Name,
    Negative,
    Node,
    Not,
    Product,
    Sum,
    kind_of,
    names_in,
)
from contract.errors import FeldsherError
from contract.finding import Held
from contract.sample import Place, Sample, Value


@dataclass(frozen=True, slots=True)
class Unknown:
    """No value can be said, for lack of the samples *missing*."""

    missing: frozenset[str]


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read: its text, and the names it leans on."""

    text: str
    tree: Node = field(repr=False)
    names: frozenset[str] = field(repr=False)

    @property
    def kind(self) -> Kind:
        """What it gives: ``"bool"``, ``"text"``, ``"bare"`` or a unit."""
        return kind_of(self.tree)


class Samples:
    """Samples by name and place, so that hundreds of views of the same look need not search them."""

    def __init__(self, samples: Iterable[Sample]) -> None:
        # name -> the labels of a sample -> their values -> the samples
        self._of: dict[str, dict[tuple[str, ...], dict[tuple[str, ...], list[Sample]]]] = {}
        for sample in samples:
            labels = tuple(sorted(sample.where))
            values = tuple(sample.where[label] for label in labels)
            self._of.setdefault(sample.name, {}).setdefault(labels, {}).setdefault(values, []).append(sample)

    def at(self, name: str, place: Place) -> list[Sample]:
        """Return the samples of *name* whose labels do not contradict *place*."""
        found: list[Sample] = []
        for labels, by_values in self._of.get(name, {}).items():
            if all(label in place for label in labels):
                found += by_values.get(tuple(place[label] for label in labels), ())
            else:
                found += (sample for here in by_values.values() for sample in here if agree(sample.where, place))
        return found

    def places(self, labels: Iterable[str]) -> list[Place]:
        """Return every combination of values that *labels* were seen with, in a stable order."""
        wanted = tuple(labels)
        seen = {
            tuple(values[kept.index(label)] for label in wanted)
            for by_labels in self._of.values()
            for kept, by_values in by_labels.items()
            if set(wanted) <= set(kept)
            for values in by_values
        }
        return [dict(zip(wanted, values, strict=True)) for values in sorted(seen)]


@dataclass(frozen=True, slots=True)
class View:
    """What is known at one place. *extra* are parameters; they and the place's labels come before samples."""

    samples: Sequence[Sample] | Samples
    place: Place
    extra: Mapping[str, Value] = field(default_factory=dict)

    def seen(self, name: str) -> list[Value]:
        """Return every value of *name* here: none, one, or several where the place does not choose among them."""
        if name in self.extra:
            return [self.extra[name]]
        if name in self.place:
            return [self.place[name]]
        return [sample.value for sample in self._samples.at(name, self.place)]

    def parts(self, names: Iterable[str]) -> list["View"]:
        """Return this view at each place where one of *names* was seen, in a stable order."""
        samples = self._samples
        places = {
            tuple(sorted({**self.place, **sample.where}.items()))
            for name in names
            if name not in self.extra and name not in self.place
            for sample in samples.at(name, self.place)
        }
        return [View(samples, dict(place), self.extra) for place in sorted(places)]

    @property
    def _samples(self) -> Samples:
        return self.samples if isinstance(self.samples, Samples) else Samples(self.samples)


def agree(one: Place, other: Place) -> bool:
    """Whether no label says one thing in *one* and another in *other*."""
    return all(other.get(label, value) == value for label, value in one.items())


def parse(text: str, units: Mapping[str, str], where: str = "") -> Expression:
    """Return *text* as an expression over the names in *units* (name to UCUM unit, ``bool``, ``text``, or ``""``).

    Raises `FeldsherError` ``expression`` with the column, the reason and, for a misspelled name, the nearest one.
    """
    tree = read_tree(text, units, where)
    return Expression(text, tree, frozenset(names_in(tree)))


def parse_condition(text: str, units: Mapping[str, str], where: str = "") -> Expression:
    """Return *text* as an expression that is sure to give a yes or no."""
    expression = parse(text, units, where)
    if expression.kind != "bool":
        raise FeldsherError(
            "expression", f"{text!r} is no condition", where=where, remedy="compare it with something, as in  a < 5"
        )
    return expression


def evaluate(expression: Expression, view: View) -> Value | Unknown:
    """Return the value of *expression* in *view*, or what it lacked. Never raises."""
    return _value(expression.tree, view)


def holds(expression: Expression, view: View) -> Held:
    """Return whether the condition *expression* holds in *view*."""
    value = _value(expression.tree, view)
    return Held.UNKNOWN if isinstance(value, Unknown) else Held.YES if value is True else Held.NO


def missing_for(expression: Expression, view: View) -> frozenset[str]:
    """Return the samples for lack of which *expression* is unknown in *view*; empty when it is known."""
    value = _value(expression.tree, view)
    return value.missing if isinstance(value, Unknown) else frozenset()


_SIGNS: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, "==": eq, "!=": ne, ">=": ge, ">": gt}


def _value(node: Node, view: View) -> Value | Unknown:  # noqa: C901, PLR0911 - one case a kind of node
    match node:
        case Literal():
            return node.value
        case Name():
            return _named(node, view)
        case Missing():
            return not view.seen(node.name)
        case Not():
            inner = _value(node.inner, view)
            return inner if isinstance(inner, Unknown) else not inner
        case All():
            return _joined(node.parts, view, decisive=False)
        case Either():
            return _joined(node.parts, view, decisive=True)
        case Compare():
            left, right = _value(node.left, view), _value(node.right, view)
            lacking = _lacking(left, right)
            return lacking or _SIGNS[node.sign](left, right)
        case In():
            item = _value(node.item, view)
            return item if isinstance(item, Unknown) else any(item == option.value for option in node.options)
        case Negative():
            return _counted([("+", 0), ("-", _value(node.inner, view))], node)
        case Sum() | Product():
            rest = [(sign, _value(part, view)) for sign, part in node.rest]
            return _counted([("+", _value(node.first, view)), *rest], node)
        case Measure():
            return _measured(node, view)
        case _:
            assert_never(node)


def _named(node: Name, view: View) -> Value | Unknown:
    seen = view.seen(node.name)
    if len(seen) != 1 or not _is_of(seen[0], node.kind):
        return Unknown(frozenset({node.name}))
    return seen[0]


def _is_of(value: Value, kind: Kind) -> bool:
    # A sample is as strange as the machine it came from: what does not fit its unit is not known.
    match kind:
        case "bool":
            return isinstance(value, bool)
        case "text":
            return isinstance(value, str)
        case _:
            return (isinstance(value, int) and not isinstance(value, bool)) or (
                isinstance(value, float) and isfinite(value)
            )


def _joined(parts: Sequence[Node], view: View, *, decisive: bool) -> bool | Unknown:
    """``and`` (*decisive* false) or ``or`` (true): one decisive part decides, whatever is unknown beside it."""
    values = [_value(part, view) for part in parts]
    if decisive in values:
        return decisive
    return _lacking(*values) or (not decisive)


def _lacking(*values: Value | Unknown) -> Unknown | None:
    unknown = [value.missing for value in values if isinstance(value, Unknown)]
    return Unknown(frozenset().union(*unknown)) if unknown else None


def _counted(parts: Sequence[tuple[str, Value | Unknown]], node: Node) -> Value | Unknown:
    lacking = _lacking(*(value for _, value in parts))
    if lacking:
        return lacking
    result: Any = parts[0][1]
    try:
        for sign, value in parts[1:]:
            result = _applied(result, sign, value)
        usable = isfinite(result)
    except (ZeroDivisionError, OverflowError):
        usable = False
    return result if usable else Unknown(frozenset(names_in(node)))


def _applied(left: Any, sign: str, right: Any) -> Any:
    match sign:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case _:
            return left / right


def _measured(node: Measure, view: View) -> Value | Unknown:
    names = frozenset(names_in(node.inner))
    if node.function == "count" and isinstance(node.inner, Name) and node.inner.kind != "bool":
        return len(view.seen(node.inner.name)) or Unknown(names)
    values = [_value(node.inner, part) for part in view.parts(names)]
    # Nothing seen at all is not the same as "looked, and there are none".
    lacking = _lacking(*values) if values else Unknown(names)
    if lacking:
        return lacking
    if node.function == "sum":
        return _counted([("+", 0), *(("+", value) for value in values)], node.inner)
    return _MEASURES[node.function](values)


_MEASURES: dict[str, Callable[[Any], Value]] = {"max": max, "min": min, "count": lambda values: values.count(True)}

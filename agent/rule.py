"""How to recognise one thing wrong: rules as people write them, read strictly, every expression parsed at once."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from agent.expression import Expression, evaluate, parse
from agent.expression import View as _View
from agent.fields import Fields, nearest
from agent.library import folder
from agent.yaml_reader import read_with_lines
from contract.errors import FeldsherError
from contract.finding import Severity
from contract.sample import Place, Quantity, Sample, Value
from contract.text import Text

COMPLAINTS = "complaints"
SLUG = "rule-schema"
NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
LONGEST_NAME = 64
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_KEYS = (
    *("rule", "title", "complaints", "os", "severity", "per", "when", "suspect", "explains", "lasts", "clears_when"),
    *("tell", "remedy", "learn", "examples"),
)


@dataclass(frozen=True, slots=True)
class Weighed:
    """A sign and how much it says, in log-odds; *weight* is positive whichever side it speaks for."""

    that: Expression
    weight: float
    say: Text


@dataclass(frozen=True, slots=True)
class Suspect:
    """A matter of judgement: how likely it is before looking, and what speaks for it and against it."""

    prior: float
    speak_for: tuple[Weighed, ...]
    against: tuple[Weighed, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A machine as the rule's author imagines it. *places* are those its labels name."""

    samples: tuple[Sample, ...]
    places: tuple[Place, ...]
    where: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: *when* or *suspect*, never both. *per* are labels: one finding for each of their values."""

    rule: str
    title: Text
    severity: Severity
    customer: Text
    technician: Text
    complaints: tuple[str, ...] = ()
    os: str = "any"
    per: tuple[str, ...] = ()
    when: Expression | None = None
    suspect: Suspect | None = None
    explains: tuple[str, ...] = ()
    lasts: timedelta = timedelta(0)
    clears_when: Expression | None = None
    remedy: tuple[str, ...] = ()
    learn: str = ""
    fires: tuple[Example, ...] = ()
    stays_quiet: tuple[Example, ...] = ()

    @property
    def signs(self) -> tuple[Weighed, ...]:
        """Every weighed sign, those for it first."""
        return (*self.suspect.speak_for, *self.suspect.against) if self.suspect else ()

    @property
    def looks_at(self) -> frozenset[str]:
        """Every quantity it judges by."""
        expressions = [self.when, *(sign.that for sign in self.signs)]
        return frozenset(name for expression in expressions if expression for name in expression.names) - {*self.per}

    @property
    def names(self) -> frozenset[str]:
        """Every quantity it judges by, clears by or speaks of."""
        spoken_of = {name for text in self.texts for name in placeholders(text)}
        clears_by = self.clears_when.names if self.clears_when else frozenset()
        return self.looks_at | ((spoken_of | clears_by) - {*self.per})

    @property
    def texts(self) -> tuple[Text, ...]:
        """Every sentence it can say."""
        return (self.title, self.customer, self.technician, *(sign.say for sign in self.signs))


def list_rules(where: Path | None = None) -> tuple[str, ...]:
    """Return the names of all rules there are, sorted."""
    files = (where or folder("rules")).glob("*.yaml")
    return tuple(sorted(file.stem for file in files if file.stem != COMPLAINTS))


def load_rules(names: Iterable[str] | None = None, where: Path | None = None) -> tuple[Rule, ...]:
    """Return the rules called *names*, or all, from the folder *where*; only their own files are read.

    Raises `FeldsherError` ``not-found`` for a name there is no file of, and what `read_rule` raises.
    """
    known = list_rules(where)
    return tuple(_load(name, known, where or folder("rules")) for name in (known if names is None else names))


def read_rule(content: bytes, where: str, quantities: Mapping[str, Quantity] | None = None) -> Rule:
    """Return the rule that *content* holds. *where* is its name for errors.

    *quantities* are the names it may use; by default all that our probes give.
    Raises `FeldsherError`: a ``yaml-`` slug, ``rule-schema`` or ``expression``, with file, line and remedy.
    """
    if quantities is None:
        # The catalogue imports every probe: only what reads rules pays for it.
        from agent.probes.catalogue import QUANTITIES  # noqa: PLC0415 - lazily, see above

        quantities = QUANTITIES
    return _Reader(Fields(read_with_lines(content, where), (), SLUG, _KEYS), quantities).rule()


def placeholders(text: Text) -> set[str]:
    """Return the names in braces, in either language."""
    return {*PLACEHOLDER.findall(text.en), *PLACEHOLDER.findall(text.ru)}


def _load(name: str, known: tuple[str, ...], where: Path) -> Rule:
    if name not in known:
        raise FeldsherError("not-found", f"there is no rule {name!r}", where=str(where), remedy=nearest(name, known))
    file = where / f"{name}.yaml"
    rule = read_rule(file.read_bytes(), f"{where.name}/{file.name}")
    if rule.rule != name:
        raise FeldsherError(
            SLUG,
            f"the file holds the rule {rule.rule!r}",
            where=f"{where.name}/{file.name}:1",
            remedy=f"call the file {rule.rule}.yaml",
        )
    return rule


class _Reader:
    """One reading of one rule."""

    def __init__(self, fields: Fields, quantities: Mapping[str, Quantity]) -> None:
        self._fields = fields
        self._quantities = quantities
        self._per = self._labels()
        self._units = {name: quantity.unit for name, quantity in quantities.items()} | dict.fromkeys(self._per, "text")

    def rule(self) -> Rule:
        fields = self._fields
        name = fields.word("rule")
        if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            fields.fail("rule", f"{name[:LONGEST_NAME]!r} is no name", "use small letters, digits and single hyphens")
        if ("when" in fields) == ("suspect" in fields):
            fields.fail("", "a rule has either 'when' or 'suspect'", "keep 'when' for a certain sign")
        tell = fields.below("tell", ("customer", "technician"))
        rule = Rule(
            rule=name,
            title=self._said(fields, "title"),
            severity=Severity(fields.one_of("severity", tuple(severity.value for severity in Severity))),
            customer=self._said(tell, "customer"),
            technician=self._said(tell, "technician"),
            complaints=fields.words("complaints"),
            os=fields.one_of("os", ("any", "linux", "windows"), "any"),
            per=self._per,
            when=fields.condition("when", self._units) if "when" in fields else None,
            suspect=self._suspect() if "suspect" in fields else None,
            explains=fields.words("explains"),
            lasts=fields.span("lasts", timedelta(0)),
            clears_when=fields.condition("clears_when", self._units) if "clears_when" in fields else None,
            remedy=fields.words("remedy"),
            learn=fields.word("learn", ""),
            fires=self._examples("fires"),
            stays_quiet=self._examples("stays_quiet"),
        )
        if name in rule.explains:
            fields.fail("explains", "a rule does not explain itself", "remove it")
        return rule

    def _labels(self) -> tuple[str, ...]:
        fields = self._fields
        if "per" not in fields:
            return ()
        per = (fields.word("per"),) if isinstance(fields.value("per"), str) else fields.words("per")
        known = {label for quantity in self._quantities.values() for label in quantity.labels}
        for label in per:
            if label not in known:
                fields.fail("per", f"nothing we look at has a label {label!r}", nearest(label, known))
        return per

    def _suspect(self) -> Suspect:
        fields = self._fields.below("suspect", ("prior", "for", "against"))
        prior = fields.number("prior")
        if not 0 < prior < 1:
            fields.fail(
                "prior", "'prior' must lie between 0 and 1", "write how many of a hundred such cases it is: 0.25"
            )
        signs = {
            side: tuple(self._weighed(sign) for sign in fields.each(side, ("that", "weight", "say")))
            for side in ("for", "against")
        }
        if not signs["for"]:
            fields.fail("", "nothing speaks for it", "add a sign under 'for'")
        return Suspect(prior, signs["for"], signs["against"])

    def _weighed(self, fields: Fields) -> Weighed:
        weight = fields.number("weight")
        if not 0 < weight <= 20:  # noqa: PLR2004 - e to the 20th is surer than any machine is known
            fields.fail(
                "weight",
                "'weight' must lie between 0 and 20",
                "a sign against goes under 'against', with a plain weight",
            )
        return Weighed(fields.condition("that", self._units), weight, self._said(fields, "say"))

    def _said(self, fields: Fields, key: str) -> Text:
        text = fields.said(key)
        for name in sorted(placeholders(text) - set(self._per)):
            if name not in self._quantities:
                remedy = nearest(name, (*self._per, *self._quantities)) or "use a label of 'per' or a quantity"
                fields.fail(key, f"nothing can be filled in for {{{name}}}", remedy)
        return text

    def _examples(self, kind: str) -> tuple[Example, ...]:
        fields = self._fields.below("examples", ("fires", "stays_quiet"))
        examples = fields.list(kind)
        if not examples:
            fields.fail(
                "", f"no example under {kind!r}", "a rule shows one machine where it fires and one where it stays quiet"
            )
        return tuple(self._example(fields, kind, position, example) for position, example in enumerate(examples))

    def _example(self, fields: Fields, kind: str, position: int, example: Any) -> Example:
        path = (*fields.path, kind, position)
        parts = example if isinstance(example, list) else [example]
        paths = [(*path, part) for part in range(len(parts))] if isinstance(example, list) else [path]
        samples: list[Sample] = []
        places: list[Place] = []
        for part, at in zip(parts, paths, strict=True):
            known = (*self._quantities, *(label for quantity in self._quantities.values() for label in quantity.labels))
            keys = Fields(fields.document, at, SLUG, known)
            labels = {key: str(value) for key, value in part.items() if key not in self._quantities}
            for label in self._per:
                if label not in labels:
                    keys.fail("", f"the example does not say which {label}", f"add  {label}:")
            places.append({label: labels[label] for label in self._per})
            samples += self._samples(keys, part, labels)
        return Example(tuple(samples), tuple(places), fields.document.at(path))

    def _samples(self, keys: Fields, part: Mapping[str, Any], labels: Place) -> Iterator[Sample]:
        for name, value in part.items():
            if name not in self._quantities:
                continue
            quantity = self._quantities[name]
            for label in quantity.labels:
                if label not in labels:
                    keys.fail(name, f"{name} is said of one {label}", f"add  {label}: to the example")
            yield quantity(
                self._example_value(keys, quantity, value), **{label: labels[label] for label in quantity.labels}
            )

    def _example_value(self, keys: Fields, quantity: Quantity, value: Any) -> Value:
        if quantity.unit == "bool" and isinstance(value, bool):
            return value
        if quantity.unit == "text" and isinstance(value, str):
            return value
        if quantity.unit not in {"bool", "text"} and not isinstance(value, bool):
            if isinstance(value, int | float):
                return value
            if isinstance(value, str):
                # "5 GiB" and "10m" are read as they are in expressions, and must be of the quantity's unit.
                checked = parse(f"{quantity.name} == {value}", {quantity.name: quantity.unit}, keys.at(quantity.name))
                if checked.names == {quantity.name}:
                    return cast("Value", evaluate(parse(value, {}), _View((), {})))
        return keys.fail(quantity.name, f"{value!r} is no value of {quantity.name}", f"its unit is {quantity.unit}")

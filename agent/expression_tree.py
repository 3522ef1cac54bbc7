"""What an expression is made of once it has been read: frozen nodes, each sure of what kind of value it gives."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf

from agent.units import Unit
from contract.sample import Value

Kind = OneOf["bool", "text", "bare"] | Unit
"""What a node gives: yes or no, words, a number without a unit that goes with any other, or a number in a unit."""

Function = OneOf["count", "max", "min", "sum"]


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written; sizes in bytes, times in seconds."""

    value: Value
    kind: Kind


@dataclass(frozen=True, slots=True)
class Name:
    """A quantity, a label or a parameter."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Missing:
    """Whether nothing of that name was seen at the place."""

    name: str


@dataclass(frozen=True, slots=True)
class Not:
    inner: "Node"


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Compare:
    sign: OneOf["<", "<=", "==", "!=", ">=", ">"]
    left: "Node"
    right: "Node"


@dataclass(frozen=True, slots=True)
class In:
    item: "Node"
    options: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Negative:
    inner: "Node"
    kind: Kind


@dataclass(frozen=True, slots=True)
class Sum:
    """*first*, then each of *rest* added (``+``) or taken away (``-``). Flat, so that a long sum is not deep."""

    first: "Node"
    rest: tuple[tuple[OneOf["+", "-"], "Node"], ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Product:
    """*first*, then multiplied (``*``) or divided (``/``) by each of *rest*."""

    first: "Node"
    rest: tuple[tuple[OneOf["*", "/"], "Node"], ...]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Measure:
    """*function* of *inner* as evaluated at each place where the names in it were seen."""

    function: Function
    inner: "Node"
    kind: Kind


Node = Literal | Name | Missing | Not | All | Either | Compare | In | Negative | Sum | Product | Measure


def kind_of(node: Node) -> Kind:
    """Return what *node* gives."""
    return "bool" if isinstance(node, Missing | Not | All | Either | Compare | In) else node.kind


def names_in(node: Node) -> Iterator[str]:
    """Yield every name the value of *node* depends on, as often as it stands there."""
    match node:
        case Name() | Missing():
            yield node.name
        case Not() | Negative() | Measure():
            yield from names_in(node.inner)
        case All() | Either():
            for part in node.parts:
                yield from names_in(part)
        case Compare():
            yield from names_in(node.left)
            yield from names_in(node.right)
        case In():
            yield from names_in(node.item)
        case Sum() | Product():
            yield from names_in(node.first)
            for _, part in node.rest:
                yield from names_in(part)
        case Literal():
            return

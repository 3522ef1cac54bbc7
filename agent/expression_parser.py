"""Reads the text of an expression into its tree: own tokens, one function a precedence, bounded in every direction."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, NoReturn, cast

from agent.expression_tree import (
    All,
    Compare,
    Either,
    Function,
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
)
from agent.units import LITERALS, RATIO, in_words, per, read_unit, times
from contract.errors import FeldsherError

LIMIT_CHARACTERS = 4096
LIMIT_DEPTH = 24
LIMIT_NODES = 1000

FUNCTIONS = ("count", "max", "min", "sum")
WORDS = ("and", "or", "not", "in", "is", "missing", "true", "false", *FUNCTIONS)
COMPARISONS = ("<=", ">=", "==", "!=", "<", ">")
_TOKEN = re.compile(
    r"""[ \t\r\n]+
    |(?P<number>[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)
    |(?P<text>"[^"\\\n]*"|'[^'\\\n]*')
    |(?P<sign><=|>=|==|!=|[<>()\[\],+*/-])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Token:
    what: str
    text: str
    column: int


def read_tree(text: str, units: Mapping[str, str], where: str = "") -> Node:
    """Return the tree of *text*. *units* are the names it may use, with their units.

    Raises `FeldsherError` ``expression`` with the column, and for a misspelled name the nearest one.
    """
    if len(text) > LIMIT_CHARACTERS:
        raise FeldsherError(
            "expression",
            f"the expression has {len(text)} characters; {LIMIT_CHARACTERS} is the most that is read",
            where=where,
            remedy="split it into several signs",
        )
    return _Parser(text, units, where).whole()


class _Parser:
    """One reading of one text."""

    def __init__(self, text: str, units: Mapping[str, str], where: str) -> None:
        self._units = units
        self._where = where
        self._tokens = list(self._split(text))
        self._at = 0
        self._depth = 0
        self._nodes = 0

    def whole(self) -> Node:
        node = self._either()
        if self._now.what != "end":
            self._fail(f"{self._now.text!r} was not expected here", self._now.column)
        return node

    def _split(self, text: str) -> Iterator[_Token]:
        position = 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                self._fail(f"{text[position]!r} means nothing here", position + 1)
            if match.lastgroup:
                what = "word" if match.lastgroup == "name" and match[0] in WORDS else match.lastgroup
                yield _Token(what, match[0], position + 1)
            position = match.end()
        yield _Token("end", "the end", len(text) + 1)

    # From the loosest to the tightest.

    def _either(self) -> Node:
        return self._joined("or")

    def _joined(self, word: str) -> Node:
        column = self._now.column
        read = self._negated if word == "and" else lambda: self._joined("and")
        parts = [read()]
        while self._took(word):
            self._need_bool(parts[-1], column)
            column = self._now.column
            parts.append(read())
        if len(parts) == 1:
            return parts[0]
        self._need_bool(parts[-1], column)
        return self._made(All(tuple(parts)) if word == "and" else Either(tuple(parts)))

    def _negated(self) -> Node:
        if not self._took("not"):
            return self._comparison()
        column = self._now.column
        self._deeper()
        inner = self._negated()
        self._depth -= 1
        self._need_bool(inner, column)
        return self._made(Not(inner))

    def _comparison(self) -> Node:
        column = self._now.column
        left = self._sum()
        if self._now.text in COMPARISONS and self._now.what == "sign":
            node = self._compared(left)
        elif self._took("is"):
            node = self._missing(left, column)
        elif self._now.text == "not" and self._now.what == "word":
            self._next()
            self._expect("in")
            node = self._made(Not(self._among(left)))
        elif self._took("in"):
            node = self._among(left)
        else:
            return left
        if self._now.text in (*COMPARISONS, "in", "is") and self._now.what in {"sign", "word"}:
            self._fail("comparisons do not chain", self._now.column, "write  a < b and b < c")
        return node

    def _compared(self, left: Node) -> Node:
        sign = self._next()
        right = self._sum()
        one, other = kind_of(left), kind_of(right)
        if isinstance(one, str) and isinstance(other, str) and one == other:
            if one != "bare" and sign.text not in {"==", "!="}:
                self._fail(f"{_said(one)} can be compared with == and != alone", sign.column)
        elif {"bool", "text"} & {one, other} or ("bare" not in {one, other} and one != other):
            self._fail(f"{_said(one)} cannot be compared with {_said(other)}", sign.column)
        return self._made(Compare(cast("Any", sign.text), left, right))

    def _missing(self, left: Node, column: int) -> Node:
        absent = not self._took("not")
        self._expect("missing")
        if not isinstance(left, Name):
            self._fail("only a name can be missing", column)
        node = self._made(Missing(left.name))
        return node if absent else self._made(Not(node))

    def _among(self, item: Node) -> Node:
        start = self._expect("[")
        options = [self._option(item)]
        while self._took(","):
            options.append(self._option(item))
        self._expect("]")
        if kind_of(item) == "bool":
            self._fail("yes or no is not looked up in a list", start.column)
        return self._made(In(item, tuple(options)))

    def _option(self, item: Node) -> Literal:
        column = self._now.column
        option = self._unary()
        if isinstance(option, Negative) and isinstance(option.inner, Literal):
            option = Literal(-option.inner.value, option.kind)  # type: ignore[operator]  # only numbers are negated
        if not isinstance(option, Literal):
            self._fail("a list holds plain values", column, 'as in  os.family in ["debian", "rhel"]')
        one, other = kind_of(item), option.kind
        if one != other and ({"bool", "text"} & {one, other} or "bare" not in {one, other}):
            self._fail(f"{_said(one)} cannot be found among {_said(other)}", column)
        return option

    def _sum(self) -> Node:
        column = self._now.column
        first = self._product()
        rest: list[tuple[Any, Node]] = []
        kind = kind_of(first)
        while self._now.what == "sign" and self._now.text in {"+", "-"}:
            sign = self._next()
            self._need_number(kind, column)
            column = self._now.column
            part = self._product()
            other = kind_of(part)
            self._need_number(other, column)
            if "bare" not in {kind, other} and kind != other:
                verb = "added to" if sign.text == "+" else "taken from"
                self._fail(f"{_said(other)} cannot be {verb} {_said(kind)}", sign.column)
            kind = other if kind == "bare" else kind
            rest.append((sign.text, part))
        return self._made(Sum(first, tuple(rest), kind)) if rest else first

    def _product(self) -> Node:
        column = self._now.column
        first = self._unary()
        rest: list[tuple[Any, Node]] = []
        kind = kind_of(first)
        while self._now.what == "sign" and self._now.text in {"*", "/"}:
            sign = self._next()
            self._need_number(kind, column)
            column = self._now.column
            part = self._unary()
            other = kind_of(part)
            self._need_number(other, column)
            if kind != "bare" or other != "bare":
                one, two = (RATIO if unit == "bare" else unit for unit in (kind, other))
                combine = times if sign.text == "*" else per
                kind = combine(cast("Any", one), cast("Any", two))
            rest.append((sign.text, part))
        return self._made(Product(first, tuple(rest), kind)) if rest else first

    def _unary(self) -> Node:
        if not self._took("-"):
            return self._atom()
        column = self._now.column
        self._deeper()
        inner = self._unary()
        self._depth -= 1
        self._need_number(kind_of(inner), column)
        return self._made(Negative(inner, kind_of(inner)))

    def _atom(self) -> Node:  # noqa: PLR0911 - one case a kind of token
        token = self._next()
        if token.what == "number":
            return self._made(self._number(token))
        if token.what == "text":
            return self._made(Literal(token.text[1:-1], "text"))
        if token.what == "name":
            return self._made(self._name(token))
        if token.text in {"true", "false"}:
            return self._made(Literal(token.text == "true", "bool"))
        if token.text in FUNCTIONS:
            return self._measure(token)
        if token.text == "(":
            self._deeper()
            inner = self._either()
            self._expect(")")
            self._depth -= 1
            return inner
        return self._fail(f"a value was expected, not {token.text!r}", token.column)

    def _measure(self, token: _Token) -> Node:
        self._expect("(")
        column = self._now.column
        self._deeper()
        inner = self._either()
        self._depth -= 1
        self._expect(")")
        kind = kind_of(inner)
        if token.text == "count":
            if kind != "bool" and not isinstance(inner, Name):
                self._fail("count takes a name or a condition", column)
            kind = RATIO
        else:
            self._need_number(kind, column)
        return self._made(Measure(cast("Function", token.text), inner, kind))

    def _number(self, token: _Token) -> Literal:
        digits = token.text.replace("_", "")
        value = float(digits) if "." in digits or len(digits) > 18 else int(digits)  # noqa: PLR2004 - beyond 64 bits
        following = self._now
        if following.what == "name" and following.text in LITERALS:
            self._next()
            size, unit = LITERALS[following.text]
            value = value * size
            return Literal(int(value) if value == int(value) else value, unit)
        if following.what == "name":
            self._fail_unknown("unit", following, tuple(LITERALS))
        return Literal(value, "bare")

    def _name(self, token: _Token) -> Name:
        unit = self._units.get(token.text)
        if unit is None:
            self._fail_unknown("name", token, tuple(self._units))
        if unit in {"bool", "text"}:
            return Name(token.text, cast("Kind", unit))
        return Name(token.text, read_unit(unit) if unit else "bare")

    # What every rule above leans on.

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        if token.what != "end":
            self._at += 1
        return token

    def _took(self, text: str) -> bool:
        if self._now.text != text or self._now.what not in {"word", "sign"}:
            return False
        self._at += 1
        return True

    def _expect(self, text: str) -> _Token:
        token = self._now
        if not self._took(text):
            self._fail(f"{text!r} was expected, not {token.text!r}", token.column)
        return token

    def _made(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > LIMIT_NODES:
            self._fail(f"more than {LIMIT_NODES} parts", self._now.column, "split it into several signs")
        return node

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > LIMIT_DEPTH:
            self._fail(f"nested deeper than {LIMIT_DEPTH}", self._now.column, "split it into several signs")

    def _need_bool(self, node: Node, column: int) -> None:
        if kind_of(node) != "bool":
            self._fail(f"a yes or no was expected, not {_said(kind_of(node))}", column)

    def _need_number(self, kind: Kind, column: int) -> None:
        if kind in {"bool", "text"}:
            self._fail(f"a number was expected, not {_said(kind)}", column)

    def _fail_unknown(self, what: str, token: _Token, known: tuple[str, ...]) -> NoReturn:
        shown = token.text if len(token.text) <= 60 else token.text[:60] + "…"  # noqa: PLR2004 - what fits on a line
        near = get_close_matches(token.text[:100], known, 1)
        self._fail(f"no {what} {shown!r} is known", token.column, f"did you mean {near[0]!r}?" if near else "")

    def _fail(self, what: str, column: int, remedy: str = "") -> NoReturn:
        raise FeldsherError(
            "expression", f"{what}, at column {column} of the expression", where=self._where, remedy=remedy
        )


def _said(kind: Kind) -> str:
    if isinstance(kind, str):
        return {"bool": "a yes or no", "text": "a text", "bare": "a number"}[kind]
    return in_words(kind)

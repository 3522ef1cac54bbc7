"""Takes the fields of a file that a person wrote, strictly: each error names the line and what to write instead."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, NoReturn

from agent.expression import Expression, evaluate, parse, parse_condition
from agent.expression import View as _View
from agent.units import SECONDS
from agent.yaml_reader import Document, Path
from contract.errors import FeldsherError
from contract.text import Text


@dataclass(frozen=True, slots=True)
class Fields:
    """One mapping of a file, at *path*. *slug* is that of its errors, *known* the keys it may have."""

    document: Document
    path: Path
    slug: str
    known: Collection[str]

    def __post_init__(self) -> None:
        if not isinstance(self._value, dict):
            self.fail("", "a mapping of keys to values was expected", "write  key: value")
        for key in self._value:
            if key not in self.known:
                self.fail(key, f"there is no key {key!r} here", nearest(key, self.known))

    def __contains__(self, key: str) -> bool:
        return key in self._value

    def below(self, key: str, known: Collection[str]) -> "Fields":
        """Return the mapping under *key*."""
        self.value(key)
        return Fields(self.document, (*self.path, key), self.slug, known)

    def each(self, key: str, known: Collection[str]) -> Iterator["Fields"]:
        """Yield every mapping in the list under *key*; none when there is no such key."""
        for position in range(len(self.list(key))):
            yield Fields(self.document, (*self.path, key, position), self.slug, known)

    def value(self, key: str) -> Any:
        """Return what stands under *key*, which must be there."""
        if key not in self._value:
            self.fail("", f"the key {key!r} is missing", f"add  {key}:")
        return self._value[key]

    def list(self, key: str) -> list[Any]:
        """Return the list under *key*; an empty one when there is no such key."""
        value = self._value.get(key, [])
        if not isinstance(value, list):
            self.fail(key, f"{key!r} must be a list", f"write  {key}: [one, two]")
        return value

    def words(self, key: str) -> tuple[str, ...]:
        """Return the list of words under *key*, each once; empty when there is no such key."""
        words = tuple(self.list(key))
        if not all(isinstance(word, str) and word for word in words):
            self.fail(key, f"{key!r} must be a list of words", f"write  {key}: [one, two]")
        if len(set(words)) < len(words):
            self.fail(key, f"{key!r} names something twice", "keep one of them")
        return words

    def word(self, key: str, default: str | None = None) -> str:
        """Return the text under *key*."""
        if default is not None and key not in self._value:
            return default
        value = self.value(key)
        if not isinstance(value, str) or not value.strip():
            self.fail(key, f"{key!r} must be a text", 'put it in quotes: "..."')
        return value

    def one_of(self, key: str, options: Collection[str], default: str | None = None) -> str:
        """Return the word under *key*, which must be one of *options*."""
        word = self.word(key, default)
        if word not in options:
            self.fail(key, f"{key!r} cannot be {word!r}", nearest(word, options) or "use one of " + ", ".join(options))
        return word

    def number(self, key: str) -> float:
        """Return the number under *key*."""
        value = self.value(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(key, f"{key!r} must be a number", "write it plainly, as 3 or 0.5")
        return value

    def said(self, key: str) -> Text:
        """Return the sentence under *key*, which must be said in every language."""
        fields = self.below(key, ("en", "ru"))
        return Text(en=fields.word("en"), ru=fields.word("ru"))

    def span(self, key: str, default: timedelta) -> timedelta:
        """Return the length of time under *key*, as ``10m``."""
        if key not in self._value:
            return default
        try:
            time = parse(self.word(key), {})
        except FeldsherError:
            time = None
        if time is None or time.kind != SECONDS:
            self.fail(key, f"{key!r} must be a time", "write it as 30s, 10m, 2h or 7d")
        seconds = evaluate(time, _View((), {}))
        if not isinstance(seconds, int | float) or not 0 <= seconds <= timedelta(days=3650).total_seconds():
            self.fail(key, f"{key!r} must be a time of at most ten years", "write it as 30s, 10m, 2h or 7d")
        return timedelta(seconds=seconds)

    def condition(self, key: str, units: dict[str, str]) -> Expression:
        """Return the condition under *key* over the names in *units*."""
        text = self.value(key)
        if not isinstance(text, str):
            self.fail(key, f"{key!r} must be a condition", "write it as  name < 5")
        return parse_condition(text, units, self.at(key))

    def at(self, key: str) -> str:
        """Return ``file:line:column`` of *key*."""
        return self.document.at((*self.path, key) if key else self.path)

    def fail(self, key: str, what: str, remedy: str = "") -> NoReturn:
        """Raise the error of this file at *key*; at the mapping itself when *key* is empty."""
        raise FeldsherError(self.slug, what, where=self.at(key), remedy=remedy)

    @property
    def _value(self) -> Any:
        inside: Any = self.document.value
        for part in self.path:
            inside = inside[part]
        return inside


def nearest(word: str, known: Collection[str]) -> str:
    """Return the question "did you mean …?", or nothing when nothing is near."""
    near = get_close_matches(word[:100], list(known), 1)
    return f"did you mean {near[0]!r}?" if near else ""

"""Reads values out of a document one by one, and says file, line and remedy where one is not what it must be."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from typing import Any, NoReturn

from agent.repair.parameters import Kind, read_value
from agent.yaml_reader import Document, Path
from contract.errors import FeldsherError
from contract.text import Text

LIMIT_TEXT = 2000
_NAMES = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    int: "a whole number",
    bool: "true or false",
    float: "a number",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a document and where it stands."""

    document: Document
    path: Path
    value: Any

    @property
    def where(self) -> str:
        """``file:line:column``, for an error."""
        return self.document.at(self.path)

    @property
    def line(self) -> int:
        """The line it is written on."""
        return self.document.line_of(self.path)

    def refuse(self, what: str, remedy: str, slug: str = "playbook-schema") -> NoReturn:
        """Say that the value cannot stay as it is."""
        raise FeldsherError(slug, what, where=self.where, remedy=remedy)

    def keys(self, known: Collection[str], needed: Collection[str], not_yet: Collection[str] = ()) -> None:
        """Refuse a key that is not *known*, with the nearest one that is, and a *needed* one that is missing."""
        self.mapping()
        for key in self.value:
            if key in not_yet:
                self[key].refuse(f"{key}: is not supported yet by this version", "leave it out")
            if key not in known:
                near = get_close_matches(key, known, n=1, cutoff=0.6)
                hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known))}"
                self[key].refuse(f"there is no key {key!r} here", hint)
        for key in needed:
            if key not in self.value:
                self.refuse(f"the key {key} is missing", f"add {key}:")

    def __contains__(self, key: str) -> bool:
        return key in self.value

    def __getitem__(self, key: str | int) -> "Field":
        return Field(self.document, (*self.path, key), self.value[key])

    def items(self) -> list["Field"]:
        """Return the fields of a list."""
        if not isinstance(self.value, list):
            self.wrong("a list")
        return [self[index] for index in range(len(self.value))]

    def mapping(self) -> dict[str, Any]:
        """Return a mapping."""
        if not isinstance(self.value, dict):
            self.wrong("a mapping of keys to values")
        return self.value

    def text(self, limit: int = LIMIT_TEXT) -> str:
        """Return a text that is not empty."""
        if not isinstance(self.value, str):
            self.wrong("text")
        if not self.value.strip() or len(self.value) > limit:
            self.refuse(f"it must have from 1 to {limit} characters", "shorten it or fill it in")
        return self.value

    def one_of(self, words: Collection[str]) -> str:
        """Return one of *words*."""
        if self.value not in words:
            near = get_close_matches(str(self.value), words, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else f"use one of: {', '.join(words)}"
            self.refuse(f"{self.value!r} is not one of the words that may stand here", hint)
        return str(self.value)

    def both_languages(self) -> Text:
        """Return a text in both languages."""
        self.keys({"en", "ru"}, ("en", "ru"))
        return Text(en=self["en"].text(), ru=self["ru"].text())

    def whole(self, least: int, most: int) -> int:
        """Return a whole number."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            self.wrong("a whole number")
        if not least <= self.value <= most:
            self.refuse(f"{self.value} is not from {least} to {most}", "choose one in between")
        return self.value

    def size(self) -> int:
        """Return a size in bytes."""
        return int(self._amount(Kind.SIZE))

    def span(self, longest: timedelta) -> timedelta:
        """Return a time, no longer than *longest*."""
        span = timedelta(seconds=int(self._amount(Kind.DURATION)))
        if span > longest:
            self.refuse(f"{self.value} is too long", f"{int(longest.total_seconds())}s is the most")
        return span

    def wrong(self, wanted: str) -> NoReturn:
        """Say that the value is of another type than *wanted*."""
        found = _NAMES.get(type(self.value), "nothing")
        self.refuse(f"it is {found}, but must be {wanted}", f"write {wanted}")

    def _amount(self, kind: Kind) -> Any:
        if not isinstance(self.value, str):
            self.wrong("an amount with its unit, such as 200 MiB or 10m")
        try:
            return read_value(kind, self.value, str(self.path[-1]))
        except FeldsherError as error:
            self.refuse(error.what, error.remedy)

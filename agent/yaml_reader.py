"""Reads the YAML that people write, strictly: one plain meaning for every file, or one line that says what to mend.

Only libyaml's stream of events is used, which does not recurse. PyYAML's composer recurses in C and a file of ten
thousand brackets kills the whole process through it, so the tree is built here, and the depth is checked on the way.
"""

import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from contract.errors import FeldsherError

LIMIT_BYTES = 256 * 1024
LIMIT_DEPTH = 16

# Line breaks that editors do not show as such, what turns the reading direction, what takes no room at all, and the
# control characters. A carriage return is one only together with the line feed that must follow it.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
    "|[\U000e0000-\U000e007f]|\r(?!\n)"
)

_WORDS = {"": None, "null": None, "true": True, "false": False}
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_GROUPED = re.compile(r"-?[1-9][0-9]{0,2}(?:_[0-9]{3}){1,5}")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.(?:0|[0-9]{0,17}[1-9])")

# What some reader of YAML 1.1 or 1.2 takes for something other than the text it looks like.
_TWOFOLD = re.compile(
    r"""(?P<switch>(?i:y|n|yes|no|on|off))
    |(?P<truth>(?i:true|false))
    |(?P<nothing>~|(?i:null))
    |(?P<clock>[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)
    |(?P<date>[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9:.,]+.*)?)
    |(?P<number>[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO]?[0-9_]+|0[bB][01_]+
        |[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?|\.(?i:inf))|\.(?i:nan))
    |(?P<sign>=)""",
    re.VERBOSE,
)
_MEANT = {
    "switch": 'write true or false, or put it in quotes: "{}"',
    "truth": 'write true or false in small letters, or put it in quotes: "{}"',
    "nothing": 'write null, or put it in quotes: "{}"',
    "clock": 'put it in quotes: "{}" (some readers count it in sixties)',
    "date": 'put it in quotes: "{}"',
    "number": 'put a version or a code in quotes: "{}"; write a number plainly, as 8, 0.5 or 20_000',
    "sign": 'put it in quotes: "{}"',
}

Path = tuple[str | int, ...]
_Mark = tuple[int, int]


@dataclass(frozen=True)
class Document:
    """A file that was read. *value* is plain: dicts with text keys, lists, text, whole numbers, floats, bools, None."""

    value: dict[str, Any]
    where: str
    _marks: dict[int, dict[str | int, _Mark]] = field(repr=False, compare=False)

    def line_of(self, path: Path) -> int:
        """Return the line, from 1, where *path* is written; that of the nearest thing around it if it is not there."""
        return self._mark_of(path)[0]

    def at(self, path: Path) -> str:
        """Return ``file:line:column`` of *path*, for an error."""
        line, column = self._mark_of(path)
        return f"{self.where}:{line}:{column}"

    def _mark_of(self, path: Path) -> _Mark:
        mark, inside = (1, 1), self.value
        for part in path:
            marks = self._marks.get(id(inside), {})
            if part not in marks:
                break
            mark, inside = marks[part], inside[part]  # type: ignore[index]  # a list is indexed by its int parts
        return mark


def read(content: bytes, where: str) -> dict[str, Any]:
    """Return what the file says. *where* is its name for errors, which are `FeldsherError` with a ``yaml-`` slug."""
    return read_with_lines(content, where).value


def read_with_lines(content: bytes, where: str) -> Document:
    """Return what the file says, and on which line it says it, so that later errors can name the line too."""
    if len(content) > LIMIT_BYTES:
        raise FeldsherError(
            "yaml-size",
            f"the file has {len(content)} bytes; {LIMIT_BYTES} is the most that is read",
            where=where,
            remedy="split it into several files",
        )
    text = _decode(content, where)
    _refuse_hidden(text, where)
    return _Reading(text, where).document()


def _decode(content: bytes, where: str) -> str:
    if content.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise FeldsherError(
            "yaml-encoding",
            "the file begins with a byte order mark",
            where=f"{where}:1:1",
            remedy="save it as UTF-8 without a byte order mark",
        )
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FeldsherError(
            "yaml-encoding",
            f"byte 0x{content[error.start]:02x} is not UTF-8 text",
            where=f"{where}:{line}",
            remedy="save the file as UTF-8",
        ) from None


def _refuse_hidden(text: str, where: str) -> None:
    hidden = _HIDDEN.search(text)
    if hidden:
        line = text.count("\n", 0, hidden.start()) + 1
        column = hidden.start() - text.rfind("\n", 0, hidden.start())
        raise FeldsherError(
            "yaml-control",
            f"the invisible character U+{ord(hidden[0]):04X} could hide what the file says",
            where=f"{where}:{line}:{column}",
            remedy="remove it",
        )


def _shortened(text: str, most: int = 40) -> str:
    return text if len(text) <= most else text[:most] + "…"


@dataclass
class _Open:
    """A list or mapping whose end has not come yet. *key* is the one whose value comes next."""

    value: Any
    marks: dict[str | int, _Mark]
    key: str | None = None
    key_mark: _Mark = (1, 1)


class _Reading:
    """One pass over the events of one file."""

    def __init__(self, text: str, where: str) -> None:
        self._text = text
        self._where = where
        self._open: list[_Open] = []
        self._marks: dict[int, dict[str | int, _Mark]] = {}
        self._root: Any = None
        self._documents = 0

    def document(self) -> Document:
        # Without libyaml the pure parser gives the same events, slower.
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(self._text)
        try:
            while not isinstance(event := loader.get_event(), yaml.StreamEndEvent):
                self._take(event)
        except yaml.YAMLError as error:
            self._fail_syntax(error)
        finally:
            loader.dispose()
        if not isinstance(self._root, dict):
            self._fail(
                "yaml-root",
                "the file must be a mapping of keys to values at the top",
                (1, 1),
                "begin it with a line such as  rule: name",
            )
        return Document(self._root, self._where, self._marks)

    def _take(self, event: yaml.Event) -> None:
        start = event.start_mark
        mark = (start.line + 1, start.column + 1) if start else (1, 1)
        if isinstance(event, yaml.NodeEvent):
            self._refuse_anchors_and_tags(event, mark)
        if isinstance(event, yaml.ScalarEvent):
            self._take_scalar(event, mark)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._take_start({} if isinstance(event, yaml.MappingStartEvent) else [], mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.DocumentStartEvent):
            self._start_document(event, mark)

    def _start_document(self, event: yaml.DocumentStartEvent, mark: _Mark) -> None:
        self._documents += 1
        if event.version or event.tags:
            self._fail("yaml-tag", "directives are not allowed", mark, "remove the line that begins with %")
        if self._documents > 1:
            self._fail("yaml-documents", "a second document begins here", mark, "keep one document in a file")

    def _refuse_anchors_and_tags(self, event: yaml.NodeEvent, mark: _Mark) -> None:
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            shown = sign + _shortened(str(event.anchor))
            self._fail("yaml-alias", f"{shown}: anchors and aliases are not allowed", mark, "write it out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            shown = _shortened(tag.replace("tag:yaml.org,2002:", "!!"))
            self._fail(
                "yaml-tag", f"the tag {shown} is not allowed", mark, "remove it: a file is plain text and numbers"
            )

    def _take_start(self, value: dict[str, Any] | list[Any], mark: _Mark) -> None:
        if len(self._open) == LIMIT_DEPTH:
            self._fail("yaml-depth", f"the file is nested deeper than {LIMIT_DEPTH}", mark, "make it flatter")
        self._put(value, mark)
        marks = self._marks[id(value)] = {}
        self._open.append(_Open(value, marks))

    def _take_scalar(self, event: yaml.ScalarEvent, mark: _Mark) -> None:
        text: str = event.value
        if not event.style:  # plain: None from the pure parser, "" from libyaml
            if self._is_key() and text == "<<":
                self._fail("yaml-alias", "merge keys are not allowed", mark, "write the keys out")
            self._put(self._plain(text, mark), mark)
            return
        # An escape such as "\u202e" brings in what the text of the file itself may not hold.
        hidden = _HIDDEN.search(text) if event.style == '"' else None
        if hidden:
            self._fail(
                "yaml-control", f"the text holds the invisible character U+{ord(hidden[0]):04X}", mark, "remove it"
            )
        self._put(text, mark)

    def _plain(self, text: str, mark: _Mark) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if _WHOLE.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return float(text)
        if _GROUPED.fullmatch(text):
            return int(text.replace("_", ""))
        twofold = _TWOFOLD.fullmatch(text)
        if twofold:
            shown = _shortened(text)
            remedy = _MEANT[twofold.lastgroup or "sign"].format(shown)
            self._fail(
                "yaml-ambiguous", f"{shown} without quotes means different things to different readers", mark, remedy
            )
        return text

    def _is_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is None

    def _put(self, value: Any, mark: _Mark) -> None:
        if not self._open:
            self._root = value
            return
        around = self._open[-1]
        if isinstance(around.value, list):
            around.marks[len(around.value)] = mark
            around.value.append(value)
        elif around.key is None:
            self._put_key(around, value, mark)
        else:
            around.value[around.key] = value
            around.marks[around.key] = around.key_mark
            around.key = None

    def _put_key(self, around: _Open, key: Any, mark: _Mark) -> None:
        if isinstance(key, dict | list):
            self._fail(
                "yaml-syntax", "a key must be a word, not a list or a mapping", mark, "use a plain word as the key"
            )
        if not isinstance(key, str):
            self._fail("yaml-ambiguous", "a key must be a word", mark, "put the key in quotes")
        if key in around.value:
            first = around.marks[key][0]
            self._fail(
                "yaml-duplicate-key",
                f"the key {key!r} is written on line {first} and again on line {mark[0]}",
                mark,
                "keep one of them",
            )
        around.key, around.key_mark = key, mark

    def _fail_syntax(self, error: yaml.YAMLError) -> NoReturn:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        lines = self._text.split("\n")
        beginning = lines[line - 1][: column + 1] if line <= len(lines) else ""
        problem = str(getattr(error, "problem", None) or "this is not YAML")
        if "\t" in beginning:
            remedy = "indent with spaces, not with tabs"
        elif "mapping values" in problem:
            remedy = "put a text that holds ': ' in quotes, and check the indentation"
        else:
            remedy = "check brackets, quotes and indentation on and above this line"
        raise FeldsherError("yaml-syntax", problem, where=f"{self._where}:{line}:{column}", remedy=remedy) from None

    def _fail(self, slug: str, what: str, mark: _Mark, remedy: str) -> NoReturn:
        raise FeldsherError(slug, what, where=f"{self._where}:{mark[0]}:{mark[1]}", remedy=remedy)

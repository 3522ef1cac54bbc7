"""What a playbook may be told: typed values that cannot turn into an option, a second line or another path."""

import re
from collections.abc import Mapping
from enum import StrEnum
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from agent.units import BYTES, LITERALS, SECONDS
from contract.errors import FeldsherError
from contract.sample import Place, Value

LIMIT_CHARACTERS = 4096

_SIZES = {name: factor for name, (factor, unit) in LITERALS.items() if unit == BYTES}
_SPANS = {name: factor for name, (factor, unit) in LITERALS.items() if unit == SECONDS and factor >= 1}
_AMOUNT = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]{1,3})")
# Control characters, and what hides text or turns the reading direction: an argument is shown to people before use.
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_HOST_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_UNITS = {"boolean": "bool", "size": "By", "duration": "s", "integer": ""}


class Kind(StrEnum):
    """What a parameter or an action's argument holds. Sizes are bytes, durations seconds, once they are read."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DURATION = "duration"
    SIZE = "size"
    PATH = "path"
    HOST = "host"
    URL = "url"
    ENUM = "enum"
    LIST = "list"
    SECRET = "secret"  # noqa: S105 - the name of a kind, not one

    @property
    def unit(self) -> str:
        """The unit of such a value in expressions; ``text`` for what is only compared as words."""
        return _UNITS.get(self.value, "text")


class Param(Struct, frozen=True, kw_only=True):
    """One parameter. *from_finding*: its value is the finding's label of the same name, unless it is given."""

    name: str
    kind: Kind
    from_finding: bool = False
    default: Value | None = None
    values: tuple[str, ...] = ()


def resolve(params: tuple[Param, ...], given: Mapping[str, Value], place: Place) -> dict[str, Value]:
    """Return a checked value for every parameter: as *given*, else from the finding's *place*, else its default.

    Raises `FeldsherError` ``parameter``. Resolving a resolved mapping again changes nothing.
    """
    known = {param.name: param for param in params}
    for name in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise _wrong(name, "there is no such parameter", f"the playbook has: {listed}")
    resolved: dict[str, Value] = {}
    for param in params:
        if param.name in given:
            raw: Value | None = given[param.name]
        elif param.from_finding and param.name in place:
            raw = place[param.name]
        else:
            raw = param.default
        if raw is None:
            hint = "name the finding it is for, or give it" if param.from_finding else "give it"
            raise _wrong(param.name, "it is needed and was not given", hint)
        resolved[param.name] = value_of(param, raw)
    return resolved


def value_of(param: Param, raw: Any) -> Value:
    """Return *raw* as a value of *param*; raises `FeldsherError` ``parameter`` with what was wrong."""
    value = read_value(param.kind, raw, param.name)
    if param.kind is Kind.ENUM and value not in param.values:
        raise _wrong(param.name, f"{value!r} is not one of its values", f"use one of: {', '.join(param.values)}")
    return value


def read_value(kind: Kind, raw: Any, name: str) -> Value:  # noqa: C901, PLR0911 - one case and one return a kind
    """Return *raw* as a value of *kind*: a size in bytes, a duration in seconds, a list joined by commas."""
    match kind:
        case Kind.BOOLEAN:
            return _boolean(raw, name)
        case Kind.INTEGER:
            return _integer(raw, name)
        case Kind.SIZE:
            return _amount(raw, name, _SIZES, "a size such as 200 MiB")
        case Kind.DURATION:
            return _amount(raw, name, _SPANS, "a time such as 10m")
        case Kind.PATH:
            return _path(_text(raw, name), name)
        case Kind.HOST:
            return _host(_text(raw, name), name)
        case Kind.URL:
            return _url(_text(raw, name), name)
        case Kind.LIST:
            items = raw.split(",") if isinstance(raw, str) else raw
            if not isinstance(items, list) or not items:
                raise _wrong(name, "it must be a list of words", "write [one, two]")
            return ",".join(_item(item, name) for item in items)
        case Kind.STRING | Kind.ENUM:
            return _text(raw, name)
        case Kind.SECRET:
            # A password may begin with a dash; it is never put on a command line.
            return _text(raw, name, dash=True)


def _boolean(raw: Any, name: str) -> bool:
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, str) and raw in {"true", "false"}:
        return raw == "true"
    raise _wrong(name, "it must be true or false", "write true or false")


def _integer(raw: Any, name: str) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    # A finding's labels are words: "4711" is the pid 4711.
    if isinstance(raw, str) and re.fullmatch(r"[0-9]{1,18}", raw):
        return int(raw)
    raise _wrong(name, "it must be a whole number", "write it plainly, as 8")


def _amount(raw: Any, name: str, units: Mapping[str, float], such: str) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool) and raw >= 0:
        return raw
    found = _AMOUNT.fullmatch(raw) if isinstance(raw, str) else None
    if found is None or found[2] not in units:
        raise _wrong(name, f"it must be {such}", f"units are {', '.join(units)}")
    return round(float(found[1]) * units[found[2]])


def _text(raw: Any, name: str, *, dash: bool = False) -> str:
    if not isinstance(raw, str):
        raise _wrong(name, "it must be text", "put it in quotes")
    if not raw or len(raw) > LIMIT_CHARACTERS:
        raise _wrong(name, f"it must have from 1 to {LIMIT_CHARACTERS} characters", "shorten it or fill it in")
    hidden = _HIDDEN.search(raw)
    if hidden:
        raise _wrong(name, f"it holds the control character U+{ord(hidden[0]):04X}", "remove it")
    if raw.startswith("-") and not dash:
        raise _wrong(name, "it begins with a dash and would be taken for an option", "remove the dash")
    return raw


def _item(raw: Any, name: str) -> str:
    item = _text(raw, name)
    if "," in item:
        raise _wrong(name, f"the item {item!r} holds a comma", "make it two items")
    return item


def _path(path: str, name: str) -> str:
    if not path.startswith("/"):
        raise _wrong(name, f"the path {path!r} is not absolute", "begin it with /")
    if ".." in path.split("/"):
        raise _wrong(name, f"the path {path!r} climbs up with ..", "write where it really is")
    return path


def _host(host: str, name: str) -> str:
    try:
        return str(ip_address(host))
    except ValueError:
        if _HOST_NAME.fullmatch(host):
            return host
    raise _wrong(name, f"{host!r} is neither an address nor a host name", "write it as 192.0.2.1 or host.example")


def _url(url: str, name: str) -> str:
    try:
        parts = urlsplit(url)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        fine = False
    if not fine or "\\" in url or " " in url:
        raise _wrong(name, f"{url!r} is not an address of the web", "begin it with https:// and leave out passwords")
    return url


def _wrong(name: str, what: str, remedy: str) -> FeldsherError:
    return FeldsherError("parameter", f"{name}: {what}", remedy=remedy)

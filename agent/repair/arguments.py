"""The arguments of an act: checked where they are written, filled in when the act is due."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from agent.repair.action import Action, Argument
from agent.repair.actions import ACTIONS
from agent.repair.parameters import LIMIT_CHARACTERS, read_value
from agent.repair.shape import Act
from contract.errors import FeldsherError
from contract.sample import Value

LIMIT_WORDS = 64
LIMIT_ALL_CHARACTERS = 64 * 1024
SHELLS = frozenset({"ash", "bash", "csh", "dash", "env", "fish", "ksh", "sh", "sudo", "su", "zsh"})

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def names_in(raw: Any) -> Iterator[str]:
    """Yield each name that *raw*, an argument as written, wants filled in."""
    if isinstance(raw, str):
        yield from _PLACEHOLDER.findall(raw)
    elif isinstance(raw, list):
        for item in raw:
            yield from names_in(item)


def names_of(act: Act) -> frozenset[str]:
    """Return every name that the arguments of *act* want filled in."""
    return frozenset(name for raw in act.arguments.values() for name in names_in(raw))


def fill(act: Act, values: Mapping[str, Value]) -> dict[str, Any]:
    """Return the checked arguments of *act* with each ``{name}`` replaced from *values*.

    Raises `FeldsherError` ``parameter`` when a value is missing or does not fit: nothing was touched then.
    """
    filled = {name: _filled(raw, values) for name, raw in act.arguments.items()}
    return check(ACTIONS[act.action], filled)


def check(action: Action, written: Mapping[str, Any]) -> dict[str, Any]:
    """Return *written* as checked values of *action*'s arguments; raises `FeldsherError` ``parameter``."""
    if action.name == "run":
        return {"argv": _words(written["argv"])}
    return {
        argument.name: check_one(argument, written[argument.name])
        for argument in action.arguments
        if argument.name in written
    }


def check_one(argument: Argument, raw: Any) -> Value:
    """Return *raw* as a checked value of *argument*."""
    value = read_value(argument.kind, raw, argument.name)
    if argument.within and value not in argument.within:
        raise FeldsherError(
            "parameter",
            f"{argument.name}: {value!r} is not one this action may touch",
            remedy=f"use one of: {', '.join(argument.within)}",
        )
    if argument.pattern and not re.fullmatch(argument.pattern, str(value)):
        raise FeldsherError(
            "parameter", f"{argument.name}: {value!r} has marks it may not have", remedy="write the name alone"
        )
    return value


def _words(raw: Any) -> list[str]:
    """Return the words of a command line; a shell, and words that are no text, are refused."""
    if not isinstance(raw, list) or not raw or len(raw) > LIMIT_WORDS:
        raise FeldsherError(
            "parameter", f"run: it must be a list of 1 to {LIMIT_WORDS} words", remedy="write run: [program, word]"
        )
    for word in raw:
        if not isinstance(word, str) or len(word) > LIMIT_CHARACTERS or "\0" in word or "\n" in word:
            raise FeldsherError("parameter", f"run: {word!r} is not a word", remedy="put it in quotes, on one line")
    if sum(len(word) for word in raw) > LIMIT_ALL_CHARACTERS:
        raise FeldsherError(
            "parameter", "run: the command is longer than 64 KiB", remedy="put what is long into a file"
        )
    if not raw[0] or raw[0].startswith("-") or raw[0].rsplit("/", 1)[-1] in SHELLS:
        raise FeldsherError(
            "parameter",
            f"run: {raw[0]!r} runs other commands, which nobody could read here",
            remedy="name the program itself, one act for each command",
        )
    return list(raw)


def _filled(raw: Any, values: Mapping[str, Value]) -> Any:
    if isinstance(raw, list):
        return [_filled(item, values) for item in raw]
    if not isinstance(raw, str):
        return raw
    whole = _PLACEHOLDER.fullmatch(raw)
    if whole:
        return _known(whole[1], values)
    return _PLACEHOLDER.sub(lambda found: str(_known(found[1], values)), raw)


def _known(name: str, values: Mapping[str, Value]) -> Value:
    if name not in values:
        raise FeldsherError("parameter", f"{name}: it was not seen on this machine, so nothing can be done with it")
    value = values[name]
    if isinstance(value, str) and value.startswith("-"):
        raise FeldsherError("parameter", f"{name}: {value!r} begins with a dash and would be taken for an option")
    return value

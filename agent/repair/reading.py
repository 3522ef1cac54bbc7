"""Reads a playbook strictly: what it cannot read as its author meant it, it refuses, with file, line and remedy."""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NoReturn

from agent.fields import Fields, nearest
from agent.probes.catalogue import QUANTITIES
from agent.repair.actions import ACTIONS
from agent.repair.acts_reading import ActsReader
from agent.repair.parameters import Kind, Param, read_value, value_of
from agent.repair.risk import WORDS, Risk, risk_named
from agent.repair.shape import REPAIR_TIMEOUT, STEP_TIMEOUT, Act, Needs, Playbook, Retry, Step, Tell, UndoWord
from agent.yaml_reader import Document, Path, read_with_lines
from contract.errors import FeldsherError

SLUG = "playbook-schema"
NAME = re.compile(r"(?=.{1,64}$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
VERSION = re.compile(r"(?:0|[1-9][0-9]{0,4})(?:\.(?:0|[1-9][0-9]{0,4})){2}")
PARAM_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
STEP_NAME_CHARACTERS = 120
LONGEST = timedelta(hours=4)
LONGEST_DELAY = timedelta(minutes=10)
MOST_STEPS = 50
MOST_RETRIES = 100

_KEYS = ("playbook", "version", "title", "answers", "os", "risk", "params", "needs", "evidence", "ask", "steps", "tell")
_STEP_KEYS = ("name", "when", "check", "do", "verify", "undo", "timeout", "retry")
_NOT_YET = ("guard", "reboot", "approve", "in", "after_change", "sh", "powershell")
_NOT_IN_EXPRESSIONS = frozenset({Kind.SECRET, Kind.LIST})


def read(content: bytes, where: str) -> Playbook:
    """Return the playbook that *content* is. *where* is its name for errors."""
    document = read_with_lines(content, where)
    _refuse_not_yet(document, ())
    root = Fields(document, (), SLUG, _KEYS)
    os_name = root.one_of("os", ("linux", "windows", "any"))
    params = _params(root)
    steps = _steps(root, params, os_name)
    tell = root.below("tell", ("fixed", "not_fixed"))
    root.value("answers")
    return Playbook(
        name=_matching(root, "playbook", NAME, "a name in small letters with hyphens, as free-disk-space"),
        version=_matching(root, "version", VERSION, 'three numbers in quotes, as "1.0.0"'),
        title=root.said("title"),
        answers=root.words("answers"),
        os=os_name,
        risk=_risk(root, steps),
        params=params,
        needs=_needs(root),
        evidence=_evidence(root),
        ask=root.said("ask") if "ask" in root else None,
        tell=Tell(fixed=tell.said("fixed"), not_fixed=tell.said("not_fixed")),
        steps=steps,
        content=content,
        where=where,
    )


def _refuse_not_yet(document: Document, path: Path) -> None:
    """Refuse what the language has but this version does not carry out: silence would be a broken promise."""
    value: Any = document.value
    for part in path:
        value = value[part]
    for key in value if isinstance(value, dict) else ():
        if key in _NOT_YET:
            raise FeldsherError(
                SLUG,
                f"{key}: is not supported yet by this version",
                where=document.at((*path, key)),
                remedy="leave it out",
            )


def _matching(fields: Fields, key: str, pattern: re.Pattern[str], wanted: str) -> str:
    word = fields.word(key)
    if not pattern.fullmatch(word):
        fields.fail(key, f"{word!r} cannot be the {key}", f"write {wanted}")
    return word


def _risk(root: Fields, steps: tuple[Step, ...]) -> Risk:
    declared = risk_named(root.one_of("risk", WORDS)) or Risk.OBSERVE
    riskiest = max(steps, key=lambda step: step.risk)
    if declared < riskiest.risk:
        raise FeldsherError(
            "risk-mismatch",
            f"it declares the risk {declared.word}, but the step {riskiest.name!r} on line {riskiest.line} "
            f"carries {riskiest.risk.word}",
            where=root.at("risk"),
            remedy=f"write  risk: {riskiest.risk.word}",
        )
    return declared


def _needs(root: Fields) -> Needs:
    if "needs" not in root:
        return Needs()
    needs = root.below("needs", ("free", "within"))
    free_bytes = 0
    if "free" in needs:
        free_bytes = int(_sure(needs, "free", lambda: read_value(Kind.SIZE, needs.word("free"), "free")))
    return Needs(free_bytes, _span(needs, "within", REPAIR_TIMEOUT, LONGEST))


def _evidence(root: Fields) -> tuple[str, ...]:
    names = root.words("evidence")
    for name in names:
        if name not in QUANTITIES:
            root.fail("evidence", f"no probe gives {name!r}", nearest(name, QUANTITIES))
    return names


def _span(fields: Fields, key: str, default: timedelta, longest: timedelta) -> timedelta:
    span = fields.span(key, default)
    if span > longest:
        fields.fail(key, f"{key!r} is too long", f"{longest.total_seconds():.0f}s is the most")
    return span


def _params(root: Fields) -> tuple[Param, ...]:
    if "params" not in root:
        return ()
    written = root.value("params")
    params = root.below("params", tuple(written) if isinstance(written, dict) else ())
    return tuple(_param(params, name) for name in written)


def _param(params: Fields, name: str) -> Param:
    if not PARAM_NAME.fullmatch(name) or name in QUANTITIES:
        params.fail(name, f"{name!r} cannot be the name of a parameter", "use small letters, numbers and _")
    fields = params.below(name, ("type", "from", "default", "values"))
    kind = Kind(fields.one_of("type", tuple(kind.value for kind in Kind)))
    from_finding = "from" in fields and fields.one_of("from", ("finding",)) == "finding"
    values = fields.words("values")
    if (kind is Kind.ENUM) != bool(values):
        fields.fail("values", "values: belongs to a parameter of type enum, and only there", "add values: [one, two]")
    param = Param(name=name, kind=kind, from_finding=from_finding, values=values)
    if "default" not in fields:
        return param
    if kind is Kind.SECRET:
        fields.fail("default", "a secret with a default is no secret", "leave the default out")
    default = _sure(fields, "default", lambda: value_of(param, fields.value("default")))
    return Param(name=name, kind=kind, from_finding=from_finding, values=values, default=default)


def _sure(fields: Fields, key: str, value: Callable[[], Any]) -> Any:
    """Return *value*, and say where it stands when it does not fit."""
    try:
        return value()
    except FeldsherError as error:
        fields.fail(key, error.what, error.remedy)


def _steps(root: Fields, params: tuple[Param, ...], os_name: str) -> tuple[Step, ...]:
    units = {name: quantity.unit for name, quantity in QUANTITIES.items()}
    units |= {param.name: param.kind.unit for param in params if param.kind not in _NOT_IN_EXPRESSIONS}
    # A secret in an argument would be seen in the list of processes, and kept with what undo needs.
    names = frozenset(units) | {param.name for param in params if param.kind is not Kind.SECRET}
    acts = ActsReader(root.document, names, os_name)
    root.value("steps")
    for position in range(len(root.list("steps"))):
        _refuse_not_yet(root.document, ("steps", position))
        _refuse_habits(root.document, ("steps", position))
    steps: list[Step] = []
    for fields in root.each("steps", _STEP_KEYS):
        step = _step(fields, units, acts)
        twin = next((earlier for earlier in steps if earlier.name == step.name), None)
        if twin is not None:
            fields.fail(
                "name",
                f"the step on line {twin.line} has the same name: evidence could not tell them apart",
                "give each step a name of its own",
            )
        steps.append(step)
    if not 1 <= len(steps) <= MOST_STEPS:
        root.fail("steps", f"there must be from 1 to {MOST_STEPS} steps", "add a step, or make two playbooks")
    return tuple(steps)


def _refuse_habits(document: Document, path: Path) -> None:
    """Refuse what people bring along from other tools, with what it is here."""
    step = document.value["steps"][path[-1]]
    if not isinstance(step, dict):
        return
    if "run" in step:
        _refuse(document, (*path, "run"), "run: is an action", "write it under do:, as  do: {run: [program, word]}")
    if "undo" not in step:
        words = ", ".join(UndoWord)
        _refuse(
            document,
            path,
            "the step is silent about undo: nobody would know how to take it back",
            f"add undo: with a list of actions or one of {words}",
        )


def _refuse(document: Document, path: Path, what: str, remedy: str) -> NoReturn:
    raise FeldsherError(SLUG, what, where=document.at(path), remedy=remedy)


def _step(fields: Fields, units: Mapping[str, str], acts: ActsReader) -> Step:
    name = fields.word("name")
    if not name.isprintable() or name != name.strip() or len(name) > STEP_NAME_CHARACTERS:
        fields.fail("name", "the name of a step must be one plain line", f"at most {STEP_NAME_CHARACTERS} characters")
    known = dict(units)
    do = acts.read((*fields.path, "do"), fields.value("do"))
    undo = _undo(fields, do, acts)
    return Step(
        name=name,
        when=fields.condition("when", known) if "when" in fields else None,
        check=fields.condition("check", known),
        do=do,
        verify=fields.condition("verify", known),
        undo=undo,
        timeout=_span(fields, "timeout", STEP_TIMEOUT, LONGEST),
        retry=_retry(fields),
        risk=max(ACTIONS[act.action].risk for act in (*do, *(undo if isinstance(undo, tuple) else ()))),
        line=fields.document.line_of(fields.path),
    )


def _retry(fields: Fields) -> Retry:
    if "retry" not in fields:
        return Retry()
    retry = fields.below("retry", ("times", "delay"))
    times = retry.number("times")
    if not isinstance(times, int) or not 1 <= times <= MOST_RETRIES:
        retry.fail("times", f"it must be a whole number from 1 to {MOST_RETRIES}", "write it plainly, as 3")
    retry.value("delay")
    return Retry(times, _span(retry, "delay", timedelta(0), LONGEST_DELAY))


def _undo(fields: Fields, do: tuple[Act, ...], acts: ActsReader) -> UndoWord | tuple[Act, ...]:
    written = fields.value("undo")
    if isinstance(written, list | dict):
        return acts.read((*fields.path, "undo"), written)
    words = tuple(word.value for word in UndoWord)
    if written not in words:
        hint = nearest(str(written), words) or f"write a list of actions or one of {', '.join(words)}"
        fields.fail("undo", f"undo cannot be {written!r}", hint)
    word = UndoWord(written)
    for act in do if word is UndoWord.INVERSE else ():
        if ACTIONS[act.action].take_back is None:
            fields.fail(
                "undo",
                f"the action {act.action} has no inverse",
                "write regenerable, not_needed or impossible, or a list of actions",
            )
    return word

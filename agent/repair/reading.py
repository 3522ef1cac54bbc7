"""Reads a playbook strictly: what it cannot read as its author meant it, it refuses, with file, line and remedy."""

import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from agent.expression import Expression, parse_condition
from agent.probes.catalogue import QUANTITIES
from agent.repair import arguments
from agent.repair.action import Action
from agent.repair.actions import ACTIONS
from agent.repair.parameters import Kind, Param, value_of
from agent.repair.risk import WORDS, Risk, risk_named
from agent.repair.schema import Field
from agent.repair.shape import (
    REPAIR_TIMEOUT,
    STEP_TIMEOUT,
    Act,
    Needs,
    Playbook,
    Retry,
    Step,
    Tell,
    UndoWord,
)
from agent.yaml_reader import read_with_lines
from contract.errors import FeldsherError

NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+){0,7}")
VERSION = re.compile(r"(?:0|[1-9][0-9]{0,4})(?:\.(?:0|[1-9][0-9]{0,4})){2}")
PARAM_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
LONGEST = timedelta(hours=4)
MOST_STEPS = 50

_KEYS = ("playbook", "version", "title", "answers", "os", "risk", "params", "needs", "ask", "steps", "tell")
_OPTIONAL = {"params", "needs", "ask"}
_STEP_KEYS = ("name", "when", "check", "do", "verify", "undo", "timeout", "retry")
_STEP_OPTIONAL = {"when", "timeout", "retry"}
_NOT_YET = frozenset({"guard", "reboot", "approve", "in", "after_change", "evidence", "sh", "powershell"})
_NOT_IN_EXPRESSIONS = frozenset({Kind.SECRET, Kind.LIST})


def read(content: bytes, where: str) -> Playbook:
    """Return the playbook that *content* is. *where* is its name for errors."""
    document = read_with_lines(content, where)
    root = Field(document, (), document.value)
    root.keys(_KEYS, [key for key in _KEYS if key not in _OPTIONAL], _NOT_YET)
    os_name = root["os"].one_of(("linux", "windows", "any"))
    params = _params(root["params"]) if "params" in root else ()
    steps = _steps(root["steps"], params, os_name)
    tell = root["tell"]
    tell.keys({"fixed", "not_fixed"}, ("fixed", "not_fixed"))
    return Playbook(
        name=_matching(root["playbook"], NAME, "a name in small letters with hyphens, as free-disk-space"),
        version=_matching(root["version"], VERSION, 'a version of three numbers, as "1.0.0"'),
        title=root["title"].both_languages(),
        answers=tuple(_matching(answer, NAME, "the name of a rule") for answer in root["answers"].items()),
        os=os_name,
        risk=_risk(root["risk"], steps),
        params=params,
        needs=_needs(root["needs"]) if "needs" in root else Needs(),
        ask=root["ask"].both_languages() if "ask" in root else None,
        tell=Tell(fixed=tell["fixed"].both_languages(), not_fixed=tell["not_fixed"].both_languages()),
        steps=steps,
        content=content,
        where=where,
    )


def _matching(field: Field, pattern: re.Pattern[str], wanted: str) -> str:
    if not isinstance(field.value, str) or not pattern.fullmatch(field.value):
        field.refuse(f"{field.value!r} is not {wanted}", f"write {wanted}")
    return field.value


def _risk(field: Field, steps: tuple[Step, ...]) -> Risk:
    declared = risk_named(field.one_of(WORDS)) or Risk.OBSERVE
    riskiest = max(steps, key=lambda step: step.risk)
    if declared < riskiest.risk:
        field.refuse(
            f"it declares the risk {declared.word}, but the step {riskiest.name!r} (line {riskiest.line}) "
            f"carries {riskiest.risk.word}",
            f"write risk: {riskiest.risk.word}",
            "risk-mismatch",
        )
    return declared


def _needs(field: Field) -> Needs:
    field.keys({"free", "within"}, ())
    return Needs(
        free_bytes=field["free"].size() if "free" in field else 0,
        within=field["within"].span(LONGEST) if "within" in field else REPAIR_TIMEOUT,
    )


def _params(field: Field) -> tuple[Param, ...]:
    return tuple(_param(field[name], name) for name in field.mapping())


def _param(field: Field, name: str) -> Param:
    if not PARAM_NAME.fullmatch(name):
        field.refuse(f"{name!r} is not a name for a parameter", "use small letters, numbers and _")
    field.keys({"type", "from", "default", "values"}, ("type",))
    kind = Kind(field["type"].one_of([kind.value for kind in Kind]))
    if "from" in field:
        field["from"].one_of(("finding",))
    if (kind is Kind.ENUM) != ("values" in field):
        field.refuse("values: belongs to a parameter of type enum, and only there", "add values: [one, two]")
    values = tuple(item.text(200) for item in field["values"].items()) if "values" in field else ()
    param = Param(name=name, kind=kind, from_finding="from" in field, values=values)
    if "default" not in field:
        return param
    if kind is Kind.SECRET:
        field["default"].refuse("a secret with a default is no secret", "leave the default out")
    try:
        default = value_of(param, field["default"].value)
    except FeldsherError as error:
        field["default"].refuse(error.what, error.remedy)
    return Param(name=name, kind=kind, from_finding=param.from_finding, values=values, default=default)


def _steps(field: Field, params: tuple[Param, ...], os_name: str) -> tuple[Step, ...]:
    units = {name: quantity.unit for name, quantity in QUANTITIES.items()}
    units |= {param.name: param.kind.unit for param in params if param.kind not in _NOT_IN_EXPRESSIONS}
    steps: list[Step] = []
    for item in field.items():
        step = _step(item, units, frozenset(param.name for param in params), os_name)
        twin = next((earlier for earlier in steps if earlier.name == step.name), None)
        if twin is not None:
            item["name"].refuse(
                f"the step on line {twin.line} has the same name: evidence could not tell them apart",
                "give each step a name of its own",
            )
        steps.append(step)
    if not 1 <= len(steps) <= MOST_STEPS:
        field.refuse(f"it must have from 1 to {MOST_STEPS} steps", "add a step, or make two playbooks")
    return tuple(steps)


def _step(field: Field, units: Mapping[str, str], params: frozenset[str], os_name: str) -> Step:
    field.mapping()
    if "run" in field:
        field["run"].refuse("run: is an action, and stands under do:", "write  do: {run: [program, word]}")
    needed = [key for key in _STEP_KEYS if key not in _STEP_OPTIONAL]
    if "undo" not in field:
        words = ", ".join(UndoWord)
        field.refuse(
            "the step is silent about undo: nobody would know how to take it back",
            f"add undo: with a list of actions or one of {words}",
        )
    field.keys(_STEP_KEYS, needed, _NOT_YET)
    reader = _Acts(params | set(units), os_name)
    do = reader.read(field["do"])
    undo = _undo(field["undo"], do, reader)
    return Step(
        name=_step_name(field["name"]),
        when=_condition(field["when"], units) if "when" in field else None,
        check=_condition(field["check"], units),
        do=do,
        verify=_condition(field["verify"], units),
        undo=undo,
        timeout=field["timeout"].span(LONGEST) if "timeout" in field else STEP_TIMEOUT,
        retry=_retry(field["retry"]) if "retry" in field else Retry(),
        risk=max(ACTIONS[act.action].risk for act in (*do, *(undo if isinstance(undo, tuple) else ()))),
        line=field.line,
    )


def _step_name(field: Field) -> str:
    name = field.text(120)
    if not name.isprintable() or name != name.strip():
        field.refuse("the name of a step must be one plain line", "write one short sentence")
    return name


def _condition(field: Field, units: Mapping[str, str]) -> Expression:
    return parse_condition(field.text(), units, field.where)


def _retry(field: Field) -> Retry:
    field.keys({"times", "delay"}, ("times", "delay"))
    return Retry(field["times"].whole(1, 100), field["delay"].span(timedelta(minutes=10)))


def _undo(field: Field, do: tuple[Act, ...], reader: "_Acts") -> UndoWord | tuple[Act, ...]:
    if isinstance(field.value, list):
        return reader.read(field)
    word = UndoWord(field.one_of([word.value for word in UndoWord]))
    if word is UndoWord.INVERSE:
        for act in do:
            if ACTIONS[act.action].take_back is None:
                field.refuse(
                    f"the action {act.action} has no inverse",
                    "write regenerable, not_needed or impossible, or a list of actions",
                )
    return word


class _Acts:
    """Reads lists of actions; *names* are those that may be filled into arguments."""

    def __init__(self, names: frozenset[str], os_name: str) -> None:
        self._names = names
        self._os = os_name

    def read(self, field: Field) -> tuple[Act, ...]:
        """Return the acts of one mapping, or of a list of mappings with one action each."""
        if isinstance(field.value, dict):
            return tuple(self._act(field[name], name) for name in self._filled(field, field.value))
        acts: list[Act] = []
        for item in self._filled(field, field.items()):
            if len(item.mapping()) != 1:
                item.refuse("each item of the list is one action", "write  - {action: {argument: value}}")
            acts += [self._act(item[name], name) for name in item.value]
        return tuple(acts)

    def _filled(self, field: Field, acts: Any) -> Any:
        if not acts:
            field.refuse("there is no action here", "add one, as  {note: {text: looked}}")
        return acts

    def _act(self, field: Field, name: str) -> Act:
        if name not in ACTIONS:
            near = get_close_matches(name, ACTIONS, n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else f"known actions: {', '.join(ACTIONS)}"
            field.refuse(f"there is no action {name!r}", hint)
        action = ACTIONS[name]
        if self._os != "any" and self._os not in action.os:
            field.refuse(f"the action {name} does not exist on {self._os}", f"it is for {', '.join(action.os)}")
        written = {"argv": field.value} if name == "run" else self._arguments(field, action)
        for value in written.values():
            self._known_names(field, value)
        try:
            self._check_plain(action, written)
        except FeldsherError as error:
            field.refuse(f"{name}: {error.what}", error.remedy)
        return Act(name, written)

    def _arguments(self, field: Field, action: Action) -> dict[str, Any]:
        if field.value is None:
            field.wrong("a mapping of arguments; write {} for none")
        known = [argument.name for argument in action.arguments]
        field.keys(known, [argument.name for argument in action.arguments if not argument.optional])
        return dict(field.mapping())

    def _known_names(self, field: Field, raw: Any) -> None:
        for name in arguments.names_in(raw):
            if name not in self._names:
                near = get_close_matches(name, self._names, n=1, cutoff=0.6)
                hint = f"did you mean {near[0]}?" if near else "use a parameter or a quantity"
                field.refuse(f"nothing is called {name!r}, so {{{name}}} cannot be filled in", hint)

    def _check_plain(self, action: Action, written: Mapping[str, Any]) -> None:
        """Check what can be checked before it is filled in."""
        if action.name == "run":
            arguments.check(action, written)
            return
        for argument in action.arguments:
            raw = written.get(argument.name)
            if raw is not None and not any(arguments.names_in(raw)):
                arguments.check_one(argument, raw)

"""Reads the lists of actions under ``do`` and ``undo``, against the table of actions."""

from collections.abc import Mapping
from typing import Any, NoReturn

from agent.fields import Fields, nearest
from agent.repair import arguments
from agent.repair.action import Action
from agent.repair.actions import ACTIONS
from agent.repair.shape import Act
from agent.yaml_reader import Document, Path
from contract.errors import FeldsherError

SLUG = "playbook-schema"


class ActsReader:
    """Reads acts of one document; *names* are those that may be filled into arguments."""

    def __init__(self, document: Document, names: frozenset[str], os_name: str) -> None:
        self._document = document
        self._names = names
        self._os = os_name

    def read(self, path: Path, written: Any) -> tuple[Act, ...]:
        """Return the acts of one mapping, or of a list of mappings with one action each."""
        if not isinstance(written, dict | list) or not written:
            self._refuse(path, "an action was expected", "write  {action: {argument: value}}, or a list of them")
        if isinstance(written, dict):
            return tuple(self._act((*path, name), name, value) for name, value in written.items())
        acts: list[Act] = []
        for position, item in enumerate(written):
            if not isinstance(item, dict) or len(item) != 1:
                self._refuse((*path, position), "each item is one action", "write  - {action: {argument: value}}")
            acts += self.read((*path, position), item)
        return tuple(acts)

    def _act(self, path: Path, name: str, value: Any) -> Act:
        if name not in ACTIONS:
            hint = nearest(name, ACTIONS) or f"known actions: {', '.join(ACTIONS)}"
            self._refuse(path, f"there is no action {name!r}", hint)
        action = ACTIONS[name]
        if self._os != "any" and self._os not in action.os:
            self._refuse(path, f"the action {name} does not exist on {self._os}", f"it is for {', '.join(action.os)}")
        given = {"argv": value} if name == "run" else self._arguments(path, action)
        for raw in given.values():
            self._refuse_unknown_names(path, raw)
        try:
            _check_plain(action, given)
        except FeldsherError as error:
            self._refuse(path, f"{name}: {error.what}", error.remedy)
        return Act(name, given)

    def _arguments(self, path: Path, action: Action) -> dict[str, Any]:
        fields = Fields(self._document, path, SLUG, [argument.name for argument in action.arguments])
        return {
            argument.name: fields.value(argument.name)
            for argument in action.arguments
            if argument.name in fields or not argument.optional
        }

    def _refuse_unknown_names(self, path: Path, raw: Any) -> None:
        for name in arguments.names_in(raw):
            if name not in self._names:
                hint = nearest(name, self._names) or "use a quantity, or a parameter that is no secret"
                self._refuse(path, f"nothing is called {name!r}, so it cannot be filled in", hint)

    def _refuse(self, path: Path, what: str, remedy: str) -> NoReturn:
        raise FeldsherError(SLUG, what, where=self._document.at(path), remedy=remedy)


def _check_plain(action: Action, given: Mapping[str, Any]) -> None:
    """Check what can be checked before anything is filled in."""
    if action.name == "run":
        arguments.check(action, given)
        return
    for argument in action.arguments:
        raw = given.get(argument.name)
        if raw is not None and not any(arguments.names_in(raw)):
            arguments.check_one(argument, raw)

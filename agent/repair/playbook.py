"""Playbooks: where they come from, and what one needs to be told before it can run."""

from collections.abc import Mapping
from pathlib import Path

from agent import library
from agent.repair import parameters
from agent.repair.reading import read
from agent.repair.shape import Playbook
from contract.errors import FeldsherError
from contract.sample import Place, Value

__all__ = [
    "Playbook",
    "list_playbooks",
    "load_playbook",
    "paths",
    "place_of",
    "read_file",
    "read_playbook",
    "resolve_params",
]


def place_of(playbook: Playbook, params: Mapping[str, Value]) -> Place:
    """Return the place a repair is about: the parameters that come from the finding."""
    return {param.name: str(params[param.name]) for param in playbook.params if param.from_finding}


def resolve_params(playbook: Playbook, given: Mapping[str, Value], finding_place: Place) -> dict[str, Value]:
    """Return a checked value for every parameter: as *given*, else from the finding, else its default.

    Raises `FeldsherError` ``parameter``. Resolving what was resolved changes nothing.
    """
    return parameters.resolve(playbook.params, given, finding_place)


def load_playbook(name: str) -> Playbook:
    """Return the playbook *name* of the library; `FeldsherError` ``not-found`` when there is none."""
    # The name comes from outside: only a name that the folder lists is ever made into a path.
    for path in paths():
        if path.stem == name:
            return read_file(path)
    known = ", ".join(path.stem for path in paths())
    raise FeldsherError("not-found", f"there is no playbook {name!r}", remedy=f"the library has: {known}")


def list_playbooks() -> tuple[Playbook, ...]:
    """Return every playbook of the library, by name."""
    return tuple(read_file(path) for path in paths())


def read_file(path: Path) -> Playbook:
    """Return the playbook of one file, which must bear its name."""
    where = f"{path.parent.name}/{path.name}"
    playbook = read_playbook(path.read_bytes(), where)
    if playbook.name != path.stem:
        raise FeldsherError(
            "playbook-schema",
            f"the playbook is called {playbook.name!r}, but its file {path.name!r}",
            where=f"{where}:1",
            remedy="give both the same name",
        )
    return playbook


def paths(folder: Path | None = None) -> list[Path]:
    """Return the files of the library, sorted by name."""
    return sorted((folder or library.folder("playbooks")).glob("*.yaml"))


def read_playbook(content: bytes, where: str) -> Playbook:
    """Return the playbook that *content* is; *where* is its name for errors, which say file, line and remedy."""
    return read(content, where)

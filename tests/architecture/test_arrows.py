"""Imports point one way: contract <- agent <- collector <- commands <- cli."""

import pytest

from tests.architecture.source import imports, product_modules

ORDER = ["contract", "agent", "collector", "commands", "cli"]
# The resident speaks of hosts and repairs by name only: what looks and acts lives in the hands, another process.
RESIDENT_STAYS_AWAY_FROM = ("agent.probes", "agent.repair", "agent.checkup", "agent.diagnosis", "agent.rule")
MODULES = product_modules()


@pytest.mark.parametrize("layer", ORDER)
def test_imports_come_from_the_left(layer: str) -> None:
    """Whoever installs the agent alone must not need the collector."""
    to_the_right = set(ORDER[ORDER.index(layer) + 1 :])
    wrong = [
        f"{module}:{line} imports {name}"
        for module in MODULES
        if module.with_suffix("").parts[0] == layer
        for line, name in imports(module)
        if name.split(".")[0] in to_the_right
    ]
    assert not wrong


def test_the_collector_borrows_eyes_and_hands_but_no_lodger() -> None:
    """It may examine machines itself; the resident part lives on customers' machines only."""
    wrong = [
        f"{module}:{line} imports {name}"
        for module in MODULES
        if module.parts[0] == "collector"
        for line, name in imports(module)
        if f"{name}.".startswith("agent.resident.")
    ]
    assert not wrong


def test_the_contract_needs_msgspec_and_nothing_else() -> None:
    """Both sides, and every tool somebody writes later, must be able to read a message cheaply."""
    wrong = [
        f"{module}:{line} imports {name}"
        for module in MODULES
        if module.parts[0] == "contract"
        for line, name in imports(module)
        if name.split(".")[0] in {"click", "cryptography", "psutil", "yaml", "sqlalchemy", "starlette", "httpx2"}
    ]
    assert not wrong


def test_every_import_is_absolute() -> None:
    """A reader of one line must know which file it speaks of."""
    from_here = [f"{module}:{line}" for module in MODULES for line, name in imports(module) if name.startswith(".")]
    assert not from_here


@pytest.mark.parametrize("name", ["contract", "agent", "agent.resident"])
def test_the_doorsteps_of_the_resident_are_empty(name: str) -> None:
    """Whatever a package's front page imports, the resident would carry."""
    [front] = [module for module in MODULES if module.as_posix() == f"{name.replace('.', '/')}/__init__.py"]
    assert not list(imports(front))

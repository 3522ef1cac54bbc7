"""The product's source, as the architecture tests read it: parsed, never imported."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("contract", "agent", "collector", "commands")


def product_modules() -> list[Path]:
    """Return every module that is shipped, as paths below the project."""
    found = [path for package in PACKAGES for path in (PROJECT / package).rglob("*.py")]
    return sorted(path.relative_to(PROJECT) for path in [*found, PROJECT / "cli.py"])


@cache
def tree(module: Path) -> ast.Module:
    """Return *module* parsed."""
    return ast.parse((PROJECT / module).read_text())


def imports(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the full dotted name of everything *module* imports, at its top or inside a function."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)


def mentions(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the dotted name of everything *module* mentions, as ``a`` or ``a.b``."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Attribute | ast.Name) and (name := dotted(node)):
            yield node.lineno, name


def literals(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every string written in *module*."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def dotted(node: ast.expr) -> str:
    """Return the name that *node* spells, as ``a.b``; empty when it is no plain name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute):
            return f"{before}.{attribute}" if (before := dotted(value)) else ""
        case _:
            return ""

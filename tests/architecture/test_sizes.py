"""Modules are small and say what they hold; allowances say why."""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from tests.architecture.source import PROJECT, product_modules, tree

MODULES = product_modules()
EVERYTHING = sorted(
    path.relative_to(PROJECT)
    for folder in ("contract", "agent", "collector", "commands", "tests", "bench", "docs")
    for path in (PROJECT / folder).rglob("*.py")
)
MOST_LINES = 500
SAY_NOTHING = {
    "utils",
    "util",
    "helpers",
    "helper",
    "manager",
    "managers",
    "handler",
    "handlers",
    "common",
    "misc",
    "info",
}
ALLOWED = re.compile(r"# (?:noqa: [A-Z]+[0-9]+(?:, [A-Z]+[0-9]+)*|type: ignore\[[a-z-]+(?:, [a-z-]+)*\])")
SPEAKS_OF_ONE = re.compile(r"#\s*(?:noqa|type:\s*ignore|pragma)")


def lines_of(module: Path) -> int:
    """Return how many lines *module* has."""
    return len((PROJECT / module).read_text().splitlines())


@pytest.mark.parametrize("module", EVERYTHING, ids=str)
def test_no_module_is_longer_than_a_sitting(module: Path) -> None:
    """Nobody reads the 3,000-line file that began small."""
    assert lines_of(module) <= MOST_LINES


def test_half_of_the_modules_are_read_in_minutes() -> None:
    """The newcomer's first hour."""
    assert median(lines_of(module) for module in MODULES) <= 150


@pytest.mark.parametrize("module", EVERYTHING, ids=str)
def test_a_name_says_what_is_inside(module: Path) -> None:
    """The listing is the table of contents."""
    assert not SAY_NOTHING & {part.removesuffix(".py") for part in module.parts}


@pytest.mark.parametrize("module", [module for module in MODULES if lines_of(module)], ids=str)
def test_the_first_line_says_what_lives_here(module: Path) -> None:
    """Who opens a file wants to know at once whether it is the right one."""
    first = next(iter(tree(module).body), None)
    assert first is not None
    assert (PROJECT / module).read_text().startswith('"""')


@pytest.mark.parametrize("module", EVERYTHING, ids=str)
def test_every_allowance_names_its_code_and_its_reason(module: Path) -> None:
    """An exception without a reason is kept for ever: nobody dares to remove it."""
    found = [
        f"{module}:{line} {comment}"
        for line, comment in comments(module)
        if SPEAKS_OF_ONE.search(comment) and not is_reasoned(comment)
    ]
    assert not found


def comments(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of every comment in *module*."""
    with (PROJECT / module).open("rb") as source:
        for token in tokenize.tokenize(source.readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


def is_reasoned(comment: str) -> bool:
    """Return whether every allowance in *comment* has its code, and something is left that says why."""
    why = ALLOWED.sub("", comment)
    return not SPEAKS_OF_ONE.search(why) and bool(why.strip(" -#"))


@pytest.mark.parametrize(
    ("comment", "good"),
    [
        ("# noqa: S101 - for the type checker", True),
        ("# type: ignore[misc]  # the test misuses it", True),
        ("# type: ignore[misc]  # noqa: SLF001 - see above", True),
        ("# noqa", False),
        ("# noqa: S101", False),
        ("# type: ignore", False),
        ("# type: ignore[misc]", False),
    ],
)
def test_an_allowance_is_recognised(comment: str, *, good: bool) -> None:
    """A test that can be passed by writing nothing protects nobody."""
    assert is_reasoned(comment) is good

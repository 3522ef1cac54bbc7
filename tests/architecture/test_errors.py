"""Every way to go wrong has a slug, a use and a page."""

import ast
import re
import tomllib
from collections.abc import Iterator

import pytest

from contract.errors import KINDS
from tests.architecture.source import PROJECT, dotted, literals, product_modules, tree

MODULES = product_modules()
SLUG = re.compile(r"[a-z]+(-[a-z]+)*")

# Promised to other programs or kept for a coming command; each with why nothing raises it yet.
NOT_YET = {
    "order-repeated": "a repeat is answered with its first evidence; an agent that lost it will refuse with this",
    "needs-person": "repairs that a second technician must approve",
}


def raised() -> Iterator[tuple[str, str]]:
    """Yield where an error of ours is made and the slug it is given, where that is written out."""
    for module in MODULES:
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.Call) and dotted(node.func).endswith("FeldsherError") and node.args:
                slug = node.args[0]
                if isinstance(slug, ast.Constant) and isinstance(slug.value, str):
                    yield f"{module}:{node.lineno}", slug.value


def test_every_error_we_make_is_in_the_list() -> None:
    """An unknown slug would itself be an error, at the worst moment."""
    assert not [f"{where}: {slug}" for where, slug in raised() if slug not in KINDS]


@pytest.mark.parametrize("slug", KINDS)
def test_every_error_in_the_list_can_happen(slug: str) -> None:
    """A page about an error that nobody ever sees teaches the wrong product."""
    used = any(text == slug for module in MODULES if module.name != "errors.py" for _, text in literals(module))
    assert used or slug in NOT_YET


def test_what_is_not_used_yet_is_really_not_used() -> None:
    """The list of exceptions must shrink, not rot."""
    assert NOT_YET.keys() <= KINDS.keys()
    used = {text for module in MODULES if module.name != "errors.py" for _, text in literals(module)}
    assert not used & NOT_YET.keys()


@pytest.mark.parametrize("slug", KINDS)
def test_an_error_is_a_slug_a_sentence_an_exit_code_and_a_status(slug: str) -> None:
    """Scripts branch on the code, people read the sentence."""
    kind = KINDS[slug]
    assert SLUG.fullmatch(slug)
    assert kind.meaning.endswith(".")
    assert kind.exit_code in {1, 2, 3, 4, 5, 6, 7, 8, 70}
    assert 400 <= kind.status < 600


def test_every_error_says_what_to_do() -> None:
    """Who looks up a slug wants to get out of it."""
    remedies = tomllib.loads((PROJECT / "docs/errors/what-to-do.toml").read_text())
    assert list(remedies) == list(KINDS)
    assert all(text.endswith(".") for text in remedies.values())

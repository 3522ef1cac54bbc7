"""Pages that are built from the code are up to date, and the words that lead there lead somewhere."""

import re
from pathlib import Path

import pytest

from docs.generate import pages
from tests.architecture.source import PROJECT

WRITTEN = sorted(
    path.relative_to(PROJECT)
    for path in [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
    if "errors" not in path.parts
)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.slow
def test_generated_pages_are_up_to_date() -> None:
    """Who reads "everything we may look at on your machine" must be able to believe it. Mend: make docs."""
    stale = [name for name, text in pages().items() if not _is(PROJECT / "docs" / name, text)]
    assert not stale


def test_no_page_speaks_of_an_error_that_is_no_more() -> None:
    """A search for the slug must not end on a page about nothing."""
    there = {f"errors/{path.name}" for path in (PROJECT / "docs/errors").glob("*.md")}
    assert there <= pages().keys()


@pytest.mark.parametrize("page", WRITTEN, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    """A newcomer who meets a dead link stops reading."""
    dead = [link for link in LINK.findall((PROJECT / page).read_text()) if not (PROJECT / page.parent / link).exists()]
    assert not dead


def test_every_decision_says_what_was_decided_and_what_it_costs() -> None:
    """Who wants to change it later must know what it stood on."""
    for page in (PROJECT / "docs/decisions").glob("[0-9]*.md"):
        text = page.read_text()
        assert re.fullmatch(r"[0-9]{4}-[a-z0-9-]+\.md", page.name)
        assert all(part in text for part in ("**Decided.**", "**Why.**", "**Costs.**")), page.name


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text

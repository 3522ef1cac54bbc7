"""Files and values from strangers: whatever they hold, the answer is ours, never a crash."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.repair.parameters import Kind, read_value
from agent.repair.playbook import paths, read_playbook
from contract.errors import FeldsherError

LIBRARY = [path.read_text() for path in paths()]
ODD = ["null", "true", "7", "0.5", "[]", "{}", '""', "[1, [2]]", "{a: {b: c}}", '"{"', "'\\'", "-", "é", "x" * 5000]

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_playbook_with_anything_in_any_place_is_read_or_refused(data: st.DataObject) -> None:
    """One mistake of an author must not show them a stack."""
    lines = data.draw(st.sampled_from(LIBRARY)).splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    key, colon, _ = lines[at].partition(":")
    match data.draw(st.integers(0, 3)):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[at])
        case 2:
            lines[at] = data.draw(st.text(max_size=40))
        case _:
            lines[at] = f"{key}{colon} {data.draw(st.sampled_from(ODD))}"
    refused: FeldsherError | None = None
    try:
        read_playbook("\n".join(lines).encode("utf-8", "surrogatepass"), "odd.yaml")
    except FeldsherError as error:
        refused = error
    assert refused is None or refused.where.startswith("odd.yaml")


@pytest.mark.slow
@settings(max_examples=500, deadline=None)
@given(kind=st.sampled_from(list(Kind)), raw=anything)
def test_a_value_is_read_to_its_kind_or_refused(kind: Kind, raw: Any) -> None:
    """And reading what was read changes nothing: the order is read again on the host."""
    try:
        value = read_value(kind, raw, "x")
    except FeldsherError:
        return
    assert isinstance(value, bool | int | str)
    assert read_value(kind, value, "x") == value
    if isinstance(value, str) and kind is not Kind.SECRET:
        assert not value.startswith("-")


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_the_library_is_written_in_plain_words(path: Path) -> None:
    """A customer knows no daemon, cache, inode or process."""
    playbook = read_playbook(path.read_bytes(), path.name)
    for text in (playbook.ask, playbook.tell.fixed, playbook.tell.not_fixed):
        assert text is not None
        for word in ("daemon", "cache", "inode", "process", "kill", "PID", "кэш", "процесс", "демон", "иноды"):
            assert word not in text.en
            assert word not in text.ru

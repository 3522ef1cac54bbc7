"""Numbers and words out of whatever a machine said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.probes.base import Unreadable
from agent.probes.plain import LARGEST, decimal, number, shown, visible, words


@given(st.integers(0, LARGEST))
def test_reads_every_count_a_machine_can_have(count: int) -> None:
    """A large disk would be unreadable."""
    assert number(str(count)) == count


@pytest.mark.parametrize(
    "word", ["", "-1", "+1", "1_000", "٣", "²", " 1", "1 ", "0x1", "1e3", str(LARGEST + 1), "9" * 9999]
)
def test_refuses_what_is_no_count(word: str) -> None:
    """Python would read some of these, and a database would refuse others much later."""
    with pytest.raises(Unreadable):
        number(word)


@pytest.mark.parametrize("word", ["nan", "inf", "1.", ".5", "1.2.3", "1e5", "-0.5", "1,5"])
def test_refuses_what_is_no_number(word: str) -> None:
    """A load of "nan" compares with nothing, and silences every rule."""
    with pytest.raises(Unreadable):
        decimal(word)


def test_reads_numbers_with_a_point() -> None:
    """Uptime and load are written so."""
    assert (decimal("12.34"), decimal("7"), decimal("0.00")) == (12.34, 7.0, 0.0)


@given(st.text(max_size=30))
def test_what_is_shown_moves_no_cursor(name: str) -> None:
    """A program could name itself so that the technician's screen shows another verdict."""
    assert visible(name).isprintable()
    assert visible(visible(name)) == visible(name)
    assert shown(name).isprintable()


def test_ordinary_names_stay_as_they_are() -> None:
    """Escaping what needs none makes names nobody recognises."""
    assert visible("kworker/u8:3 Служба ünï") == "kworker/u8:3 Служба ünï"
    assert visible("a\nb\x1b[2J\u202e") == "a\\nb\\x1b[2J\\u202e"


@given(st.binary(max_size=30))
def test_bytes_of_any_kind_become_text(content: bytes) -> None:
    """A name in an old code page would stop the whole list."""
    assert isinstance(words(content), str)

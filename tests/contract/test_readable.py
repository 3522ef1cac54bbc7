"""Numbers read right in both languages."""

import pytest

from contract.readable import count_bytes, plural_ru, printable, readable, span
from contract.sample import Value


@pytest.mark.parametrize(
    ("value", "unit", "en", "ru"),
    [
        (0.97, "1", "97%", "97 %"),
        (0.029, "1", "2.9%", "2,9 %"),
        (1536, "By", "1.5 KiB", "1,5 КиБ"),
        (0, "By", "0 B", "0 Б"),
        (-1536, "By", "-1.5 KiB", "-1,5 КиБ"),
        (2**60, "By", "1048576.0 TiB", "1048576,0 ТиБ"),
        (0.45, "s", "450 ms", "450 мс"),
        (90, "s", "1.5 min", "1,5 мин"),
        (259_200, "s", "3 d", "3 д"),
        (True, "bool", "yes", "да"),
        ("debian", "text", "debian", "debian"),
        (0.98, "{cpu}", "0.98", "0,98"),
    ],
)
def test_values_read_as_people_write_them(value: Value, unit: str, en: str, ru: str) -> None:
    """A technician who reads 97 as 0.97, or GiB as GB, repairs the wrong thing."""
    assert (readable(value, unit, "en"), readable(value, unit, "ru")) == (en, ru)


@pytest.mark.parametrize(("count", "form"), [(1, "файл"), (3, "файла"), (5, "файлов"), (11, "файлов"), (21, "файл")])
def test_russian_nouns_agree_with_their_number(count: int, form: str) -> None:
    """«5 файла» tells the customer that nobody cared."""
    assert plural_ru(count, "файл", "файла", "файлов") == form


def test_a_name_cannot_command_the_terminal() -> None:
    """A process called after an escape sequence must not wipe the technician's screen."""
    assert printable("a\x1b[2Jb") == "a\\x1b[2Jb"


def test_zero_and_tiny_spans_have_a_unit() -> None:
    """A bare 0 could be anything."""
    assert span(0, "en") == "0 s"
    assert count_bytes(1023, "en") == "1023 B"

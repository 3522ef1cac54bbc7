"""Numbers as a person reads them, in each language. Pure, and the only place that turns a value into words."""

from collections.abc import Callable

from contract.sample import Sample, Value
from contract.text import Language, Text

KIBI = 1024
_BYTES: dict[Language, tuple[str, ...]] = {
    "en": ("B", "KiB", "MiB", "GiB", "TiB"),
    "ru": ("Б", "КиБ", "МиБ", "ГиБ", "ТиБ"),
}
_TRUTH: dict[Language, tuple[str, str]] = {"en": ("no", "yes"), "ru": ("нет", "да")}
_SPANS = (  # the largest unit a span reaches: its seconds and its name
    (86_400.0, Text("d", "д")),
    (3_600.0, Text("h", "ч")),
    (60.0, Text("min", "мин")),
    (1.0, Text("s", "с")),
)
_RU_TEENS = range(11, 15)


def readable(value: Value, unit: str, language: Language) -> str:
    """Return *value* in *unit* (UCUM) for a person: ``0.97, "1"`` is 97 %, ``1536, "By"`` is 1.5 KiB."""
    if isinstance(value, bool):
        return _TRUTH[language][value]
    if isinstance(value, str):
        return value
    return _UNITS.get(unit, _bare)(value, language)


def readable_text(sample: Sample) -> Text:
    """Return the value of *sample* in both languages."""
    return Text(readable(sample.value, sample.unit, "en"), readable(sample.value, sample.unit, "ru"))


def percent(ratio: float, language: Language) -> str:
    """Return a ratio as ``97%``, or ``97 %`` as Russian sets it; small ones keep a decimal."""
    digits = 1 if 0 < abs(ratio) < 0.1 else 0  # noqa: PLR2004 - below ten per cent the decimal says something
    return _decimal(f"{ratio * 100:.{digits}f}{'%' if language == 'en' else ' %'}", language)


def count_bytes(count: float, language: Language) -> str:
    """Return a size as ``812 B`` or ``3.4 GiB``; a negative one, a difference, keeps its sign."""
    power = min((max(int(abs(count)), 1).bit_length() - 1) // 10, len(_BYTES[language]) - 1)
    digits = 1 if power else 0
    return _decimal(f"{count / KIBI**power:.{digits}f} {_BYTES[language][power]}", language)


def span(seconds: float, language: Language) -> str:
    """Return a span in its largest whole unit: ``3.2 d``, ``12 min``, ``0.45 s``; below a second in ms."""
    size = abs(seconds)
    if 0 < size < 1:
        return f"{seconds * 1000:.0f} {'ms' if language == 'en' else 'мс'}"
    unit_seconds, name = next((row for row in _SPANS if size >= row[0]), _SPANS[-1])
    number = f"{seconds / unit_seconds:.1f}".removesuffix(".0")
    return _decimal(f"{number} {name.in_language(language)}", language)


def plural_ru(count: int, one: str, few: str, many: str) -> str:
    """Return the form of a Russian noun that goes with *count*: 1 файл, 2 файла, 5 файлов, 11 файлов."""
    if count % 100 in _RU_TEENS:
        return many
    return one if count % 10 == 1 else few if count % 10 in {2, 3, 4} else many


def _bare(value: float, language: Language) -> str:
    return _decimal(f"{value:.2f}".rstrip("0").rstrip("."), language)


def _rate(value: float, language: Language) -> str:
    return f"{count_bytes(value, language)}/{'s' if language == 'en' else 'с'}"


_UNITS: dict[str, Callable[[float, Language], str]] = {"By": count_bytes, "By/s": _rate, "s": span, "1": percent}


def printable(line: str) -> str:
    """Return *line* with every control character shown, not obeyed: a process may be called ``ESC[2J``."""
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in line)


def _decimal(text: str, language: Language) -> str:
    return text if language == "en" else text.replace(".", ",")

"""Values as a person reads them, in each language: binary sizes, shares in per cent, times in sensible units."""

import re
from collections.abc import Callable

from contract.sample import Value
from contract.text import Language, Text

_BRACES = re.compile(r"\{([^{}]*)\}")
_SIZES = {"en": ("B", "KiB", "MiB", "GiB", "TiB", "PiB"), "ru": ("Б", "КиБ", "МиБ", "ГиБ", "ТиБ", "ПиБ")}
# Up to how many seconds a unit is used, and how many make one of it.
_TIMES = (
    (1.0, 0.001, {"en": "ms", "ru": "мс"}),
    (120.0, 1.0, {"en": "s", "ru": "с"}),
    (7200.0, 60.0, {"en": "min", "ru": "мин"}),
    (172800.0, 3600.0, {"en": "h", "ru": "ч"}),
    (float("inf"), 86400.0, {"en": "d", "ru": "дн."}),
)
_BOOLS = {"en": ("no", "yes"), "ru": ("нет", "да")}
_NOT_KNOWN = {"en": "unknown", "ru": "неизвестно"}
_SECOND = {"en": "s", "ru": "с"}
_LONGEST = 200
_KIBI = 1024


def filled(text: Text, said: Callable[[str, Language], str | None]) -> Text:
    """Return *text* with each ``{name}`` said by *said* in its language; what it does not know is called unknown.

    One pass: a value with braces in it, as the name of a program may have, is never filled in again.
    """

    def fill(sentence: str, language: Language) -> str:
        return _BRACES.sub(lambda braces: said(braces[1], language) or _NOT_KNOWN[language], sentence)

    return Text(en=fill(text.en, "en"), ru=fill(text.ru, "ru"))


def readable(value: Value, unit: str, language: Language) -> str:
    """Return *value* in *unit* (UCUM) as a person reads it: ``7.1 GiB``, ``2.9%``, ``41 min``."""
    if isinstance(value, bool):
        return _BOOLS[language][value]
    if isinstance(value, str):
        return value[:_LONGEST]
    return _UNITS.get(unit, _decimal)(value, language)


def _size(size: float, language: Language) -> str:
    left, unit = float(size), 0
    while abs(left) >= _KIBI and unit < len(_SIZES["en"]) - 1:
        left /= _KIBI
        unit += 1
    shown = f"{left:.0f}" if unit == 0 or abs(left) >= 100 else f"{left:.1f}"  # noqa: PLR2004 - three digits say enough
    return f"{_comma(shown, language)} {_SIZES[language][unit]}"


def _speed(size: float, language: Language) -> str:
    return f"{_size(size, language)}/{_SECOND[language]}"


def _time(seconds: float, language: Language) -> str:
    for limit, one, names in _TIMES:
        if abs(seconds) < limit:
            count = seconds / one
            shown = f"{count:.1f}" if abs(count) < 10 and count != int(count) else f"{count:.0f}"  # noqa: PLR2004 - 2.5 s, but 41 min
            return f"{_comma(shown, language)} {names[language]}"
    return _decimal(seconds, language)


def _share(ratio: float, language: Language) -> str:
    share = ratio * 100
    # 99.7 is not 100, and 0.4 is not 0.
    fine = abs(share) < 10 or 99 <= abs(share) < 100  # noqa: PLR2004
    shown = f"{share:.1f}" if fine and share != int(share) else f"{share:.0f}"
    return f"{_comma(shown, language)} %" if language == "ru" else f"{shown}%"


def _decimal(value: float, language: Language) -> str:
    return _comma(f"{value:.2f}".rstrip("0").rstrip(".") if value != int(value) else f"{int(value)}", language)


def _comma(shown: str, language: Language) -> str:
    return shown.replace(".", ",") if language == "ru" else shown


_UNITS: dict[str, Callable[[float, Language], str]] = {"By": _size, "By/s": _speed, "s": _time, "1": _share}

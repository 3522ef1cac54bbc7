"""Fills the names in a rule's sentences with what was seen, in each language."""

import re

from agent.expression import Samples
from contract.readable import readable
from contract.sample import Place, Value
from contract.text import Language, Text

_BRACES = re.compile(r"\{([^{}]*)\}")
_NOT_KNOWN = Text("unknown", "неизвестно")
_LONGEST = 200
_LARGEST = 1e300


def filled(text: Text, samples: Samples, place: Place) -> Text:
    """Return *text* with each ``{name}`` as it was seen at *place*; what was not seen there is called unknown.

    One pass: a value with braces in it, as the name of a program may have, is never filled in again.
    """
    return Text(en=_fill(text.en, samples, place, "en"), ru=_fill(text.ru, samples, place, "ru"))


def _fill(sentence: str, samples: Samples, place: Place, language: Language) -> str:
    return _BRACES.sub(lambda braces: _said(braces[1], samples, place, language), sentence)


def _said(name: str, samples: Samples, place: Place, language: Language) -> str:
    if name in place:
        return place[name][:_LONGEST]
    seen = samples.at(name, place)
    if len(seen) != 1 or not _is_sayable(seen[0].value):
        return _NOT_KNOWN.in_language(language)
    return readable(seen[0].value, seen[0].unit, language)[:_LONGEST]


def _is_sayable(value: Value) -> bool:
    return isinstance(value, str) or abs(value) < _LARGEST

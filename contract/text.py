"""A sentence in each language our customers speak."""

from typing import Literal

from msgspec import Struct

Language = Literal["en", "ru"]


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    """The same sentence, said in English and in Russian."""

    en: str
    ru: str

    def in_language(self, language: Language) -> str:
        """Return the sentence in *language*."""
        return self.ru if language == "ru" else self.en

    def filled(self, values: dict[str, str]) -> "Text":
        """Return the sentence with ``{name}`` replaced from *values*; an unknown name stays as it stands."""
        return Text(en=_fill(self.en, values), ru=_fill(self.ru, values))


def _fill(sentence: str, values: dict[str, str]) -> str:
    # Not str.format: a value or a name with dots, braces or attributes in it must stay plain text.
    for name, value in values.items():
        sentence = sentence.replace("{" + name + "}", value)
    return sentence

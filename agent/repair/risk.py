"""How much harm a repair could do if it went wrong; ordered, so that the largest of several is ``max``."""

from enum import IntEnum


class Risk(IntEnum):
    """From looking only to what needs two people. Written in small letters in files and on screens: `word`."""

    OBSERVE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """The risk as playbooks, policies and screens write it."""
        return self.name.lower()


WORDS = tuple(risk.word for risk in Risk)


def risk_named(word: str) -> Risk | None:
    """Return the risk that is written as *word*; ``None`` when no risk is."""
    return Risk[word.upper()] if word in WORDS else None

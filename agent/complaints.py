"""What people say, and which of the complaints that rules speak of it is."""

import re
from dataclasses import dataclass
from functools import cache

from agent.fields import Fields
from agent.library import folder
from agent.rule import COMPLAINTS, SLUG
from agent.yaml_reader import read_with_lines
from contract.text import Text

LONGEST_SAID = 2000
_WORD = re.compile(r"[\w'-]+")
# People type without apostrophes and without the dots of ё.
_SAME = str.maketrans({"ё": "е", "’": "'", "`": "'"})
_NOT = {"isnt": "not", "doesnt": "not", "dont": "not", "wont": "not", "cant": "not", "cannot": "not", "didnt": "not"}


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that people complain of. A phrase is a set of beginnings of words."""

    complaint: str
    title: Text
    phrases: tuple[frozenset[str], ...]


def recognise(words: str) -> str:
    """Return the complaint that *words* speak of, or nothing. The id of a complaint is itself understood."""
    if words.strip() in {one.complaint for one in list_complaints()}:
        return words.strip()
    said = _plain(words[:LONGEST_SAID])
    scores = {
        one.complaint: max((_score(phrase, said) for phrase in one.phrases), default=0) for one in list_complaints()
    }
    best = max(scores, key=lambda complaint: scores[complaint], default="")
    return best if best and scores[best] else ""


@cache
def list_complaints() -> tuple[Complaint, ...]:
    """Return every complaint we know, in the order of the file; of two equally telling ones the first is meant."""
    file = folder("rules") / f"{COMPLAINTS}.yaml"
    return read_complaints(file.read_bytes(), f"rules/{file.name}")


def read_complaints(content: bytes, where: str) -> tuple[Complaint, ...]:
    """Return the complaints that *content* holds. Raises `FeldsherError` with file, line and remedy."""
    top = Fields(read_with_lines(content, where), (), SLUG, ("complaints",))
    return tuple(_complaint(fields) for fields in top.each("complaints", ("complaint", "title", "phrases")))


def _complaint(fields: Fields) -> Complaint:
    phrases = fields.below("phrases", ("en", "ru"))
    both = (*phrases.words("en"), *phrases.words("ru"))
    return Complaint(
        fields.word("complaint"), fields.said("title"), tuple(frozenset(_plain(phrase)) for phrase in both)
    )


def _plain(words: str) -> list[str]:
    found = (word.replace("'", "") for word in _WORD.findall(words.casefold().translate(_SAME)))
    return [_NOT.get(word, word) for word in found]


def _score(phrase: frozenset[str], said: list[str]) -> int:
    """Return how telling it is that *phrase* was said: its letters, or nothing when a word of it is missing."""
    if not all(any(word.startswith(beginning) for word in said) for beginning in phrase):
        return 0
    return 100 * len(phrase) + sum(map(len, phrase))

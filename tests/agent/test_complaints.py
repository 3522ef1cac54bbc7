"""What people say, in their own words, and which complaint it is."""

import pytest

from agent.complaints import list_complaints, read_complaints, recognise
from contract.errors import FeldsherError

SAID = {
    "everything-slow": [
        "everything is slow", "всё тормозит", "компьютер очень медленно работает", "My PC is so SLOWLY today",
        "Компьютер зависает постоянно", "it keeps freezing", "виснет всё", "everything-slow", "программа тормозит",
    ],
    "no-internet": [
        "No internet!", "нет интернета", "интернет не работает", "Internet doesn't work", "the internet isn't working",
        "у меня пропал интернет", "cannot connect", "Вай-фай не работает",
        "My computer isn't connecting to the network",
    ],
    "sites-do-not-open": [
        "Sites do not open but messenger works", "сайты не открываются, мессенджер работает", "pages don't load",
        "Не открываются сайты", "страница не загружается в браузере, страницы не грузятся", "websites won't open",
    ],
    "disk-full": [
        "the disk is full", "место закончилось", "нет места на диске", "No space left on device", "диск переполнен",
        "закончилось место", "I can't save my file", "не хватает места",
    ],
    "program-closes": [
        "Excel crashes", "программа вылетает", "the program closes by itself", "Not enough memory, programs close",
        "не хватает памяти", "Ворд сам закрывается", "браузер вылетает",
    ],
    "site-is-down": [
        "our website is down", "сайт постоянно падает", "служба не запускается", "The server is down", "сервер лежит",
        "наш сайт упал", "a service does not start", "site keeps falling",
    ],
    "clock-wrong": [
        "the clock is wrong, sites say not secure", "часы врут", "время неправильное", "wrong time on the computer",
        "Часы отстают", "сбилось время", "дата неверная",
    ],
    "": ["hello", "", "   ", "the printer does not print", "ничего не печатает", "нет звука", "\x00", "a" * 100_000],
}  # fmt: skip


@pytest.mark.parametrize(
    ("complaint", "words"), [(complaint, words) for complaint, said in SAID.items() for words in said]
)
def test_a_person_is_understood(complaint: str, words: str) -> None:
    """They will not learn our names for things."""
    assert recognise(words) == complaint


def test_every_complaint_has_been_heard_and_is_said_in_both_languages() -> None:
    """A complaint nobody can say is dead weight."""
    assert {one.complaint for one in list_complaints()} | {""} == set(SAID)
    assert all(one.title.en and one.title.ru and one.phrases for one in list_complaints())


def test_a_mistake_in_the_file_names_its_line() -> None:
    """Authors extend this file most."""
    with pytest.raises(FeldsherError) as caught:
        read_complaints(b"complaints:\n  - complaint: x\n    titel: {en: a, ru: b}\n", "rules/complaints.yaml")
    assert (caught.value.slug, caught.value.where) == ("rule-schema", "rules/complaints.yaml:3:5")
    assert caught.value.remedy == "did you mean 'title'?"

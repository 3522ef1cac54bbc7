"""``feldsher rule``: how to recognise — list, read and try the rules."""

import errno
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import click

from agent.library import folder
from agent.rule import Rule, load_rules, read_rule
from agent.trial import Trial, try_out
from commands.places import language_of
from commands.screen import show, show_json, table
from contract.errors import FeldsherError
from contract.finding import Severity
from contract.text import Language, Text

EXIT_FAILED = 1

_HEAD = (Text("RULE", "ПРАВИЛО"), Text("SEVERITY", "ВАЖНОСТЬ"), Text("WHAT IT FINDS", "ЧТО НАХОДИТ"))
_SEVERITIES = {
    Severity.LOW: Text("low", "низкая"),
    Severity.MEDIUM: Text("medium", "средняя"),
    Severity.HIGH: Text("high", "высокая"),
    Severity.CRITICAL: Text("critical", "крайняя"),
}
_CERTAIN = Text("Certain when", "Точно, если")
_PRIOR = Text("Before looking", "До осмотра")
_FOR = Text("Speaks for it", "Говорит за")
_AGAINST = Text("Speaks against it", "Говорит против")
_LASTS = Text("Told after", "Сообщаем через")
_CLEARS = Text("Over when", "Прошло, если")
_PER = Text("One for each", "Отдельно для каждого")
_EXPLAINS = Text("Explains", "Объясняет")
_REMEDY = Text("Repaired by", "Чинит")
_COMPLAINTS = Text("When people say", "Когда жалуются")
_CUSTOMER = Text("Customer", "Клиенту")
_TECHNICIAN = Text("Technician", "Специалисту")
_LEARN = Text("Article", "Статья")
_PASSED = Text(
    "{passed} of {count} examples as the rules say.", "Примеров, совпавших с правилами: {passed} из {count}."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
language_option = click.option(
    "--lang", "language", type=click.Choice(["en", "ru"]), help="Language; by default that of the system."
)


@click.group()
def rule() -> None:
    """How to recognise: list, read and try rules."""


@rule.command("ls")
@language_option
@json_option
def list_rules(*, language: str | None, as_json: bool) -> None:
    """List the rules."""
    rules = load_rules()
    if as_json:
        show_json({"schema": "feldsher.rules/1", "items": [_summary(one) for one in rules]})
        return
    spoken = _chosen(language)
    rows = [
        (one.rule, _SEVERITIES[one.severity].in_language(spoken), _plain(one.title, one).in_language(spoken))
        for one in rules
    ]
    show(table([head.in_language(spoken) for head in _HEAD], rows))


@rule.command("show")
@click.argument("name", metavar="RULE")
@language_option
@json_option
def show_rule(name: str, *, language: str | None, as_json: bool) -> None:
    """Say what a rule looks at and what it tells. RULE is its name, or a file."""
    one = _find(name)
    if as_json:
        show_json({"schema": "feldsher.rule/1", **_whole(one)})
    else:
        show(_described(one, _chosen(language)))


@rule.command("test")
@click.argument("names", metavar="[RULE]...", nargs=-1)
@language_option
@json_option
def test_rules(names: tuple[str, ...], *, language: str | None, as_json: bool) -> None:
    r"""Try rules on their own examples; all of them when none is named.

    \b
    feldsher rule test
    feldsher rule test disk-almost-full
    feldsher rule test ./my-new-rule.yaml
    """
    rules = tuple(_find(name) for name in names) or load_rules()
    trials = [(one, trial) for one in rules for trial in try_out(one)]
    passed = sum(trial.passed for _, trial in trials)
    if as_json:
        items = [{"rule": one.rule, **asdict(trial)} for one, trial in trials]
        show_json({"schema": "feldsher.rule-test/1", "passed": passed == len(trials), "items": items})
    else:
        show("".join(f"{_line(one, trial)}\n" for one, trial in trials))
        counted = _PASSED.filled({"passed": str(passed), "count": str(len(trials))})
        show(counted.in_language(_chosen(language)) + "\n")
    if passed < len(trials):
        raise SystemExit(EXIT_FAILED)


def _find(name: str) -> Rule:
    """Return the rule of that name, or the one in that file."""
    if not name.endswith(".yaml"):
        return load_rules([name])[0]
    try:
        content = Path(name).read_bytes()
    except OSError as error:
        slug = "not-found" if error.errno == errno.ENOENT else "config"
        raise FeldsherError(slug, "the file cannot be read", where=name, remedy="name a rule's .yaml file") from None
    return read_rule(content, name)


def _chosen(language: str | None) -> Language:
    return cast("Language", language) if language else language_of()


def _line(one: Rule, trial: Trial) -> str:
    mark = "ok  " if trial.passed else "FAIL"
    return f"{mark}  {one.rule}  {trial.kind}  {trial.where}{f'  {trial.detail}' if trial.detail else ''}"


def _plain(text: Text, one: Rule) -> Text:
    """Return *text* with its labels as words: ``The disk MOUNT is almost full``."""
    return text.filled({label: label.upper() for label in one.per})


def _summary(one: Rule) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "title": {"en": one.title.en, "ru": one.title.ru},
        "severity": one.severity.value,
        "os": one.os,
        "complaints": list(one.complaints),
        "remedy": list(one.remedy),
    }


def _whole(one: Rule) -> dict[str, Any]:
    sides = {"for": one.suspect.speak_for, "against": one.suspect.against} if one.suspect else {}
    return _summary(one) | {
        "per": list(one.per),
        "when": one.when.text if one.when else None,
        "prior": one.suspect.prior if one.suspect else None,
        "signs": [
            {"side": side, "that": sign.that.text, "weight": sign.weight, "say": {"en": sign.say.en, "ru": sign.say.ru}}
            for side, signs in sides.items()
            for sign in signs
        ],
        "explains": list(one.explains),
        "lasts_seconds": one.lasts.total_seconds(),
        "clears_when": one.clears_when.text if one.clears_when else None,
        "tell": {
            "customer": {"en": one.customer.en, "ru": one.customer.ru},
            "technician": {"en": one.technician.en, "ru": one.technician.ru},
        },
        "learn": one.learn,
        "looks_at": sorted(one.looks_at),
    }


def _described(one: Rule, spoken: Language) -> str:
    rows: list[tuple[Text, str]] = []
    if one.when:
        rows.append((_CERTAIN, one.when.text))
    if one.suspect:
        rows.append((_PRIOR, f"{one.suspect.prior:g}"))
        rows += [(_FOR, f"+{sign.weight:g}  {sign.that.text}") for sign in one.suspect.speak_for]
        rows += [(_AGAINST, f"-{sign.weight:g}  {sign.that.text}") for sign in one.suspect.against]
    if one.per:
        rows.append((_PER, ", ".join(one.per)))
    rows.append((_LASTS, f"{one.lasts.total_seconds():g} s"))
    if one.clears_when:
        rows.append((_CLEARS, one.clears_when.text))
    for name, words in ((_COMPLAINTS, one.complaints), (_EXPLAINS, one.explains), (_REMEDY, one.remedy)):
        if words:
            rows.append((name, ", ".join(words)))
    rows += [(_CUSTOMER, one.customer.in_language(spoken)), (_TECHNICIAN, one.technician.in_language(spoken))]
    if one.learn:
        article = folder("docs") / "articles" / f"{one.learn}.{spoken}.md"
        rows.append((_LEARN, str(article) if article.exists() else one.learn))
    width = max(len(name.in_language(spoken)) for name, _ in rows) + 2
    title = (
        f"{one.rule}  [{_SEVERITIES[one.severity].in_language(spoken)}]  {_plain(one.title, one).in_language(spoken)}"
    )
    return "\n".join([title, *(f"  {name.in_language(spoken):<{width}}{words}" for name, words in rows)]) + "\n"

"""``feldsher playbook``: list, read, check and rehearse the repairs. Needs no collector and touches nothing."""

from pathlib import Path
from typing import Any

import click

from agent import library
from agent.repair import rehearsal
from agent.repair.lint import Warned, risk_in_words, warnings_about
from agent.repair.playbook import load_playbook, paths, read_file, read_playbook
from agent.repair.shape import Playbook, Step, UndoWord
from agent.rule import list_rules
from agent.yaml_reader import LIMIT_BYTES
from commands.places import language_of
from commands.screen import show, show_json, table
from contract.errors import FeldsherError

_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_LANGUAGE = click.option(
    "--lang", "language", type=click.Choice(["en", "ru"]), help="Language; by default that of the system."
)
_FAILED = 1


@click.group()
def playbook() -> None:
    """How to repair: list, read, check and rehearse playbooks."""


@playbook.command("ls")
@_LANGUAGE
@_JSON
def list_them(*, language: str | None, as_json: bool) -> None:
    """List the playbooks of the library."""
    found = [read_file(path) for path in paths()]
    if as_json:
        show_json({"schema": "feldsher.playbooks/1", "items": [_summary(one) for one in found]})
        return
    spoken = language or language_of()
    rows = [(one.name, one.version, one.risk.word, one.os, one.title.in_language(spoken)) for one in found]  # type: ignore[arg-type]  # click lets only our languages through
    show(table(("PLAYBOOK", "VERSION", "RISK", "OS", "TITLE"), rows))


@playbook.command("show")
@click.argument("name")
@_LANGUAGE
@_JSON
def show_one(name: str, *, language: str | None, as_json: bool) -> None:
    """Show one: what it tells the customer, and what it does step by step."""
    one = _named(name)
    if as_json:
        show_json({"schema": "feldsher.playbook/1", **_summary(one), "steps": [_step(step) for step in one.steps]})
        return
    spoken = language or language_of()
    lines = [
        f"{one.name} {one.version}, risk {one.risk.word}, {one.os}",
        one.title.in_language(spoken),  # type: ignore[arg-type]  # click lets only our languages through
        f"answers: {', '.join(one.answers) or 'nothing'}",
    ]
    lines += [f"asks: {one.ask.in_language(spoken)}"] if one.ask else []  # type: ignore[arg-type]  # the same
    lines += [f"needs {_param_words(one)}"] if one.params else []
    for number, step in enumerate(one.steps, start=1):
        lines += ["", f"{number}. {step.name}"]
        lines += [f"   when    {step.when.text}"] if step.when else []
        lines += [f"   check   {step.check.text}"]
        lines += [f"   do      {act.action} {_arguments(act.arguments)}".rstrip() for act in step.do]
        lines += [f"   verify  {step.verify.text}", f"   undo    {_undo(step)}"]
    show("\n".join(lines) + "\n")


@playbook.command("lint")
@click.argument("files", nargs=-1, metavar="[FILES OR NAMES]...")
@_JSON
@click.pass_context
def lint(ctx: click.Context, files: tuple[str, ...], *, as_json: bool) -> None:
    """Check playbooks: each complaint names file, line and remedy. Without arguments, the whole library."""
    results = [_linted(path) for path in ([_path(name) for name in files] or paths())]
    worst = max((result["exit_code"] for result in results), default=0)
    if as_json:
        show_json({"schema": "feldsher.lint/1", "items": results})
    else:
        show("".join(f"{line}\n" for result in results for line in result["lines"]))
    ctx.exit(worst)


@playbook.command("test")
@click.argument("names", nargs=-1, metavar="[FILES OR NAMES]...")
@click.option(
    "--cases",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder that holds a folder of cases for each playbook.",
)
@_JSON
@click.pass_context
def rehearse(ctx: click.Context, names: tuple[str, ...], *, cases: Path | None, as_json: bool) -> None:
    """Rehearse playbooks on machines made of data; nothing real is touched."""
    folder = cases or library.folder("playbooks").parent / "tests" / "rehearsals"
    if not folder.is_dir():
        raise FeldsherError(
            "not-found", "there are no rehearsals here", where=str(folder), remedy="name --cases FOLDER"
        )
    played = [item for name in names or [path.stem for path in paths()] for item in _rehearsed(_named(name), folder)]
    failed = any(item["differences"] for item in played)
    if as_json:
        show_json({"schema": "feldsher.rehearsals/1", "items": played})
    else:
        show("".join(_rehearsal_words(item) for item in played))
    ctx.exit(_FAILED if failed or not played else 0)


def _named(name: str) -> Playbook:
    path = Path(name)
    return read_file(path) if path.suffix == ".yaml" and path.is_file() else load_playbook(name)


def _path(name: str) -> Path:
    if name in {path.stem for path in paths()}:
        return library.folder("playbooks") / f"{name}.yaml"
    return Path(name)


def _linted(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            # One byte more than is ever read shows that it is too large; a device would never end.
            content = file.read(LIMIT_BYTES + 1)
    except (OSError, ValueError) as error:
        return _refused(path, FeldsherError("not-found", f"it cannot be read: {error}", where=str(path)))
    try:
        one = read_playbook(content, str(path))
    except FeldsherError as error:
        return _refused(path, error)
    warned = warnings_about(one, list_rules())
    lines = [f"{path}: fine, risk {one.risk.word}"] if not warned else []
    lines += [f"{item.where}: warning: {item.what}; {item.remedy}" for item in warned]
    lines += [f"    {words}" for words in risk_in_words(one)]
    return {
        "file": str(path),
        "exit_code": 0,
        "risk": one.risk.word,
        "risk_of_steps": risk_in_words(one),
        "error": None,
        "warnings": [_warning(item) for item in warned],
        "lines": lines,
    }


def _refused(path: Path, error: FeldsherError) -> dict[str, Any]:
    line = f"{error.where or path}: error: {error.slug}: {error.what}" + (f"; {error.remedy}" if error.remedy else "")
    told = {"slug": error.slug, "what": error.what, "where": error.where, "remedy": error.remedy}
    return {"file": str(path), "exit_code": error.kind.exit_code, "error": told, "warnings": [], "lines": [line]}


def _warning(item: Warned) -> dict[str, str]:
    return {"where": item.where, "what": item.what, "remedy": item.remedy}


def _rehearsed(one: Playbook, folder: Path) -> list[dict[str, Any]]:
    items = []
    for path in rehearsal.cases_of(one.name, folder):
        case = rehearsal.read_case(path, one)
        played = rehearsal.rehearse(one, case)
        items.append(
            {
                "playbook": one.name,
                "case": case.name,
                "about": case.about,
                "moves": list(played.moves),
                "verdict": played.evidence.verdict.value,
                "differences": rehearsal.differences(case, played),
            }
        )
    return items


def _rehearsal_words(item: dict[str, Any]) -> str:
    head = f"{'✗' if item['differences'] else '✓'} {item['playbook']}/{item['case']}: {item['verdict']}\n"
    return head + "".join(f"    {line}\n" for line in item["differences"])


def _summary(one: Playbook) -> dict[str, Any]:
    return {
        "playbook": one.name,
        "version": one.version,
        "title": {"en": one.title.en, "ru": one.title.ru},
        "risk": one.risk.word,
        "os": one.os,
        "answers": list(one.answers),
        "params": [{"name": param.name, "type": param.kind.value} for param in one.params],
        "sha256": one.sha256,
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "name": step.name,
        "when": step.when.text if step.when else None,
        "check": step.check.text,
        "do": [{act.action: dict(act.arguments)} for act in step.do],
        "verify": step.verify.text,
        "undo": _undo(step),
        "risk": step.risk.word,
        "timeout_seconds": step.timeout.total_seconds(),
    }


def _undo(step: Step) -> str:
    if isinstance(step.undo, UndoWord):
        return step.undo.value
    return "; ".join(f"{act.action} {_arguments(act.arguments)}".rstrip() for act in step.undo)


def _arguments(arguments: Any) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items())


def _param_words(one: Playbook) -> str:
    origin = {True: ", from the finding", False: ""}
    return "; ".join(f"{param.name} ({param.kind.value}{origin[param.from_finding]})" for param in one.params)

"""``feldsher record``: keep what this computer answers to a look, so that somebody else can look again elsewhere."""

import shlex
from pathlib import Path

import click

from agent.checkup import look
from agent.hosts.base import Host
from agent.hosts.capture import Kept, refuse_name, write_capture
from agent.hosts.local_linux import LocalLinux
from agent.hosts.recording import Recording
from agent.hosts.whole_folder import refuse_taken
from agent.probes.catalogue import probes_for
from commands.places import language_of
from commands.screen import progress, show, show_json
from contract.readable import count_bytes, printable
from contract.report import Redacted
from contract.text import Language, Text

RECORDING = Text(
    "Recording this computer. Only looking, changing nothing.",
    "Записываем этот компьютер. Только смотрим, ничего не меняем.",
)
KEPT = Text("Kept in {folder}, {size}:", "Записано в папку {folder}, {size}:")
FILES = Text("files of the system", "файлы системы")
COMMANDS = Text("commands and what they printed", "команды и что они вывели")
ASKED = Text("questions to name and time servers", "вопросы серверам имён и времени")
REFUSALS = Text("answered with “no” or not at all", "отказы и вопросы без ответа")
HIDDEN = Text("Hidden before it was written: {what}.", "Скрыто до записи: {what}.")
NOTHING_HIDDEN = Text("Nothing had to be hidden.", "Скрывать было нечего.")
STILL_IN_IT = Text(
    "Still in it: names of programs and services, network addresses, and the name of this computer{but}. Look it "
    "through before you pass it on.",
    "В записи остаются имена программ и служб, сетевые адреса и имя этого компьютера{but}. Просмотрите её, прежде "
    "чем передавать.",
)
BUT_CALLED = Text(" as “{name}”", " — «{name}»")
READ_IT = Text("Read it with:", "Прочитать:")
KINDS = {
    "private key": Text("private keys", "закрытые ключи"),
    "address with credentials": Text("passwords in addresses", "пароли в адресах"),
    "authorisation header": Text("authorisation headers", "заголовки авторизации"),
    "token": Text("tokens", "токены"),
    "access key": Text("access keys", "ключи доступа"),
    "password": Text("passwords", "пароли"),
    "secret": Text("secrets", "секреты"),
    "e-mail address": Text("e-mail addresses", "адреса почты"),
    "user name": Text("people's names", "имена людей"),
    "name of the machine": Text("the computer's own name", "имя компьютера"),
}


@click.command()
@click.option(
    "--out",
    "folder",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder to make; not there yet.",
)
@click.option("--name", "called", default="", help="Call this computer so in the recording, not by its own name.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as feldsher.recording/1.")
@click.option("--lang", "language", type=click.Choice(["en", "ru"]), help="Language; by default the system's.")
def record(folder: Path, *, called: str, as_json: bool, language: Language | None) -> None:
    """Keep what this computer answers to a look, so that it can be looked at elsewhere, by newer rules, or in a test.

    Nothing is changed, and the recording stays on this computer. Secrets and people's names are taken out before
    anything is written. Read it with: feldsher diagnose --open DIR
    """
    keep(LocalLinux(), folder, called, language or language_of(), as_json=as_json)


def keep(host: Host, folder: Path, called: str, language: Language, *, as_json: bool) -> None:
    """Record *host* in the new *folder*, and tell what was kept."""
    # Before the look, not after: nobody likes to wait for a no.
    refuse_taken(folder)
    refuse_name(called)
    if not as_json:
        progress(RECORDING.in_language(language) + "\n")
    recording = Recording(host)
    seen = look(recording, probes_for(recording.facts.os))
    kept = write_capture(recording, folder, called=called)
    if as_json:
        show_json(_told(kept, folder, tuple(gap.probe for gap in seen.not_seen)))
    else:
        show(as_text(kept, folder, called, language))


def as_text(kept: Kept, folder: Path, called: str, language: Language) -> str:
    """Return what was kept and hidden, and how to read it, as lines for a terminal."""
    filled = {"folder": printable(str(folder)), "size": count_bytes(kept.size_bytes, language)}
    counts = ((kept.files, FILES), (kept.commands, COMMANDS), (kept.asked, ASKED), (kept.refusals, REFUSALS))
    but = BUT_CALLED.filled({"name": printable(called)}).in_language(language) if called else ""
    lines = [
        KEPT.filled(filled).in_language(language),
        *(f"  {count:>6}  {what.in_language(language)}" for count, what in counts),
        "",
        _hidden(kept.hidden, language),
        STILL_IN_IT.filled({"but": but}).in_language(language),
        "",
        f"{READ_IT.in_language(language)}   feldsher diagnose --open {printable(shlex.quote(str(folder)))}",
    ]
    return "\n".join(lines) + "\n"


def _hidden(hidden: tuple[Redacted, ...], language: Language) -> str:
    if not hidden:
        return NOTHING_HIDDEN.in_language(language)
    kinds = ((KINDS.get(kind.kind, Text(kind.kind, kind.kind)).in_language(language), kind.count) for kind in hidden)
    what = ", ".join(f"{kind} × {count}" for kind, count in kinds)
    return HIDDEN.filled({"what": what}).in_language(language)


def _told(kept: Kept, folder: Path, not_seen: tuple[str, ...]) -> dict[str, object]:
    return {
        "schema": "feldsher.recording/1",
        "folder": str(folder),
        "files": kept.files,
        "commands": kept.commands,
        "asked": kept.asked,
        "refusals": kept.refusals,
        "size_bytes": kept.size_bytes,
        "hidden": {kind.kind: kind.count for kind in kept.hidden},
        "not_seen": list(not_seen),
        "open": ["feldsher", "diagnose", "--open", str(folder)],
    }

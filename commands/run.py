"""``feldsher run``: run a playbook on a machine, and see how it went."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from collector.client import LONGEST_WAIT_SECONDS, Client
from collector.run_text import as_text
from collector.store.base import Host, OrderRecord, OrderState
from collector.web import words
from collector.web.standing import link_of
from collector.wording import moment
from commands.options import (
    client_of,
    context_option,
    group,
    host_name,
    json_option,
    language_chosen,
    language_option,
    setting,
    ticket_number,
)
from commands.screen import progress, show, show_json
from contract.errors import KINDS
from contract.evidence import Verdict
from contract.text import Language, Text

_EXIT = {
    Verdict.HEALTHY: 0,
    Verdict.FIXED: 0,
    Verdict.PLANNED: 0,
    Verdict.PUT_BACK: 1,
    Verdict.LEFT: 1,
    Verdict.BLOCKED: 1,
    Verdict.INTERRUPTED: 1,
    Verdict.REFUSED: 4,
    Verdict.EXPIRED: 4,
    Verdict.WAITING: 8,
    Verdict.PENDING_REBOOT: 8,
}
_NOT_ENDED = 8
_GIVEN = Text("order {order} for {host}", "приказ {order} для {host}")
_ASLEEP = Text(
    "{host} is not connected; the order waits for it until {until}. Ctrl-C leaves it waiting.",
    "{host} не на связи; приказ ждёт её, но не позже чем {until}. Ctrl-C оставит его ждать.",
)
_LEFT_WAITING = Text(
    "still waiting; see: feldsher run show {order}", "всё ещё ждёт; смотрите: feldsher run show {order}"
)


@group
def run() -> None:
    """Run a playbook on a machine, and see how it went."""


@run.command()
@click.argument("playbook")
@click.option("--on", "name", metavar="HOST", type=host_name, required=True, help="The machine, by id or name.")
@click.option(
    "--ticket",
    metavar="NUMBER",
    type=ticket_number,
    help="The ticket it belongs to; its cause fills the playbook's parameters.",
)
@click.option(
    "--set",
    "settings",
    metavar="NAME=VALUE",
    type=setting,
    multiple=True,
    help="A parameter of the playbook; may be repeated.",
)
@click.option("--check", is_flag=True, help="Only show what would be done; nothing is changed.")
@click.option("--no-wait", is_flag=True, help="Print the order's id and leave.")
@click.option(
    "--timeout", type=click.FloatRange(0, 86400), default=600.0, show_default=True, help="Seconds to wait at most."
)
@context_option
@language_option
@json_option
def start(
    playbook: str,
    *,
    name: str,
    ticket: int | None,
    settings: tuple[tuple[str, str], ...],
    check: bool,
    no_wait: bool,
    timeout: float,
    context: Path | None,
    language: str | None,
    as_json: bool,
) -> None:
    """Run PLAYBOOK on one machine, wait for it, and say how it ended.

    \b
    feldsher run start free-disk-space --on pc-0042 --ticket 12 --check
    feldsher run start free-disk-space --on pc-0042 --ticket 12
    """  # noqa: D301 - click's own mark for lines it must not join
    spoken = language_chosen(language)
    if len({key for key, _ in settings}) < len(settings):
        raise click.UsageError("a parameter was set twice")
    with client_of(context) as client:
        host = client.host_named(name)
        wish = {"kind": "repair", "host": host, "playbook": playbook, "params": dict(settings), "check_only": check}
        given = client.order(wish | ({"ticket": str(ticket)} if ticket else {}))
        record = _record(given)
        if no_wait:
            if as_json:
                show_json(given)
            else:
                show(record.order.id + "\n")
            return
        progress(_GIVEN.filled({"order": record.order.id, "host": name}).in_language(spoken))
        _say_when_asleep(client, host, record, spoken)
        answer = _wait(client, record.order.id, timeout)
    raise SystemExit(_tell(answer, spoken, as_json=as_json))


@run.command("show")
@click.argument("order", metavar="ID")
@context_option
@language_option
@json_option
def show_run(order: str, *, context: Path | None, language: str | None, as_json: bool) -> None:
    """Show how an order stands."""
    with client_of(context) as client:
        answer = client.order_as_it_is(order)
    raise SystemExit(_tell(answer, language_chosen(language), as_json=as_json))


def exit_code(record: OrderRecord) -> int:
    """Return how the command ends for *record*: by its verdict, or 8 while there is none."""
    if record.evidence:
        if record.evidence.verdict in {Verdict.REFUSED, Verdict.BLOCKED} and record.evidence.reason in KINDS:
            return KINDS[record.evidence.reason].exit_code
        return _EXIT[record.evidence.verdict]
    return 4 if record.state in {OrderState.EXPIRED, OrderState.CANCELLED} else _NOT_ENDED


def _wait(client: Client, order: str, timeout: float) -> dict[str, Any]:
    until = time.monotonic() + timeout
    while True:
        left = until - time.monotonic()
        answer = client.order_as_it_is(order, max(0.0, min(left, LONGEST_WAIT_SECONDS)))
        if _record(answer).state not in {OrderState.QUEUED, OrderState.TAKEN} or left <= 0:
            return answer


def _say_when_asleep(client: Client, host: str, record: OrderRecord, language: Language) -> None:
    known = msgspec.convert(client.host(host), Host)
    if link_of(known, datetime.now(UTC)) != "online":
        until = moment(record.order.not_after, language)
        progress(_ASLEEP.filled({"host": known.name, "until": until}).in_language(language))


def _tell(answer: dict[str, Any], language: Language, *, as_json: bool) -> int:
    record = _record(answer)
    if as_json:
        show_json(answer)
    elif record.evidence:
        show(as_text(record.evidence, language))
    else:
        show(f"{record.order.id}  {words.ORDER[record.state.value].in_language(language)}\n")
        if record.state in {OrderState.QUEUED, OrderState.TAKEN}:
            progress(_LEFT_WAITING.filled({"order": record.order.id}).in_language(language))
    return exit_code(record)


def _record(answer: dict[str, Any]) -> OrderRecord:
    return msgspec.convert(answer, OrderRecord)

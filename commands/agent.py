"""``feldsher agent``: run the part that lives on this machine, or ask how it is."""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from commands.places import agent_state
from contract.errors import KINDS, FeldsherError

EXIT_NOT_RUNNING = 1
_CLASSES = {"0": "evidence", "1": "calls for help and reports asked for", "2": "vitals and scheduled reports"}

_state = click.option("--state", type=click.Path(path_type=Path), help="State folder of the agent on this machine.")


@click.group()
def agent() -> None:
    """The part that lives on this machine."""


@agent.command()
@_state
@click.option("--vitals-every", type=click.IntRange(10, 86400), default=60, show_default=True, help="Seconds.")
@click.option("--checkup-every", type=click.IntRange(10, 86400), default=300, show_default=True, help="Seconds.")
def run(*, state: Path | None, vitals_every: int, checkup_every: int) -> None:
    """Keep in touch with the collector until stopped."""
    from agent.hosts import processes  # noqa: PLC0415 - not needed to say how this is called

    every = ("--vitals-every", str(vitals_every), "--checkup-every", str(checkup_every))
    # What reads the command line weighs half as much as the resident itself: it makes way for it.
    processes.become((sys.executable, "-m", "agent.resident.main", "--state", str(agent_state(state)), *every))


@agent.command()
@_state
@click.option("--json", "as_json", is_flag=True, help="Print it as feldsher.agent/1.")
def status(*, state: Path | None, as_json: bool) -> None:
    """Say how the agent on this machine is.

    Exit code 0: it runs and the collector answers. 1: it does not run. 3: it is not enrolled. 5: the collector does not
    answer; 4 or 6 when it answers that this machine may not speak.
    """
    folder = agent_state(state)
    told = look(folder)
    if as_json:
        click.echo(json.dumps({"schema": "feldsher.agent/1", "state": str(folder), **told}))
    else:
        click.echo("\n".join(as_lines(told, folder)))
    sys.exit(exit_code(told))


def look(state: Path) -> dict[str, Any]:
    """Return how the agent of *state* is: as it says itself, or else as it left things on the disk."""
    from agent.resident.door import ask_status  # noqa: PLC0415 - not needed to say how this is called
    from agent.resident.durable import read_object  # noqa: PLC0415 - the same

    said = ask_status(state / "door.sock")
    if said is not None and said.get("running") is True:
        return {"enrolled": True, **said}
    try:
        identity = read_object(state / "identity" / "identity.json")
        left = read_object(state / "resident.json") or {}
        spool = {urgency: _count(state / "spool" / urgency) for urgency in (*_CLASSES, "refused", "damaged")}
        orders = sorted(path.stem for path in (state / "orders").glob("*.json"))
    except PermissionError as error:
        raise FeldsherError(
            "forbidden", "the agent's state is not yours to read", where=str(state), remedy="use sudo, or --state"
        ) from error
    return {
        "enrolled": identity is not None,
        "running": False,
        "host": (identity or {}).get("host"),
        "collector": (identity or {}).get("address"),
        "last_exchange": left.get("last_exchange"),
        "trouble": left.get("trouble"),
        "spool": spool,
        "orders": orders,
        "doing": "",
    }


def exit_code(told: dict[str, Any]) -> int:
    """Return the exit code that *told* amounts to."""
    if not told["enrolled"]:
        return KINDS["not-signed-in"].exit_code
    if not told["running"]:
        return EXIT_NOT_RUNNING
    trouble = told.get("trouble")
    if not trouble:
        return 0
    kind = KINDS.get(trouble.get("slug", ""))
    # Whatever else goes wrong out there is, from here, a collector that cannot be spoken with.
    return kind.exit_code if kind and kind.exit_code in {3, 4, 6, 7} else KINDS["unreachable"].exit_code


def as_lines(told: dict[str, Any], state: Path) -> list[str]:
    """Return *told* as lines for a person."""
    if not told["enrolled"]:
        return [f"This machine is not enrolled (looked in {state}).", "Next: feldsher enrol CODE"]
    waiting = {name: told["spool"].get(urgency, 0) for urgency, name in _CLASSES.items()}
    words = ", ".join(f"{count} {name}" for name, count in waiting.items() if count) or "nothing"
    lines = [
        f"enrolled as    {told['host']}",
        f"collector      {told['collector']}",
        f"running        {'yes, process ' + str(told.get('pid')) if told['running'] else 'no'}",
        f"last exchange  {_ago(told.get('last_exchange'))}",
        f"waits to go    {words}",
        f"orders held    {', '.join(told['orders']) or 'none'}",
    ]
    if told.get("doing"):
        lines.append(f"at work        {told['doing']}")
    if told["spool"].get("refused"):
        lines.append(
            f"refused        {told['spool']['refused']}, kept with the reasons in {state / 'spool' / 'refused'}"
        )
    if told["spool"].get("damaged"):
        lines.append(f"damaged        {told['spool']['damaged']}, kept in {state / 'spool' / 'damaged'}")
    if told.get("trouble"):
        lines.append(f"trouble        {_plain(told['trouble'].get('slug'))}: {_plain(told['trouble'].get('detail'))}")
    if not told["running"]:
        lines.append("Next: feldsher agent run, or: systemctl start feldsher-agent")
    return lines


def _count(folder: Path) -> int:
    try:
        return sum(1 for name in os.listdir(folder) if name.endswith(".json"))  # noqa: PTH208 - names, not paths
    except FileNotFoundError:
        return 0


def _ago(text: object) -> str:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return "never"
    seconds = int((datetime.now(UTC) - at).total_seconds())
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{max(0, seconds)} s ago"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _plain(text: object) -> str:
    """Return *text* without what could paint a terminal: some of it was said by another machine."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))

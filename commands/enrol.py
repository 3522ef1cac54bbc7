"""``feldsher enrol``: make this machine known to a collector."""

import json
from pathlib import Path

import click

from commands.places import agent_state


@click.command()
@click.argument("code")
@click.option("--state", type=click.Path(path_type=Path), help="State folder of the agent on this machine.")
@click.option("--replace", is_flag=True, help="Give up the identity this machine has, and take a new one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as feldsher.enrolment/1.")
def enrol(code: str, *, state: Path | None, replace: bool, as_json: bool) -> None:
    """Make this machine known to the collector that made CODE.

    The collector must prove that it is the one in the code before anything is sent. The machine's key is made here and
    never leaves. If the answer is lost on the way, repeat the same command.

    \b
    feldsher enrol FSH1-…
    feldsher enrol FSH1-… --state ~/feldsher-state
    """  # noqa: D301 - click's own mark for lines it must not join
    from agent.hosts.local_linux import LocalLinux  # noqa: PLC0415 - not needed to say how this is called
    from agent.resident import identity  # noqa: PLC0415 - the same

    folder = agent_state(state)
    known = identity.enrol(code, folder, LocalLinux().facts, replace=replace)
    where = f"{known.address}:{known.port}"
    if as_json:
        told = {"schema": "feldsher.enrolment/1", "host": known.host, "collector": where, "state": str(folder)}
        click.echo(json.dumps(told))
        return
    click.echo(f"This machine is now known to {where} as {known.host}.")
    click.echo(f"Next: feldsher agent run{f' --state {folder}' if state else ''}")

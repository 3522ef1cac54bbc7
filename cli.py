"""Reads the command line and hands over; every command is imported only when it is called."""

import sys
from importlib import import_module

import click

from contract.errors import FeldsherError

# name: (where it lives, one line for the list). The line stands here so that --help imports nothing.
COMMANDS = {
    "demo": ("commands.demo:demo", "Watch it find, repair and prove a practice fault on this machine."),
    "diagnose": ("commands.diagnose:diagnose", "Look at this computer and explain what is wrong."),
    "record": ("commands.record:record", "Keep what this computer answers, to be looked at elsewhere."),
    "enrol": ("commands.enrol:enrol", "Make this machine known to a collector."),
    "agent": ("commands.agent:agent", "The part that lives on this machine."),
    "collector": ("commands.collector:collector", "Set up and run the collector."),
    "code": ("commands.code:code", "Codes that enrol machines."),
    "host": ("commands.host:host", "The machines we look after."),
    "ticket": ("commands.ticket:ticket", "Cases: what is wrong, and what was done."),
    "run": ("commands.run:run", "Run a playbook on a machine, and see how it went."),
    "playbook": ("commands.playbook:playbook", "How to repair: list, read, check and rehearse playbooks."),
    "rule": ("commands.rule:rule", "How to recognise: list, read and try rules."),
}


class Lazy(click.Group):
    """A group that knows its commands by name and loads each only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Load one command; ``None`` when there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """Write the list without loading a single command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="feldsher")
def feldsher() -> None:
    """Find the cause, repair it safely, prove the repair, and write it on the ticket."""


def main() -> None:
    """Run the command line; every error of ours is one line with its slug and its exit code."""
    try:
        code = feldsher.main(standalone_mode=False)
    except FeldsherError as error:
        sys.stderr.write(f"feldsher: error: {error}\n")
        code = error.kind.exit_code
    except click.ClickException as error:
        sys.stderr.write(f"feldsher: error: usage: {_one_line(error.format_message())}\n")
        code = 2
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("\n")
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone (head, less): stop quietly, as other tools do.
        sys.stderr.close()
        code = 141
    sys.exit(code)


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main()

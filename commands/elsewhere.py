"""Another machine in place of this one: the options that say which, and how it is reached."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from contract.errors import FeldsherError

if TYPE_CHECKING:
    from agent.hosts.ssh import Ssh

F = TypeVar("F", bound=Callable[..., Any])
NAMES = ("identity", "fingerprint", "known_hosts", "password_from", "sudo")
_OTHERS_MAY_READ = 0o077
_MOST_PASSWORD_BYTES = 1024


def elsewhere_options(function: F) -> F:
    """Add the options; they come as ``on`` and `NAMES`."""
    for option in (
        click.option("--sudo", is_flag=True, help="With --on: look as root; `sudo -n` must not ask for a password."),
        click.option(
            "--password-from",
            metavar="env:NAME|file:PATH",
            help="With --on: where the password stands. It is never taken from the command line.",
        ),
        click.option(
            "--known-hosts",
            type=click.Path(path_type=Path),
            help="With --on: one more file of known host keys, besides your own.",
        ),
        click.option("--fingerprint", metavar="SHA256:…", help="With --on: the host key it must show."),
        click.option("--identity", type=click.Path(path_type=Path), help="With --on: the private key to sign in with."),
        click.option("--on", metavar="ssh://USER@HOST[:PORT]", help="Look at that computer instead of this one."),
    ):
        function = option(function)
    return function


def check_elsewhere(on: str | None, how: dict[str, Any]) -> None:
    """Refuse options that say how to reach a machine when none is named."""
    given = [name for name in NAMES if how[name]]
    if given and not on:
        raise click.UsageError(f"--{given[0].replace('_', '-')} goes with --on")


def reach(on: str, how: dict[str, Any]) -> "Ssh":
    """Return the machine that *on* names, connected. What reaches it is loaded only now."""
    from agent.hosts.ssh_address import Proof, Trust, read_address, read_fingerprint  # noqa: PLC0415 - see above

    address = read_address(on)
    fingerprint = read_fingerprint(how["fingerprint"]) if how["fingerprint"] else ""
    known_hosts = how["known_hosts"]
    if known_hosts and not known_hosts.is_file():
        raise FeldsherError("config", "there is no such file of known hosts", where=str(known_hosts))
    proof = Proof(how["identity"], password_from(how["password_from"]) if how["password_from"] else None)
    own = Path.home() / ".ssh" / "known_hosts"
    try:
        from agent.hosts.ssh import Ssh  # noqa: PLC0415 - see above
    except ModuleNotFoundError as error:
        raise FeldsherError(
            "config", "paramiko is not installed, which SSH needs", remedy="install feldsher[ssh]"
        ) from error
    return Ssh(address, Trust((*filter(None, (known_hosts,)), own), fingerprint), proof, sudo=how["sudo"])


def password_from(reference: str) -> str:
    """Return the password that ``env:NAME`` or ``file:PATH`` refers to. It is never repeated in an error."""
    kind, _, name = reference.partition(":")
    if kind == "env" and name.isidentifier():
        password = os.environ.get(name, "")
        if not password:
            raise FeldsherError("config", f"the environment variable {name} is empty or not set")
        return password
    if kind == "file" and name:
        return _first_line(Path(name))
    # It is not repeated: somebody may have written the password itself.
    raise FeldsherError("usage", "--password-from is neither env:NAME nor file:PATH")


def _first_line(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS_MAY_READ:
                raise FeldsherError(
                    "config", "others may read the password", where=str(path), remedy=f"chmod 600 {path}"
                )
            line = file.readline(_MOST_PASSWORD_BYTES)
    except OSError as error:
        raise FeldsherError("config", f"it cannot be read: {error.strerror}", where=str(path)) from error
    try:
        password = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise FeldsherError("config", "its first line is no password", where=str(path)) from None
    if not password:
        raise FeldsherError("config", "its first line is no password", where=str(path))
    return password

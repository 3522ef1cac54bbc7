"""Files in which the owner of a machine lists servers to compare with: one to a line, ``#`` begins a comment."""

from agent.hosts.base import Host, NotAllowed, NotThere
from agent.probes.plain import words

_LARGEST_PORT = 65535


def listed(host: Host, path: str) -> list[str]:
    """Return the lines of the file that say something; nothing where there is no such file."""
    lines = (line.partition("#")[0].strip() for line in words(or_nothing(host, path)).splitlines())
    return [line for line in lines if line]


def or_nothing(host: Host, path: str) -> bytes:
    """Return what is in a file that need not be there."""
    try:
        return host.read(path)
    except (NotThere, NotAllowed):
        return b""


def address_and_port(line: str, port: int) -> tuple[str, int]:
    """Read ``10.0.0.1``, ``10.0.0.1:5353``, ``fd00::1``, ``[fd00::1]:5353`` or a name with or without a port."""
    address, colon, digits = line.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    elif not colon or ":" in address:
        return line.strip("[]"), port
    if (
        digits.isascii()
        and digits.isdigit()
        and len(digits) <= len(str(_LARGEST_PORT))
        and int(digits) <= _LARGEST_PORT
    ):
        return address, int(digits)
    return line, port

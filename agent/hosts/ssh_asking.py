"""One datagram sent from a machine that has nothing of ours: by its python3, or by its bash."""

import errno
import os
import socket
from datetime import timedelta
from typing import Final

from agent.hosts.base import NotAllowed, NotThere, Ran, TooSlow
from agent.hosts.refusals import refusal

LARGEST_DATAGRAM_BYTES = 65_507
_NO_ANSWER: Final = 4
_FAILED: Final = 5
_PYTHON = """
import socket, sys, time
address, port, payload, limit = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3]), float(sys.argv[4])
family, kind, number, _, where = socket.getaddrinfo(
    address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)[0]
try:
    with socket.socket(family, kind, number) as asking:
        asking.settimeout(max(0.001, limit))
        asking.connect(where)
        asking.send(payload)
        sys.stdout.buffer.write(asking.recv(65535))
except socket.timeout:
    sys.exit(4)
except OSError as error:
    sys.stderr.write(str(error.errno))
    sys.exit(5)
"""
# One write of printf is one datagram: it is shorter than the buffer, and /dev/udp is connected.
_BASH = """
exec 3<>"/dev/udp/$1/$2" || exit 5
printf "$3" | dd bs=65535 iflag=fullblock status=none >&3 || exit 5
timeout "$4" dd bs=65535 count=1 status=none <&3; code=$?
[ $code = 124 ] && exit 4; exit $code
"""


def numeric(address: str, port: int, payload: bytes) -> None:
    """Refuse what is no address: looking up a name would ask the very server that is in doubt."""
    subject = f"{address}:{port}"
    try:
        socket.getaddrinfo(address, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)
    except (socket.gaierror, UnicodeError, ValueError, OverflowError) as error:
        raise NotThere(subject, "not an address") from error
    if not 0 <= port < 1 << 16:
        raise NotThere(subject, "not a port")
    if len(payload) > LARGEST_DATAGRAM_BYTES:
        raise NotAllowed(subject, "a question too long for a datagram")


def asking_words(
    can: frozenset[str], address: str, port: int, payload: bytes, time_limit: timedelta
) -> tuple[str, ...]:
    """Return the command that sends *payload* and prints the answer; `NotThere` where nothing can."""
    seconds = f"{max(0.001, time_limit.total_seconds()):.3f}"
    if "python3" in can:
        return ("python3", "-I", "-S", "-c", _PYTHON, address, str(port), payload.hex(), seconds)
    if {"bash", "timeout"} <= can:
        escaped = "".join(f"\\x{byte:02x}" for byte in payload)
        return ("bash", "-c", _BASH, "ask", address, str(port), escaped, seconds)
    raise NotThere(f"{address}:{port}", "this machine has neither python3 nor bash to send a datagram with")


def answer_of(ran: Ran, subject: str) -> bytes:
    """Return the answer that the command printed, or raise what stood in its way."""
    if ran.exit_code == 0:
        return ran.stdout
    if ran.exit_code == _NO_ANSWER:
        raise TooSlow(subject, "no answer")
    number = _number(ran.error_text)
    raise refusal(OSError(number, os.strerror(number)), subject)


def _number(said: str) -> int:
    if said.strip().isdecimal():
        return int(said)
    reason = said.strip().rpartition(": ")[2]
    return next((number for number in errno.errorcode if os.strerror(number) == reason), errno.ECONNREFUSED)

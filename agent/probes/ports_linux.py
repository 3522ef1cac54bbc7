"""Listening sockets, from the kernel's own tables; whose they are is not looked at."""

from collections.abc import Iterator
from socket import AF_INET, AF_INET6, inet_ntop
from struct import error as StructError  # noqa: N812 - an exception, named as one
from struct import unpack

from msgspec import Struct

from agent.hosts.base import Host, NotThere
from agent.probes import ports
from agent.probes.base import Probe, Unreadable
from agent.probes.plain import shown, words
from contract.sample import Sample

TABLES = {
    "tcp": ("/proc/net/tcp", "/proc/net/tcp6"),
    "udp": ("/proc/net/udp", "/proc/net/udp6"),
}
# A table grows with connections, not only with listeners: a busy server's is some megabytes.
_TABLE_BYTES = 16 * 1024 * 1024
_LISTEN, _UNCONNECTED = "0A", "07"  # TCP_LISTEN and TCP_CLOSE in net/tcp_states.h; the latter is how UDP waits
# From here on are sockets that wait for one answer and go (ip_local_port_range): they are nobody's service.
_EPHEMERAL = 32768
MOST = 500


class Reading(Struct, frozen=True):
    """The tables, by protocol; one that is not there (IPv6 switched off) is left out."""

    tcp: tuple[bytes, ...]
    udp: tuple[bytes, ...]


def read(host: Host) -> Reading:
    """Read the four tables."""
    return Reading(tcp=_tables(host, "tcp"), udp=_tables(host, "udp"))


def understand(reading: Reading) -> Iterator[Sample]:
    """Yield each address and port once, however many programs share it."""
    sockets = {("tcp", *socket) for table in reading.tcp for socket in _waiting(table, _LISTEN)}
    sockets |= {
        ("udp", *socket) for table in reading.udp for socket in _waiting(table, _UNCONNECTED) if socket[1] < _EPHEMERAL
    }
    for protocol, address, port in sorted(sockets, key=lambda socket: (socket[0], socket[2], socket[1]))[:MOST]:
        yield ports.LISTENING(True, protocol=protocol, address=address, port=str(port))  # noqa: FBT003 - the value seen
    if len(sockets) > MOST:
        raise Unreadable(f"{len(sockets)} listening sockets; the first {MOST} are told")


def _tables(host: Host, protocol: str) -> tuple[bytes, ...]:
    old, new = TABLES[protocol]
    try:
        return (host.read(old, _TABLE_BYTES), host.read(new, _TABLE_BYTES))
    except NotThere as error:
        if error.subject == old:
            raise
        return (host.read(old, _TABLE_BYTES),)


def _waiting(table: bytes, state: str) -> Iterator[tuple[str, int]]:
    header, *lines = words(table).splitlines() or [""]
    if "local_address" not in header:
        raise Unreadable(f"a table of sockets begins {shown(header)}")
    for line in lines:
        fields = line.split(None, 4)
        if len(fields) == 5 and fields[3] == state:  # noqa: PLR2004 - the four first columns and the rest
            yield _address(fields[1])


def _address(word: str) -> tuple[str, int]:
    """Read ``0100007F:0035``: each four bytes stand in the machine's own order, little-endian on all of ours."""
    digits, _, port = word.partition(":")
    try:
        turned = bytes.fromhex(digits)
        octets = b"".join(turned[start : start + 4][::-1] for start in range(0, len(turned), 4))
        (number,) = unpack(">H", bytes.fromhex(port))
        return inet_ntop(AF_INET6 if len(octets) > 4 else AF_INET, octets), number  # noqa: PLR2004 - an IPv4 address
    except (ValueError, OSError, StructError):
        raise Unreadable(f"not an address: {shown(word)}") from None


PROBE = Probe(
    "ports",
    gives=ports.ALL,
    read=read,
    understand=understand,
    reads=tuple(path for pair in TABLES.values() for path in pair),
)

"""Interfaces, addresses and the way out, from what the kernel already knows: nothing is sent.

Interfaces that are hardware are always told; of the others (bridges, tunnels, containers' ends) only the one that leads
to the gateway. The rest come and go, and are down for good reasons.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from agent.hosts.base import Host, NotAllowed, NotThere
from agent.probes import network
from agent.probes.base import Probe, Unreadable
from agent.probes.controls import or_nothing
from agent.probes.plain import LARGEST, number, shown, visible, words
from contract.sample import Sample

CLASS = "/sys/class/net"
COUNTERS = "/proc/net/dev"
ROUTES, ROUTES_6 = "/proc/net/route", "/proc/net/ipv6_route"
NEIGHBOURS = "/proc/net/arp"
ADDRESSES, ADDRESSES_6 = "/proc/net/fib_trie", "/proc/net/if_inet6"
MOST = 64
_UP, _GATEWAY = 0x1, 0x2  # RTF_UP, RTF_GATEWAY in route.h
_COMPLETE = 0x2  # ATF_COM in if_arp.h
_SWITCHED_ON = 0x1  # IFF_UP in if.h
_NOWHERE = "0" * 32
_EVERYWHERE_6 = "00"  # a prefix of no bits: the default route


class Interface(Struct, frozen=True):
    """What stands in its folder, and two of the files there."""

    names: tuple[str, ...]
    state: bytes
    flags: bytes


class Reading(Struct, frozen=True):
    """Raw tables of the kernel; the three of IPv6 are empty where it is switched off."""

    interfaces: Mapping[str, Interface]
    counters: bytes
    routes: bytes
    routes_6: bytes
    neighbours: bytes
    addresses: bytes
    addresses_6: bytes


def read(host: Host) -> Reading:
    """Read the tables, and what each interface says of itself."""
    interfaces = {}
    for name in host.list(CLASS)[:MOST]:
        try:
            folder = f"{CLASS}/{name}"
            names = tuple(host.list(folder))
            interfaces[name] = Interface(names, host.read(f"{folder}/operstate"), host.read(f"{folder}/flags"))
        except (NotThere, NotAllowed):
            continue  # unplugged while we looked, or no interface at all: bonding_masters is a file
    return Reading(
        interfaces=interfaces,
        counters=host.read(COUNTERS),
        routes=host.read(ROUTES),
        routes_6=or_nothing(host, ROUTES_6),
        neighbours=host.read(NEIGHBOURS),
        addresses=host.read(ADDRESSES),
        addresses_6=or_nothing(host, ADDRESSES_6),
    )


def understand(reading: Reading) -> Iterator[Sample]:
    """Yield the way out, addresses, and each interface."""
    ways = _ways_out(reading.routes)
    ways_6 = _ways_out_6(reading.routes_6)
    yield network.HAS_GATEWAY(bool(ways or ways_6))
    answered = _answered(reading.neighbours)
    known = [answered[way] for way in ways if way in answered]
    if known:
        yield network.GATEWAY_REACHABLE(any(known))
    yield network.HAS_ADDRESS(_has_address(reading.addresses) or _has_address_6(reading.addresses_6))
    leading = {interface for interface, _ in ways} | ways_6
    errors = dict(_errors(reading.counters))
    for name, interface in sorted(reading.interfaces.items()):
        if "device" not in interface.names and name not in leading:
            continue
        where = visible(name)
        yield network.INTERFACE_UP(_is_up(interface), interface=where)
        if name in errors:
            yield network.ERRORS(errors[name], interface=where)


def _is_up(interface: Interface) -> bool:
    # "unknown" is what drivers without a notion of a link say (tunnels): there, switched on is all there is.
    state = words(interface.state).strip()
    return state == "up" or (state == "unknown" and bool(_hexadecimal(words(interface.flags).strip()) & _SWITCHED_ON))


def _ways_out(routes: bytes) -> set[tuple[str, str]]:
    """Return interface and address of each IPv4 gateway, the address as ``/proc/net/arp`` writes it."""
    ways = set()
    header, *lines = words(routes).splitlines() or [""]
    if not header.startswith("Iface"):
        raise Unreadable(f"{ROUTES} says {shown(header)}")
    for line in lines:
        fields = line.split()
        if len(fields) < 8:  # noqa: PLR2004 - up to Mask
            continue
        interface, destination, gateway, flags, mask = fields[0], fields[1], fields[2], fields[3], fields[7]
        way = _UP | _GATEWAY
        if (_hexadecimal(destination), _hexadecimal(mask)) == (0, 0) and _hexadecimal(flags) & way == way:
            # Printed as one number in the machine's own byte order; all of ours are little-endian.
            octets = _hexadecimal(gateway).to_bytes(8, "little")[:4]
            ways.add((interface, ".".join(map(str, octets))))
    return ways


def _ways_out_6(routes: bytes) -> set[str]:
    """Return the interfaces that an IPv6 gateway stands behind."""
    interfaces = set()
    for line in words(routes).splitlines():
        fields = line.split()
        if len(fields) != 10:  # noqa: PLR2004 - the columns of the table
            continue
        bits, gateway, interface = fields[1], fields[4], fields[9]
        if bits == _EVERYWHERE_6 and gateway != _NOWHERE and interface != "lo":
            interfaces.add(interface)
    return interfaces


def _answered(neighbours: bytes) -> dict[tuple[str, str], bool]:
    answered = {}
    for line in words(neighbours).splitlines()[1:]:
        fields = line.split()
        if len(fields) == 6:  # noqa: PLR2004 - the columns of the table
            answered[fields[5], fields[0]] = bool(_hexadecimal(fields[2]) & _COMPLETE)
    return answered


def _has_address(trie: bytes) -> bool:
    """Tell whether the routing trie holds an address of our own that is neither loopback nor self-assigned."""
    address = ""
    for line in words(trie).splitlines():
        fields = line.split()
        if fields[:1] == ["|--"]:
            address = fields[1] if len(fields) > 1 else ""
        elif fields == ["/32", "host", "LOCAL"] and not address.startswith(("127.", "169.254.")):
            return True
    return False


def _has_address_6(table: bytes) -> bool:
    # The fourth column is the scope: 00 global, 10 loopback, 20 link.
    return any(fields[3] == "00" for fields in map(str.split, words(table).splitlines()) if len(fields) == 6)  # noqa: PLR2004 - its columns


def _errors(counters: bytes) -> Iterator[tuple[str, int]]:
    """Yield receive and transmit errors; the name may touch the first number: ``eth0:2562884671``."""
    for line in words(counters).splitlines()[2:]:
        name, colon, rest = line.rpartition(":")
        fields = rest.split()
        if colon and len(fields) == 16:  # noqa: PLR2004 - eight a direction
            yield name.strip(), min(LARGEST, number(fields[2]) + number(fields[10]))


def _hexadecimal(word: str) -> int:
    digits = word.removeprefix("0x").lower()
    if digits and len(digits) <= 16 and not digits.strip("0123456789abcdef"):  # noqa: PLR2004 - 64 bits
        return int(digits, 16)
    raise Unreadable(f"not a hexadecimal number: {shown(word)}")


PROBE = Probe(
    "network",
    gives=network.ALL,
    read=read,
    understand=understand,
    reads=(CLASS, COUNTERS, ROUTES, ROUTES_6, NEIGHBOURS, ADDRESSES, ADDRESSES_6),
)

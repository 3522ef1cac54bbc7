"""Interfaces and the way out."""

import pytest

from agent.probes.network_linux import Interface, Reading, understand
from contract.sample import Value

ROUTES = b"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
DEFAULT = ROUTES + b"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
ARP = "IP address       HW type     Flags       HW address            Mask     Device\n"
DEV = "Inter-|   Receive\n face |bytes\n"
PLUGGED, VIRTUAL = ("device", "operstate"), ("bridge", "operstate")
OWN = b"        |-- 192.0.2.2\n           /32 host LOCAL\n"


def told(**more: object) -> dict[tuple[str, ...], Value]:
    made: dict[str, object] = {
        "interfaces": {},
        "counters": b"",
        "routes": DEFAULT,
        "routes_6": b"",
        "neighbours": ARP.encode(),
        "addresses": OWN,
        "addresses_6": b"",
    }
    reading = Reading(**{**made, **more})  # type: ignore[arg-type]  # a test gives what it wants
    return {(sample.name, *sample.where.values()): sample.value for sample in understand(reading)}


@pytest.mark.parametrize(("flags", "reachable"), [("0x2", True), ("0x0", False), ("0x6", True)])
def test_the_router_is_known_by_the_kernels_own_table(flags: str, reachable: bool) -> None:
    """A ping would tell the same, and be one more packet than needed."""
    row = f"192.0.2.1        0x1         {flags}         02:00:00:00:00:01     *        eth0\n"
    assert told(neighbours=(ARP + row).encode())["net.gateway_reachable",] is reachable


def test_a_router_never_needed_is_neither_reachable_nor_not() -> None:
    """An idle machine would accuse its router."""
    row = "192.0.2.9        0x1         0x2         02:00:00:00:00:09     *        eth0\n"
    assert ("net.gateway_reachable",) not in told(neighbours=(ARP + row).encode())


def test_one_of_two_routers_is_enough() -> None:
    """Cable and wireless at once: the one that is pulled out must not raise the alarm."""
    routes = DEFAULT + b"wlan0\t00000000\t0A0200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    rows = "192.0.2.1 0x1 0x0 00:00:00:00:00:00 * eth0\n192.0.2.10 0x1 0x2 02:00:00:00:00:0a * wlan0\n"
    assert told(routes=routes, neighbours=(ARP + rows).encode())["net.gateway_reachable",] is True


def test_a_machine_without_a_way_out_says_so() -> None:
    """No default route is the commonest cause of "no internet" on a server."""
    local = ROUTES + b"eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    assert told(routes=local)["net.has_gateway",] is False


def test_a_way_out_by_ipv6_alone_counts() -> None:
    """Providers without IPv4 exist."""
    nowhere, router = "0" * 32, "fd" + "0" * 29 + "1"
    row = f"{nowhere} 00 {nowhere} 00 {router} 00000400 00000002 00000000 00000003     eth0\n"
    unreachable = f"{nowhere} 00 {nowhere} 00 {nowhere} ffffffff 00000001 00000000 00200200       lo\n"
    assert told(routes=ROUTES, routes_6=row.encode())["net.has_gateway",] is True
    assert told(routes=ROUTES, routes_6=unreachable.encode())["net.has_gateway",] is False


@pytest.mark.parametrize(
    ("trie", "six", "has"),
    [
        ("|-- 192.0.2.2\n /32 host LOCAL\n", "", True),
        ("|-- 169.254.7.7\n /32 host LOCAL\n", "", False),
        ("|-- 127.0.0.1\n /32 host LOCAL\n|-- 192.0.2.255\n /32 link BROADCAST\n", "", False),
        ("", "fd000000000000000000000000000002 04 40 00 82     eth0\n", True),
        ("", "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n", False),
        ("", "00000000000000000000000000000001 01 80 10 80       lo\n", False),
    ],
)
def test_an_address_one_gives_oneself_is_none(trie: str, six: str, has: bool) -> None:
    """169.254 is what a machine takes when nobody gave it an address."""
    assert told(addresses=trie.encode(), addresses_6=six.encode())["net.has_address",] is has


def test_only_hardware_and_the_way_out_are_told() -> None:
    """A bridge without containers is down for good reason."""
    interfaces = {
        "eth0": Interface(VIRTUAL, b"up\n", b"0x1003\n"),
        "eth1": Interface(PLUGGED, b"down\n", b"0x1003\n"),
        "docker0": Interface(VIRTUAL, b"down\n", b"0x1003\n"),
        "lo": Interface(VIRTUAL, b"unknown\n", b"0x9\n"),
    }
    seen = {key: value for key, value in told(interfaces=interfaces).items() if key[0] == "net.interface_up"}
    assert seen == {("net.interface_up", "eth0"): True, ("net.interface_up", "eth1"): False}


@pytest.mark.parametrize(
    ("state", "flags", "up"), [("unknown", "0x1", True), ("unknown", "0x0", False), ("dormant", "0x1", False)]
)
def test_a_driver_that_knows_no_link_is_taken_at_its_switch(state: str, flags: str, up: bool) -> None:
    """Some virtual cards never say "up"."""
    seen = told(interfaces={"tun0": Interface(PLUGGED, state.encode(), flags.encode())})
    assert seen["net.interface_up", "tun0"] is up


def test_errors_are_both_ways_and_names_may_touch_or_hold_a_colon() -> None:
    """A damaged cable shows in one direction only."""
    row = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
    interfaces = {name: Interface(PLUGGED, b"up", b"0x1") for name in ("eth0", "eth0:1")}
    seen = told(interfaces=interfaces, counters=(DEV + "  eth0:" + row.strip() + "\neth0:1:" + row).encode())
    assert seen["system.network.errors", "eth0"] == 3 + 11
    assert seen["system.network.errors", "eth0:1"] == 3 + 11

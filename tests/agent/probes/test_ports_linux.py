"""Listening ports."""

from pathlib import Path

from agent.probes import ports_linux
from tests.fakes.capture import captured, until_unreadable

HEADER = "  sl  local_address rem_address   st\n"
NOBODY, NOBODY_6 = "00000000:0000", "0" * 32 + ":0000"


def sockets(*rows: tuple[str, str]) -> bytes:
    return (HEADER + "".join(f" 0: {local} {NOBODY} {state} 0 0\n" for local, state in rows)).encode()


def listening(tcp: tuple[bytes, ...] = (), udp: tuple[bytes, ...] = ()) -> list[tuple[str, ...]]:
    return [tuple(sample.where.values()) for sample in ports_linux.understand(ports_linux.Reading(tcp, udp))]


def test_addresses_are_turned_the_right_way_round() -> None:
    """127.0.0.1 read backwards is an address in Denmark."""
    six = "00000000000000000000000001000000:0277"
    assert listening((sockets(("0100007F:1F90", "0A"), (six, "0A")),)) == [
        ("tcp", "::1", "631"),
        ("tcp", "127.0.0.1", "8080"),
    ]


def test_connections_are_no_listeners() -> None:
    """Whom a person talks to is not ours to tell."""
    assert listening((sockets(("0100007F:1F90", "01"), ("0100007F:1F91", "06")),)) == []


def test_programs_that_share_a_port_are_told_once() -> None:
    """Eight workers of a web server are one open door."""
    assert len(listening((sockets(*[("00000000:0050", "0A")] * 8),))) == 1


def test_a_program_that_waits_for_one_answer_is_no_service() -> None:
    """Every lookup of a name would come and go as a listening port."""
    assert listening(udp=(sockets(("0100007F:14E9", "07"), ("00000000:D431", "07"), ("00000000:0035", "01")),)) == [
        ("udp", "127.0.0.1", "5353")
    ]


def test_more_ports_than_anybody_reads_are_cut_aloud() -> None:
    """A report that left some out in silence would call the others closed."""
    rows = [(f"00000000:{port:04X}", "0A") for port in range(1, 700)]
    samples, why = until_unreadable(ports_linux.understand(ports_linux.Reading((sockets(*rows),), ())))
    assert "699" in why
    assert len(samples) == ports_linux.MOST


def test_ipv6_switched_off_is_no_refusal(tmp_path: Path) -> None:
    """Half of all servers have no /proc/net/tcp6."""
    table = sockets(("00000000:0016", "0A")).decode()
    host = captured(tmp_path, files={"/proc/net/tcp": table, "/proc/net/udp": HEADER})
    assert [sample.where["port"] for sample in ports_linux.understand(ports_linux.read(host))] == ["22"]

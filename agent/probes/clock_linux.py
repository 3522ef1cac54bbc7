"""The clock of a Linux machine against the time servers it is configured to follow.

One server alone proves nothing, it may be the one that is wrong; so an error is told only when several agree.
A server given by name is looked up first. The question is a plain SNTP one (RFC 4330), with a random number where
others put their clock.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from os import urandom

from msgspec import Struct

from agent.hosts.base import Host, NotAllowed, NotThere, TooSlow, Unreachable
from agent.probes import clock, dns_message
from agent.probes.base import Probe
from agent.probes.clock_sources_linux import CONTROLS, FILES, FOLDERS, of_timesyncd, sources
from agent.probes.controls import address_and_port, or_nothing
from agent.probes.dns_linux import PORT as DNS_PORT
from agent.probes.dns_linux import RESOLV_CONF, end_of_links, is_address, servers
from agent.probes.plain import visible, words
from contract.sample import Sample

SHOW = ("timedatectl", "show", "--property=NTP", "--property=NTPSynchronized")
SHOW_TIMESYNC = (
    "timedatectl",
    "show-timesync",
    "--property=LinkNTPServers",
    "--property=SystemNTPServers",
    "--property=FallbackNTPServers",
)
PORT = 123
ONE_SECOND = timedelta(seconds=1)
MOST = 4
AGREE_SECONDS = 3.0
_TWO = 2
_PACKET_BYTES = 48
_CLIENT = b"\x23"  # no leap warning, version 4, mode 3: a client
_SERVER_MODE, _NOT_SYNCHRONISED, _LAST_STRATUM = 4, 3, 15
# NTP counts from 1900 and starts over every 2**32 seconds; the nearest of the possible times is meant (RFC 4330, 3).
_1900_TO_1970 = 2_208_988_800
_ERA = 2**32


class Asked(Struct, frozen=True):
    """One question, the clock here when it was sent, and what came back; empty when nothing did."""

    source: str
    sent: datetime
    question: bytes
    answer: bytes
    took_seconds: float


class Reading(Struct, frozen=True):
    """What the time service says of itself (empty where there is none), and every question asked."""

    service: bytes
    asked: tuple[Asked, ...]


def read(host: Host) -> Reading:
    """Ask the time service, then the servers it is configured to follow."""
    service = _run(host, SHOW)
    found = sources(host)
    # Asked only of a service that runs: the question alone would start one that is merely installed.
    if not found and _property(service, "NTP") == "yes":
        found = of_timesyncd(_run(host, SHOW_TIMESYNC))
    if not service and not found:
        raise NotThere("clock", "no time service that answers, and no time server is configured")
    asked: list[Asked] = []
    for source in found[:MOST]:
        if len(asked) == _TWO and not any(each.answer for each in asked):
            break  # two silent ones: the network is away, and more would only cost seconds
        asked.append(_ask(host, source))
    return Reading(service, tuple(asked))


def understand(reading: Reading) -> Iterator[Sample]:
    """Yield the state of the service, each server's offset, and what they say together."""
    for quantity, name in ((clock.SYNC_ENABLED, "NTP"), (clock.SYNCHRONISED, "NTPSynchronized")):
        if _property(reading.service, name) in ("yes", "no"):
            yield quantity(_property(reading.service, name) == "yes")
    offsets = []
    for asked in reading.asked:
        offset = offset_seconds(asked)
        if offset is not None:
            offsets.append(offset)
            yield clock.OFFSET(offset, source=visible(asked.source))
    if len(offsets) >= _TWO:
        together = _largest_agreement(sorted(offsets))
        agree = len(together) >= _TWO and len(together) * 2 > len(offsets)
        yield clock.AGREE(agree)
        if agree:
            yield clock.ERROR(abs(_median(together)))


def offset_seconds(asked: Asked) -> float | None:
    """Return how far the server is ahead of us, if what came back is a sound answer to this question."""
    answer = asked.answer
    if len(answer) < _PACKET_BYTES or answer[24:32] != asked.question[40:48] or not any(answer[40:48]):
        return None
    leap, mode, stratum = answer[0] >> 6, answer[0] & 7, answer[1]
    # Stratum 0 is "go away" (kiss of death); 16 and the leap alarm say that the server does not know the time itself.
    if mode != _SERVER_MODE or leap == _NOT_SYNCHRONISED or not 1 <= stratum <= _LAST_STRATUM:
        return None
    sent = asked.sent.timestamp() + _1900_TO_1970
    arrived, left = _ahead(answer[32:40], sent), _ahead(answer[40:48], sent)
    return (arrived + left - asked.took_seconds) / 2


def _ahead(timestamp: bytes, sent: float) -> float:
    return (int.from_bytes(timestamp, "big") / 2**32 - sent + _ERA / 2) % _ERA - _ERA / 2


def _largest_agreement(offsets: Sequence[float]) -> Sequence[float]:
    spans = [
        [offset for offset in offsets[start:] if offset - offsets[start] <= AGREE_SECONDS]
        for start in range(len(offsets))
    ]
    return max(spans, key=len)


def _median(ordered: Sequence[float]) -> float:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _ask(host: Host, source: str) -> Asked:
    name, port = address_and_port(source, PORT)
    address = name if is_address(name) else _looked_up(host, name)
    question = _CLIENT + bytes(39) + urandom(8)
    sent, begun = host.now(), host.elapsed()
    answer = _answer(host, address, port, question) if address else b""
    return Asked(source, sent, question, answer, round(host.elapsed() - begun, 6))


def _looked_up(host: Host, name: str) -> str:
    """Return the address of *name*, from the server the system asks first; empty when there is none."""
    found = servers(or_nothing(host, end_of_links(host, RESOLV_CONF)))
    try:
        question = dns_message.question(dns_message.ADDRESS, name)
    except ValueError:
        return ""
    return dns_message.first_address(question, _answer(host, found[0], DNS_PORT, question)) if found else ""


def _answer(host: Host, address: str, port: int, question: bytes) -> bytes:
    try:
        return host.ask(address, port, question, ONE_SECOND)
    except (TooSlow, Unreachable):
        return b""


def _run(host: Host, argv: tuple[str, ...]) -> bytes:
    if host.facts.init != "systemd":
        return b""
    try:
        ran = host.run(argv)
    except (NotThere, NotAllowed, Unreachable):
        return b""
    return ran.stdout if ran.exit_code == 0 else b""


def _property(shown: bytes, name: str) -> str:
    for line in words(shown).splitlines():
        key, _, value = line.partition("=")
        if key == name:
            return value.strip()
    return ""


PROBE = Probe(
    "clock",
    gives=clock.ALL,
    read=read,
    understand=understand,
    runs=(SHOW, SHOW_TIMESYNC),
    reads=(*FILES, *FOLDERS, CONTROLS),
    asks=(
        "the time servers that the time service is configured to follow",
        f"the time servers listed in {CONTROLS}",
        "the first name server, for the address of such a time server",
    ),
)

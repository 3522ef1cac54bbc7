"""Name servers: which ones the system asks, and whether they answer.

The question is always the same and says nothing of anybody: who serves the root. It goes to the servers the system is
configured to ask. Only when one of those is silent and none of the rest answers does it go to a control server: those
behind systemd's stub, then those that the owner of the machine lists in `CONTROLS`. Never to an address of our choice.
"""

from collections.abc import Iterator
from datetime import timedelta
from posixpath import dirname, join, normpath
from socket import AF_INET, AF_INET6, inet_pton

from msgspec import Struct

from agent.hosts.base import Host, NotAllowed, NotThere, TooSlow, Unreachable
from agent.probes import dns, dns_message
from agent.probes.base import Probe
from agent.probes.controls import address_and_port, listed, or_nothing
from agent.probes.plain import visible, words
from contract.sample import Sample

RESOLV_CONF = "/etc/resolv.conf"
BEHIND_THE_STUB = "/run/systemd/resolve/resolv.conf"
CONTROLS = "/etc/feldsher/control-resolvers"
PORT = 53
ONE_SECOND = timedelta(seconds=1)
# glibc asks no more than three either (resolv.conf(5)), and three silent ones take three seconds.
MOST = 3
_MOST_LINKS = 5
_MANAGERS = {"systemd": "systemd-resolved", "networkmanager": "NetworkManager", "resolvconf": "resolvconf"}


class Asked(Struct, frozen=True):
    """One question and what came back; empty when nothing did."""

    server: str
    question: bytes
    answer: bytes
    took_seconds: float


class Reading(Struct, frozen=True):
    """The list of servers, where it truly lies, and every question asked."""

    path: str
    resolv_conf: bytes
    asked: tuple[Asked, ...]
    others: tuple[Asked, ...]


def read(host: Host) -> Reading:
    """Ask the configured servers; and the controls, if they are needed."""
    path = end_of_links(host, RESOLV_CONF)
    resolv_conf = host.read(path)
    configured = servers(resolv_conf)
    if not configured:
        raise NotThere(path, "it names no name server")
    asked = tuple(_ask(host, server) for server in configured)
    others: list[Asked] = []
    if not any(map(is_answered, asked)):
        for server in [server for server in _controls(host) if server not in configured][:MOST]:
            others.append(_ask(host, server))
            if is_answered(others[-1]):
                break
    return Reading(path, resolv_conf, asked, tuple(others))


def understand(reading: Reading) -> Iterator[Sample]:
    """Yield each server, how soon it answered, and whether another one would."""
    yield dns.MANAGED_BY(_managed_by(reading.path, reading.resolv_conf))
    for asked in reading.asked:
        yield dns.CONFIGURED(True, server=visible(asked.server))  # noqa: FBT003 - the value seen
        if is_answered(asked):
            yield dns.ANSWER(asked.took_seconds, server=visible(asked.server))
    yield dns.ANSWERING(sum(map(is_answered, reading.asked)))
    # Other than the silent ones; where none is silent, than the first, which is the one everybody waits for.
    is_healthy = all(map(is_answered, reading.asked))
    for asked in reading.asked[1:] if is_healthy else (*reading.asked, *reading.others):
        if is_answered(asked):
            yield dns.OTHER_ANSWER(asked.took_seconds)
            yield dns.OTHER_SERVER(visible(asked.server))
            break


def servers(resolv_conf: bytes) -> list[str]:
    """Return the addresses the system asks, in its order."""
    found = []
    for line in words(resolv_conf).splitlines():
        fields = line.split()
        if fields[:1] == ["nameserver"] and len(fields) > 1 and is_address(fields[1]):
            found.append(fields[1])
    return list(dict.fromkeys(found))[:MOST]


def is_answered(asked: Asked) -> bool:
    """Tell whether what came back is an answer to this question."""
    return dns_message.is_answer(asked.question, asked.answer)


def is_address(word: str) -> bool:
    """Tell whether *word* is an IPv4 or IPv6 address, with or without the interface it is good for."""
    address = word.partition("%")[0]
    for family in (AF_INET, AF_INET6):
        try:
            inet_pton(family, address)
        except (OSError, ValueError):
            continue
        return True
    return False


def _ask(host: Host, server: str) -> Asked:
    address, port = address_and_port(server, PORT)
    question = dns_message.question(dns_message.SERVERS)
    begun = host.elapsed()
    try:
        answer = host.ask(address, port, question, ONE_SECOND)
    except (TooSlow, Unreachable):
        answer = b""  # silence is what we came to find out; "we may not ask" is not silence, and goes on up
    return Asked(server, question, answer, round(host.elapsed() - begun, 6))


def _controls(host: Host) -> list[str]:
    # A control given by name is left out: looking it up is what may be broken.
    own = [line for line in listed(host, CONTROLS) if is_address(address_and_port(line, PORT)[0])]
    return [*servers(or_nothing(host, BEHIND_THE_STUB)), *own]


def end_of_links(host: Host, path: str) -> str:
    """Return where a path leads in the end: a link itself cannot be read."""
    for _ in range(_MOST_LINKS):
        try:
            path = normpath(join(dirname(path), host.link_target(path)))
        except (NotThere, NotAllowed):
            break  # no link, or nothing at all: reading it will tell
    return path


def _managed_by(path: str, resolv_conf: bytes) -> str:
    comments = [line for line in words(resolv_conf).splitlines() if line.startswith("#")]
    for said in (path, *comments):
        for sign, manager in _MANAGERS.items():
            if sign in said.lower():
                return manager
    return "file"


PROBE = Probe(
    "dns",
    gives=dns.ALL,
    read=read,
    understand=understand,
    reads=(RESOLV_CONF, BEHIND_THE_STUB, CONTROLS),
    asks=tuple(f"the name servers listed in {path}" for path in (RESOLV_CONF, BEHIND_THE_STUB, CONTROLS)),
)

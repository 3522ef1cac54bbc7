"""What a Linux machine says of itself."""

from collections.abc import Iterator

from msgspec import Struct

from agent.hosts.base import Host
from agent.probes import system
from agent.probes.base import Probe
from agent.probes.plain import decimal, visible, words
from contract.report import HostFacts
from contract.sample import Sample

UPTIME = "/proc/uptime"


class Reading(Struct, frozen=True):
    """The facts every host keeps, and ``/proc/uptime``."""

    facts: HostFacts
    uptime: bytes


def read(host: Host) -> Reading:
    """Ask the machine."""
    return Reading(host.facts, host.read(UPTIME))


def understand(reading: Reading) -> Iterator[Sample]:
    """Yield name, family, version, init, rights and age."""
    facts = reading.facts
    yield system.NAME(visible(facts.os))
    yield system.FAMILY(visible(facts.family))
    yield system.VERSION(visible(facts.version))
    yield system.INIT(visible(facts.init))
    yield system.ELEVATED(facts.elevated)
    yield system.UPTIME(since_start(reading.uptime))


def since_start(uptime: bytes) -> float:
    """Return the seconds since the start, from ``/proc/uptime``."""
    return decimal(words(uptime).partition(" ")[0].strip())


PROBE = Probe("system", gives=system.ALL, read=read, understand=understand, reads=(UPTIME,))

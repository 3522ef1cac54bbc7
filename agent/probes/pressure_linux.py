"""Pressure stall information, as Linux has it since 4.20.

https://docs.kernel.org/accounting/psi.html
"""

from collections.abc import Iterator

from msgspec import Struct

from agent.hosts.base import Host
from agent.probes import pressure
from agent.probes.base import Probe, Unreadable
from agent.probes.plain import decimal, shown, words
from contract.sample import Sample

CPU, MEMORY, IO = "/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io"


class Reading(Struct, frozen=True):
    """The three files."""

    cpu: bytes
    memory: bytes
    io: bytes


def read(host: Host) -> Reading:
    """Read the three files; a kernel without them, or told to keep no such count, is `NotThere`."""
    return Reading(host.read(CPU), host.read(MEMORY), host.read(IO))


def understand(reading: Reading) -> Iterator[Sample]:
    """Yield the averages over ten seconds as ratios."""
    yield pressure.CPU_SOME(_ratio(reading.cpu, "some"))
    yield pressure.MEMORY_SOME(_ratio(reading.memory, "some"))
    yield pressure.MEMORY_FULL(_ratio(reading.memory, "full"))
    yield pressure.IO_FULL(_ratio(reading.io, "full"))


def _ratio(content: bytes, kind: str) -> float:
    text = words(content)
    for line in text.splitlines():
        fields = line.split()
        if fields[:1] == [kind] and fields[1:2] and fields[1].startswith("avg10="):
            return min(1.0, decimal(fields[1].removeprefix("avg10=")) / 100)
    raise Unreadable(f"no average of 10 s for {kind!r} in {shown(text)}")


PROBE = Probe("pressure", gives=pressure.ALL, read=read, understand=understand, reads=(CPU, MEMORY, IO))

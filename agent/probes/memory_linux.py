"""Memory, as Linux counts it."""

from collections.abc import Iterator

from msgspec import Struct

from agent.hosts.base import Host
from agent.probes import memory
from agent.probes.base import Probe, Unreadable
from agent.probes.plain import LARGEST, number, words
from contract.sample import Sample

MEMINFO = "/proc/meminfo"
VMSTAT = "/proc/vmstat"


class Reading(Struct, frozen=True):
    """``/proc/meminfo`` and ``/proc/vmstat``."""

    meminfo: bytes
    vmstat: bytes


def read(host: Host) -> Reading:
    """Read both."""
    return Reading(host.read(MEMINFO), host.read(VMSTAT))


def understand(reading: Reading) -> Iterator[Sample]:
    """Yield limits, usage and what the kernel had to end."""
    limit = kilobytes(reading.meminfo, "MemTotal")
    # Not MemFree: the page cache is given back on demand, and counting it as used cries wolf on every machine.
    available = kilobytes(reading.meminfo, "MemAvailable")
    if not limit:
        raise Unreadable(f"{MEMINFO} says that there is no memory")
    yield memory.LIMIT(limit)
    yield memory.AVAILABLE(available)
    yield memory.UTILIZATION(max(0.0, 1 - available / limit))
    swap = kilobytes(reading.meminfo, "SwapTotal")
    yield memory.PAGING_LIMIT(swap)
    yield memory.PAGING_USAGE(max(0, swap - kilobytes(reading.meminfo, "SwapFree")))
    for line in words(reading.vmstat).splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":  # since kernel 4.13; an older one cannot tell
            yield memory.OOM_KILLS(number(count.strip()))


def kilobytes(content: bytes, name: str) -> int:
    """Return the bytes that the line *name* gives in kB, in ``/proc/meminfo`` or ``/proc/PID/status``."""
    for line in words(content).splitlines():
        key, _, rest = line.partition(":")
        if key == name:
            fields = rest.split()
            if len(fields) == 2 and fields[1] == "kB":  # noqa: PLR2004 - a count and its unit
                size_bytes = number(fields[0]) * 1024
                if size_bytes <= LARGEST:
                    return size_bytes
            raise Unreadable(f"{name} is not a size in kB")
    raise Unreadable(f"there is no {name}")


PROBE = Probe("memory", gives=memory.ALL, read=read, understand=understand, reads=(MEMINFO, VMSTAT))

"""How busy the processors of a Linux machine are."""

from collections.abc import Iterator

from msgspec import Struct

from agent.hosts.base import Host
from agent.probes import cpu
from agent.probes.base import Probe, Unreadable
from agent.probes.plain import decimal, number, shown, words
from contract.sample import Sample

STAT = "/proc/stat"
LOAD = "/proc/loadavg"
# user nice system idle iowait irq softirq steal; guest and guest_nice follow and are already inside user and nice.
_COUNTED, _IDLE, _WAITING = 8, 3, 4


class Reading(Struct, frozen=True):
    """``/proc/stat`` and ``/proc/loadavg``."""

    stat: bytes
    load: bytes


def read(host: Host) -> Reading:
    """Read the kernel's counters."""
    return Reading(host.read(STAT), host.read(LOAD))


def understand(first: Reading, second: Reading) -> Iterator[Sample]:
    """Yield count, utilisation between the readings, and load."""
    lines = words(second.stat).splitlines()
    yield cpu.COUNT(sum(1 for line in lines if line.startswith("cpu") and line[3:4].isdigit()))
    averages = words(second.load).split()[:3]
    if len(averages) != 3:  # noqa: PLR2004 - the three that the file is named for
        raise Unreadable(f"{LOAD} says {shown(words(second.load))}")
    for quantity, average in zip((cpu.LOAD_1M, cpu.LOAD_5M, cpu.LOAD_15M), averages, strict=True):
        yield quantity(decimal(average))
    yield cpu.UTILIZATION(_utilization(_counters(first.stat), _counters(second.stat)))


def _counters(stat: bytes) -> list[int]:
    for line in words(stat).splitlines():
        if line.startswith("cpu "):
            counters = [number(word) for word in line.split()[1 : 1 + _COUNTED]]
            if len(counters) > _WAITING:
                return counters
    raise Unreadable(f"{STAT} has no line for all processors")


def _utilization(first: list[int], second: list[int]) -> float:
    # iowait is known to run backwards now and then (proc_stat(5)); a step back counts as none.
    steps = [max(0, later - earlier) for earlier, later in zip(first, second, strict=False)]
    whole = sum(steps)
    if not whole:
        raise Unreadable(f"the counters of {STAT} stood still between the readings")
    return (whole - steps[_IDLE] - steps[_WAITING]) / whole


PROBE = Probe("cpu", gives=cpu.ALL, read=read, understand=understand, twice=True, reads=(STAT, LOAD))

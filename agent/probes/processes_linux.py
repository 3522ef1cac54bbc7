"""Running programs, from ``/proc`` read twice.

One small file a process is read at each reading. Two more (sleeps, bytes moved) cost more than all the rest, so they
are read of the likely ones alone: those running or stuck at that moment, the busiest over their life, and the biggest.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from agent.hosts.base import Host, NotAllowed, NotThere, Unreachable
from agent.probes import processes
from agent.probes.base import Probe, Unreadable
from agent.probes.memory_linux import MEMINFO, kilobytes
from agent.probes.plain import LARGEST, number, shown, visible, words
from agent.probes.system_linux import UPTIME, since_start
from contract.sample import Sample

PROC = "/proc"
SELF = "/proc/self/stat"
BUSIEST, BIGGEST = 10, 5
# Beyond this, reading them all would itself be the illness.
MOST = 20_000
_LIKELY_ANYWAY, _LIKELY_BY_LIFE, _LIKELY_BY_SIZE = 48, 16, 8
_SMALL_BYTES = 8192
# What the kernel counts processor time in, for programs, on every architecture we run on (USER_HZ).
_TICKS_PER_SECOND = 100
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD, include/linux/sched.h


class Stat(Struct, frozen=True):
    """What ``/proc/PID/stat`` says, as far as we want it. *started* and *ticks* are in `_TICKS_PER_SECOND`."""

    pid: str
    program: str
    state: str
    kernel: bool
    ticks: int
    nice: int
    started: str
    pages: int


class Reading(Struct, frozen=True):
    """Raw files by process number; *status* and *io* of the likely ones only."""

    at_seconds: float
    uptime: bytes
    meminfo: bytes
    own: bytes
    left_out: int
    stats: Mapping[str, bytes]
    status: Mapping[str, bytes]
    io: Mapping[str, bytes]


def read(host: Host) -> Reading:
    """Read every process once, and the likely ones a little closer."""
    pids = [name for name in host.list(PROC) if name.isascii() and name.isdigit()]
    uptime, meminfo, own = host.read(UPTIME), host.read(MEMINFO), host.read(SELF)
    at_seconds = host.elapsed()
    stats = _read_each(host, pids[:MOST], "stat")
    likely = _likely(stats, uptime)
    return Reading(
        at_seconds=at_seconds,
        uptime=uptime,
        meminfo=meminfo,
        own=own,
        left_out=len(pids[MOST:]),
        stats=stats,
        status=_read_each(host, likely, "status"),
        io=_read_each(host, likely, "io"),
    )


def understand(first: Reading, second: Reading) -> Iterator[Sample]:
    """Yield the counts, and the busiest and biggest programs; our own process is not one of them."""
    before, _ = _stats(first.stats)
    now, garbled = _stats(second.stats)
    if not now:
        raise Unreadable("no process could be read")
    yield processes.COUNT(len(now))
    states = {(stat.pid, stat.started): stat.state for stat in before}
    for quantity, state in ((processes.ZOMBIES, "Z"), (processes.STUCK, "D")):
        yield quantity(sum(1 for stat in now if stat.state == state == states.get((stat.pid, stat.started))))

    seconds = second.at_seconds - first.at_seconds
    cores = _cores(before, now, seconds)
    own = words(second.own).partition(" ")[0]
    others = [stat for stat in now if stat.pid != own and stat.state != "Z"]
    busiest = sorted(others, key=lambda stat: (-cores.get(stat.pid, 0.0), -stat.ticks, stat.pid))[:BUSIEST]
    biggest = sorted(others, key=lambda stat: (-stat.pages, stat.pid))[:BIGGEST]
    limit = kilobytes(second.meminfo, "MemTotal")
    uptime = since_start(second.uptime)
    for stat in sorted({stat.pid: stat for stat in (*busiest, *biggest)}.values(), key=lambda stat: int(stat.pid)):
        where = {"pid": stat.pid, "program": stat.program, "started": stat.started}
        if stat.pid in cores:
            yield processes.CPU_CORES(cores[stat.pid], **where)
        # Both clocks count hundredths.
        age = round(max(1 / _TICKS_PER_SECOND, uptime - int(stat.started) / _TICKS_PER_SECOND), 2)
        yield processes.CPU_LIFETIME(stat.ticks / _TICKS_PER_SECOND / age, **where)
        yield processes.UPTIME(age, **where)
        yield processes.NICE(stat.nice, **where)
        yield from _memory(second, stat.pid, limit, where)
        if stat.pid in cores:  # the same process at both readings, and time between them
            yield from _rates(first, second, stat.pid, seconds, where)
    if second.left_out or garbled:
        raise Unreadable(f"{second.left_out} processes too many to read, {garbled} that could not be understood")


def _read_each(host: Host, pids: Sequence[str], name: str) -> dict[str, bytes]:
    contents = {}
    for pid in pids:
        try:
            contents[pid] = host.read(f"{PROC}/{pid}/{name}", _SMALL_BYTES)
        except (NotThere, NotAllowed, Unreachable):
            continue  # it ended while we looked, or is not ours to see
    return contents


def _stats(contents: Mapping[str, bytes]) -> tuple[list[Stat], int]:
    """Return the processes that are no part of the kernel, and how many made no sense."""
    stats, garbled = [], 0
    for pid, content in contents.items():
        if not content:
            continue  # it ended between open and read
        try:
            stat = _stat(pid, words(content))
        except Unreadable:
            garbled += 1
            continue
        if not stat.kernel:
            stats.append(stat)
    return stats, garbled


def _stat(pid: str, line: str) -> Stat:
    """Read ``42 (a) (b) S 1 …``: the name may hold anything, so it ends at the last bracket (proc_pid_stat(5))."""
    head, _, tail = line.rpartition(")")
    said, bracket, program = head.partition("(")
    fields = tail.split()
    if not bracket or said.strip() != pid or len(fields) < 22:  # noqa: PLR2004 - up to rss, field 24 of the page
        raise Unreadable(f"not the state of a process: {shown(line)}")
    return Stat(
        pid=pid,
        program=visible(program),
        state=fields[0],
        kernel=bool(number(fields[6]) & _KERNEL_THREAD),
        ticks=number(fields[11]) + number(fields[12]),
        nice=number(fields[16].removeprefix("-")) * (-1 if fields[16].startswith("-") else 1),
        started=str(number(fields[19])),
        pages=number(fields[21]),
    )


def _likely(contents: Mapping[str, bytes], uptime: bytes) -> list[str]:
    """Return the processes to look at closer; at both readings the same, but for those that came or woke between."""
    try:
        up = since_start(uptime) * _TICKS_PER_SECOND
    except Unreadable:
        return []
    stats, _ = _stats(contents)
    by_life = sorted(stats, key=lambda stat: -stat.ticks / max(1.0, up - int(stat.started)))
    by_size = sorted(stats, key=lambda stat: -stat.pages)
    awake = [stat for stat in by_life if stat.state in ("R", "D")]
    chosen = (*awake[:_LIKELY_ANYWAY], *by_life[:_LIKELY_BY_LIFE], *by_size[:_LIKELY_BY_SIZE])
    return list({stat.pid: None for stat in chosen})


def _cores(before: Sequence[Stat], now: Sequence[Stat], seconds: float) -> dict[str, float]:
    """Return the processors each kept busy; one that began between the readings is left out."""
    if seconds <= 0:
        return {}
    earlier = {(stat.pid, stat.started): stat.ticks for stat in before}
    return {
        stat.pid: (stat.ticks - earlier[stat.pid, stat.started]) / _TICKS_PER_SECOND / seconds
        for stat in now
        if stat.ticks >= earlier.get((stat.pid, stat.started), LARGEST)
    }


def _memory(reading: Reading, pid: str, limit: int, where: dict[str, str]) -> Iterator[Sample]:
    try:
        held = kilobytes(reading.status.get(pid, b""), "VmRSS")
    except Unreadable:
        return  # it is not among the likely ones, or ended: its size is unknown
    yield processes.MEMORY(held, **where)
    if limit:
        yield processes.MEMORY_RATIO(held / limit, **where)


def _rates(first: Reading, second: Reading, pid: str, seconds: float, where: dict[str, str]) -> Iterator[Sample]:
    for quantity, told, names in (
        (processes.SLEEPS, (first.status, second.status), ("voluntary_ctxt_switches",)),
        (processes.IO, (first.io, second.io), ("rchar", "wchar")),
    ):
        counts = [_counted(contents.get(pid, b""), names) for contents in told]
        if counts[0] is not None and counts[1] is not None and counts[1] >= counts[0]:
            yield quantity((counts[1] - counts[0]) / seconds, **where)


def _counted(content: bytes, names: tuple[str, ...]) -> int | None:
    counts = {}
    for line in words(content).splitlines():
        name, _, count = line.partition(":")
        if name in names:
            try:
                counts[name] = number(count.strip())
            except Unreadable:
                return None
    return sum(counts.values()) if len(counts) == len(names) else None


PROBE = Probe(
    "processes",
    gives=processes.ALL,
    read=read,
    understand=understand,
    twice=True,
    reads=(PROC, f"{PROC}/PID/stat", f"{PROC}/PID/status", f"{PROC}/PID/io", UPTIME, MEMINFO),
)

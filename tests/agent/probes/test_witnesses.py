"""Our numbers against another witness on the very machine this runs on."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from agent.hosts.local_linux import LocalLinux
from agent.probes import (
    disk_linux,
    memory_linux,
    network_linux,
    ports_linux,
    processes_linux,
    system_linux,
)
from agent.probes.base import BETWEEN_READINGS, Unreadable
from contract.sample import Sample, Value

pytestmark = pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="the witnesses are Linux tools")


def witness(*argv: str) -> list[list[str]]:
    """Return the words of each line that the witness says."""
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed here")
    said = subprocess.run(
        argv, capture_output=True, text=True, check=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    )
    return [line.split() for line in said.stdout.splitlines()]


def named(samples: list[Sample], name: str, label: str = "") -> dict[str, Value]:
    return {sample.where.get(label, ""): sample.value for sample in samples if sample.name == name}


def number(value: Value) -> float:
    return float(value)


def test_memory_agrees_with_free() -> None:
    """Limits exactly; what is available within 3 % of all memory: other programs run between the two looks."""
    samples = list(memory_linux.understand(memory_linux.read(LocalLinux())))
    _, memory, swap, *_ = witness("free", "--bytes", "--wide")
    limit = int(memory[1])
    assert named(samples, "system.memory.limit")[""] == limit
    assert number(named(samples, "system.linux.memory.available")[""]) == pytest.approx(
        int(memory[-1]), abs=limit * 0.03
    )
    assert named(samples, "system.paging.limit")[""] == int(swap[1])


def test_disks_agree_with_df() -> None:
    """Sizes exactly; used and free within 1 % of the disk, the share within one point of the percent that df shows."""
    samples = list(disk_linux.understand(disk_linux.read(LocalLinux())))
    ours = {
        name: named(samples, f"system.filesystem.{name}", "mount")
        for name in ("limit", "usage.used", "usage.free", "utilization")
    }
    said = {line[-1]: line for line in witness("df", "--block-size=1", "--portability", "--local")[1:]}
    assert "/" in ours["limit"]
    for mount, limit in ours["limit"].items():
        _, total, used, free, percent, _ = said[mount]
        assert limit == int(total)
        assert number(ours["usage.used"][mount]) == pytest.approx(int(used), abs=int(total) * 0.01)
        assert number(ours["usage.free"][mount]) == pytest.approx(int(free), abs=int(total) * 0.01)
        # df rounds up to the next whole percent.
        assert number(ours["utilization"][mount]) * 100 == pytest.approx(int(percent.rstrip("%")) - 0.5, abs=1.5)


def test_inodes_agree_with_df() -> None:
    """Limits exactly; free ones within 1 %."""
    samples = list(disk_linux.understand(disk_linux.read(LocalLinux())))
    said = {line[-1]: line for line in witness("df", "--inodes", "--portability", "--local")[1:]}
    for mount, limit in named(samples, "filesystem.inodes", "mount").items():
        _, total, _, free, _, _ = said[mount]
        assert limit == int(total)
        assert number(named(samples, "filesystem.inodes_free", "mount")[mount]) == pytest.approx(
            int(free), abs=int(total) * 0.01
        )


def heard(*options: str) -> set[tuple[str, str]]:
    lines = witness("ss", "--no-header", "--listening", "--numeric", *options)
    return {(address, port) for address, _, port in (line[3].rpartition(":") for line in lines)}


def test_listening_ports_agree_with_ss() -> None:
    """Exactly, but for ports that came or went between two looks of ss around ours; one of our own is always there."""
    with socket.create_server(("127.0.0.1", 0)) as own:
        before = heard("--tcp")
        samples = list(ports_linux.understand(ports_linux.read(LocalLinux())))
        after = heard("--tcp")
        port = str(own.getsockname()[1])
    ours = {
        (f"[{where['address']}]" if ":" in where["address"] else where["address"], where["port"])
        for where in (sample.where for sample in samples)
        if where["protocol"] == "tcp"
    }
    # ss writes "*" for a socket that hears both families, and "%lo" behind an address bound to one interface.
    before, after = (
        {(address.replace("*", "[::]").split("%")[0], number) for address, number in each} for each in (before, after)
    )
    assert ("127.0.0.1", port) in ours
    assert before & after <= ours <= before | after


def programs_of_ps() -> dict[str, list[str]]:
    """Return what ps says of every program, by number; it shows the kernel's own threads with no memory at all."""
    said = {line[0]: line for line in witness("ps", "-e", "-o", "pid=,rss=,vsz=,comm=")}
    return {pid: line for pid, line in said.items() if line[2] != "0"}


@pytest.mark.slow
def test_processes_agree_with_ps() -> None:
    """The count within five of before and after: programs start and end. Memory of the biggest within 10 %."""
    host = LocalLinux()
    first = processes_linux.read(host)
    host.wait(BETWEEN_READINGS)
    before = programs_of_ps()
    samples = list(processes_linux.understand(first, processes_linux.read(host)))
    programs = programs_of_ps()
    counts = sorted((len(before), len(programs)))
    assert counts[0] - 5 <= number(named(samples, "system.process.count")[""]) <= counts[1] + 5
    compared = 0
    for pid, held in named(samples, "process.memory.usage", "pid").items():
        if pid in programs:
            compared += 1
            assert number(held) == pytest.approx(int(programs[pid][1]) * 1024, rel=0.1, abs=512 * 1024)
    assert compared


@pytest.mark.slow
def test_a_program_that_burns_a_core_is_seen_burning_it() -> None:
    """Between 0.15 and 1.1 of one processor: others use the computer as well. And it never sleeps."""
    burning = subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"])
    try:
        host = LocalLinux()
        first = processes_linux.read(host)
        host.wait(BETWEEN_READINGS)
        samples = list(processes_linux.understand(first, processes_linux.read(host)))
    finally:
        burning.kill()
        burning.wait()
    pid = str(burning.pid)
    assert 0.15 < number(named(samples, "process.cpu_cores", "pid")[pid]) < 1.1
    assert number(named(samples, "process.sleeps_per_second", "pid")[pid]) < 1


def test_uptime_agrees_with_the_kernel() -> None:
    """Within a tenth of a second and what passes between the looks."""
    samples = list(system_linux.understand(system_linux.read(LocalLinux())))
    kernel = float(Path("/proc/uptime").read_text().split()[0])
    assert number(named(samples, "system.uptime")[""]) == pytest.approx(kernel, abs=2)


def test_the_way_out_agrees_with_ip() -> None:
    """Exactly."""
    samples = list(network_linux.understand(network_linux.read(LocalLinux())))
    routes = witness("ip", "route", "show", "default") + witness("ip", "-6", "route", "show", "default")
    assert named(samples, "net.has_gateway")[""] is any("via" in route for route in routes)
    addresses = witness("ip", "-oneline", "address", "show", "scope", "global")
    assert named(samples, "net.has_address")[""] is bool(addresses)


@pytest.mark.slow
def test_a_whole_look_is_cheap() -> None:
    """Below 300 ms of processor time: the cure must not be felt. What asks servers is left out: tests send nothing."""
    import resource  # noqa: PLC0415 - not on Windows

    from agent.hosts.base import HostError  # noqa: PLC0415 - with the probes
    from agent.probes.catalogue import PROBES  # noqa: PLC0415 - the import is not what is measured

    def spent() -> float:
        return sum(
            usage.ru_utime + usage.ru_stime
            for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        )

    host, begun = LocalLinux(), spent()
    for probe in PROBES:
        if probe.asks:
            continue
        try:
            readings = [probe.read(host) for _ in range(2 if probe.twice else 1)]
            list(probe.understand(*readings))
        except (HostError, Unreadable):
            continue
    assert spent() - begun < 0.3

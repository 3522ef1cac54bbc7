"""The list of all probes."""

import json
import subprocess
import sys

import pytest

from agent.probes.catalogue import PROBES, QUANTITIES, describe, probes_for, probes_giving

# What rules and playbooks are written against. A name taken away here breaks somebody's rule.
PROMISED = set(
    """
os.name os.family os.version os.init os.elevated system.uptime
system.cpu.logical.count system.cpu.utilization system.cpu.load_average.1m system.cpu.load_average.5m
system.cpu.load_average.15m
pressure.cpu_some_ratio pressure.memory_some_ratio pressure.memory_full_ratio pressure.io_full_ratio
system.memory.limit system.linux.memory.available system.memory.utilization system.paging.limit system.paging.usage
memory.oom_kills
system.filesystem.limit system.filesystem.usage.used system.filesystem.usage.free system.filesystem.utilization
filesystem.inodes filesystem.inodes_free filesystem.inode_utilization filesystem.read_only filesystem.type
journal.used_bytes packages.cache_bytes
process.cpu_cores process.cpu_lifetime_ratio process.uptime process.memory.usage process.memory_ratio
process.io_bytes_per_second process.sleeps_per_second process.nice system.process.count processes.zombie_count
processes.stuck_count
net.interface_up system.network.errors net.gateway_reachable net.has_gateway net.has_address net.listening
dns.server_configured dns.system_answer_seconds dns.other_answer_seconds dns.other_server dns.managed_by
clock.sync_enabled clock.synchronised clock.offset_seconds clock.sources_agree clock.error_seconds
service.failed service.active service.result service.restarts services.failed_count
journal.errors_since_boot journal.errors_by_identifier
""".split()  # noqa: SIM905 - one quantity a line would hide the groups
)


def test_every_promised_quantity_is_given_by_one_probe() -> None:
    """A rule's name would mean two things, or nothing."""
    given = [quantity.name for probe in PROBES for quantity in probe.gives]
    assert len(given) == len(set(given))
    assert set(given) >= PROMISED
    assert set(QUANTITIES) == set(given)


def test_probes_are_found_by_what_they_give() -> None:
    """A repair that verifies one number would look at the whole machine, or not at all."""
    names = ["system.filesystem.utilization", "dns.managed_by", "no.such.thing"]
    assert [probe.name for probe in probes_giving(names)] == ["disk", "dns"]


def test_probes_know_their_system() -> None:
    """Windows would be asked for /proc."""
    assert probes_for("linux") == PROBES
    assert probes_for("windows") == ()


def test_every_probe_says_what_it_touches() -> None:
    """The page "everything we may look at on your machine" would be silent about something."""
    described = describe()
    json.dumps(described)
    assert [probe["name"] for probe in described] == [probe.name for probe in PROBES]
    for probe in described:
        assert probe["reads"] or probe["runs"] or probe["asks"]
        for quantity in probe["quantities"]:
            assert quantity["meaning"].endswith(".")
            assert quantity["unit"]


@pytest.mark.slow
def test_importing_the_catalogue_is_cheap() -> None:
    """Every ``feldsher`` command would wait for it."""
    timed = (
        "import time, msgspec, socket, contract.report, agent.hosts.base\n"
        "begun = time.process_time()\n"
        "import agent.probes.catalogue\n"
        "print(time.process_time() - begun)"
    )
    command = [sys.executable, "-c", timed]
    # The best of three: the first may have to compile.
    took = min(float(subprocess.run(command, capture_output=True, check=True, text=True).stdout) for _ in range(3))
    assert took < 0.03

"""Every probe there is, and every quantity it gives. To add a probe, add a line."""

from collections.abc import Iterable
from typing import Any

from agent.probes import (
    caches_linux,
    clock_linux,
    cpu_linux,
    disk_linux,
    dns_linux,
    journal_linux,
    memory_linux,
    network_linux,
    ports_linux,
    pressure_linux,
    processes_linux,
    services_linux,
    system_linux,
)
from agent.probes.base import Probe
from contract.sample import Quantity

PROBES: tuple[Probe, ...] = (
    system_linux.PROBE,
    cpu_linux.PROBE,
    pressure_linux.PROBE,
    memory_linux.PROBE,
    disk_linux.PROBE,
    caches_linux.PROBE,
    processes_linux.PROBE,
    network_linux.PROBE,
    ports_linux.PROBE,
    dns_linux.PROBE,
    clock_linux.PROBE,
    services_linux.PROBE,
    journal_linux.PROBE,
)

QUANTITIES: dict[str, Quantity] = {quantity.name: quantity for probe in PROBES for quantity in probe.gives}


def probes_for(os_name: str) -> tuple[Probe, ...]:
    """Return the probes that know this operating system."""
    return tuple(probe for probe in PROBES if os_name in probe.os)


def probes_giving(names: Iterable[str]) -> tuple[Probe, ...]:
    """Return the probes that can yield any of the quantities *names*."""
    wanted = set(names)
    return tuple(probe for probe in PROBES if any(quantity.name in wanted for quantity in probe.gives))


def describe() -> list[dict[str, Any]]:
    """Return every probe in plain values, for the page of everything we may look at."""
    return [
        {
            "name": probe.name,
            "os": list(probe.os),
            "every_seconds": probe.every.total_seconds(),
            "reads": list(probe.reads),
            "runs": [" ".join(argv) for argv in probe.runs],
            "asks": list(probe.asks),
            "quantities": [
                {
                    "name": quantity.name,
                    "unit": quantity.unit,
                    "meaning": quantity.meaning,
                    "labels": list(quantity.labels),
                    "privacy": quantity.privacy.value,
                }
                for quantity in probe.gives
            ],
        }
        for probe in PROBES
    ]

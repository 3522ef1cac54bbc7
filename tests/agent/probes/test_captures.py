"""Every probe, against every machine we have a capture of. Adding a machine: ``tests/captures/README.md``."""

import json
from pathlib import Path

import pytest

from agent.hosts.recorded import Recorded
from agent.probes.base import Probe
from agent.probes.catalogue import PROBES
from tests.captures.record import CAPTURES, seen

MACHINES = sorted(path.parent for path in CAPTURES.glob("*/facts.json"))


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)
@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_sees_what_was_there(machine: Path, probe: Probe) -> None:
    """Whoever changes a probe would learn from a customer what it now makes of their machine."""
    expected = json.loads((machine / "expected" / f"{probe.name}.json").read_text())
    assert seen(Recorded(machine), probe) == expected


def test_there_are_machines() -> None:
    """A folder that moved would turn all of the above into nothing."""
    assert {"debian12-server", "small-vm", "ubuntu-laptop-sick"} <= {machine.name for machine in MACHINES}


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.name)
def test_samples_are_as_the_catalogue_promises(machine: Path) -> None:
    """A rule that reads the promise would compare a label or a kind of value that never comes."""
    for probe in PROBES:
        promised = {quantity.name: quantity for quantity in probe.gives}
        for sample in seen(Recorded(machine), probe)["samples"]:
            quantity = promised[sample["name"]]
            assert set(sample["where"]) == set(quantity.labels)
            assert isinstance(sample["value"], bool) == (quantity.unit == "bool"), sample
            assert isinstance(sample["value"], str) == (quantity.unit == "text"), sample

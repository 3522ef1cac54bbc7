"""The machine's own facts."""

from pathlib import Path

from agent.probes import system_linux
from contract.sample import Sample, Value
from tests.fakes.capture import captured


def by_name(samples: list[Sample]) -> dict[str, Value]:
    return {sample.name: sample.value for sample in samples}


def test_the_machine_says_what_it_is(tmp_path: Path) -> None:
    """Rules and playbooks choose by family and version."""
    host = captured(tmp_path, files={"/proc/uptime": "3725.50 100.00\n"}, facts={"family": "rhel", "elevated": False})
    seen = by_name(list(system_linux.understand(system_linux.read(host))))
    assert (seen["os.family"], seen["os.name"], seen["os.elevated"], seen["os.init"]) == (
        "rhel",
        "linux",
        False,
        "systemd",
    )
    assert seen["system.uptime"] == 3725.5

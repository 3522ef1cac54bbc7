"""Pressure."""

from pathlib import Path

import pytest

from agent.hosts.base import NotThere
from agent.probes import pressure_linux
from contract.sample import Sample, Value
from tests.fakes.capture import captured


def by_name(samples: list[Sample]) -> dict[str, Value]:
    return {sample.name: sample.value for sample in samples}


def test_pressure_is_a_share_of_ten_seconds() -> None:
    """The kernel writes percent; a rule compares with a share."""
    lines = b"some avg10=12.50 avg60=1.00 avg300=0.00 total=1\nfull avg10=99.99 avg60=1.00 avg300=0.00 total=1\n"
    seen = by_name(list(pressure_linux.understand(pressure_linux.Reading(lines, lines, lines))))
    assert seen["pressure.cpu_some_ratio"] == 0.125
    assert seen["pressure.io_full_ratio"] == pytest.approx(0.9999)


def test_a_kernel_without_pressure_is_not_one_without_load(tmp_path: Path) -> None:
    """Zero pressure would speak against every cause."""
    with pytest.raises(NotThere):
        pressure_linux.read(captured(tmp_path, files={"/proc/loadavg": "0 0 0 1/1 1"}))

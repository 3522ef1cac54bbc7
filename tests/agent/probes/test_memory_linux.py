"""Memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.probes import memory_linux
from agent.probes.base import Unreadable
from contract.sample import Sample, Value


def by_name(samples: list[Sample]) -> dict[str, Value]:
    return {sample.name: sample.value for sample in samples}


MEMINFO = (
    "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 600 kB\nSwapTotal: 100 kB\nSwapFree: 75 kB\nHugePages_Total: 0\n"
)


def memory(meminfo: str = MEMINFO, vmstat: str = "oom_kill 2\n") -> dict[str, Value]:
    return by_name(list(memory_linux.understand(memory_linux.Reading(meminfo.encode(), vmstat.encode()))))


def test_the_page_cache_is_not_used_memory() -> None:
    """By MemFree every machine is full after a day."""
    seen = memory()
    assert seen["system.memory.utilization"] == pytest.approx(0.4)
    assert seen["system.linux.memory.available"] == 600 * 1024
    assert seen["system.paging.usage"] == 25 * 1024
    assert seen["memory.oom_kills"] == 2


def test_an_old_kernel_cannot_tell_of_kills() -> None:
    """Zero would say that there were none."""
    assert "memory.oom_kills" not in memory(vmstat="nr_free_pages 3\n")


@pytest.mark.parametrize(
    "meminfo", ["", "MemTotal: 0 kB\nMemAvailable: 0 kB\n", MEMINFO.replace("kB", "MB"), MEMINFO.replace("600", "-600")]
)
def test_memory_that_makes_no_sense_is_refused(meminfo: str) -> None:
    """A sum of it would be told to a customer."""
    with pytest.raises(Unreadable):
        memory(meminfo)


@given(limit=st.integers(1, 2**50), available=st.integers(0, 2**50))
def test_memory_utilization_is_always_a_share(limit: int, available: int) -> None:
    """With memory hot-plugged there can be more available than there is."""
    text = f"MemTotal: {limit} kB\nMemAvailable: {available} kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"
    assert 0 <= float(memory(text)["system.memory.utilization"]) <= 1

"""Processors."""

from hypothesis import given
from hypothesis import strategies as st

from agent.probes import cpu_linux
from agent.probes.base import Unreadable
from contract.sample import Sample, Value
from tests.fakes.capture import until_unreadable


def by_name(samples: list[Sample]) -> dict[str, Value]:
    return {sample.name: sample.value for sample in samples}


counts = st.integers(0, 10**12)


def cpu(*counters: int) -> cpu_linux.Reading:
    line = "cpu  " + " ".join(map(str, counters))
    return cpu_linux.Reading(f"{line}\ncpu0 1 2 3\ncpu1 1 2 3\nintr 5\n".encode(), b"1.50 0.75 0.25 2/300 4242\n")


def test_utilization_is_what_was_not_idle() -> None:
    """Waiting for a disk is not work; time stolen by a hypervisor is not idleness."""
    first, second = cpu(0, 0, 0, 0, 0, 0, 0, 0), cpu(20, 5, 10, 40, 10, 3, 2, 10)
    seen = by_name(list(cpu_linux.understand(first, second)))
    assert seen["system.cpu.utilization"] == 0.5
    assert seen["system.cpu.logical.count"] == 2
    assert seen["system.cpu.load_average.15m"] == 0.25


@given(st.lists(st.tuples(counts, counts), min_size=5, max_size=10))
def test_utilization_is_always_a_share(counters: list[tuple[int, int]]) -> None:
    """The kernel's own counters run backwards now and then; a share above one opens a ticket."""
    first, second = cpu(*(pair[0] for pair in counters)), cpu(*(pair[1] for pair in counters))
    try:
        seen = by_name(list(cpu_linux.understand(first, second)))
    except Unreadable:
        assert all(later <= earlier for earlier, later in counters[:8])
    else:
        assert 0 <= float(seen["system.cpu.utilization"]) <= 1


def test_counters_that_stand_still_are_no_idleness() -> None:
    """A recording with one reading only would show a sleeping machine."""
    samples, why = until_unreadable(cpu_linux.understand(cpu(1, 2, 3, 4, 5), cpu(1, 2, 3, 4, 5)))
    assert "stood still" in why
    assert "system.cpu.load_average.1m" in by_name(samples)

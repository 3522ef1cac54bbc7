"""Whatever a machine says, a probe answers with samples, with one of the host's four errors, or with `Unreadable`."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.hosts.base import HostError, NotThere, Ran, Space
from agent.hosts.recorded import Recorded
from agent.probes.base import BETWEEN_READINGS, Probe, Unreadable
from agent.probes.catalogue import PROBES
from agent.probes.plain import LARGEST
from contract.sample import Sample
from tests.captures.record import CAPTURES

MACHINES = [CAPTURES / "ubuntu-laptop-sick", CAPTURES / "debian12-server"]
Spoil = Callable[[bytes], bytes]
few = settings(max_examples=20, deadline=None)

NASTY = [
    *(b"", b"\n", b"\0", b"\xff\xfe\xfa", b"-1", b"18446744073709551616", b"9" * 400, "٣".encode(), b"1_000", b"nan"),
    *(b" : ", b"=", b"()", b") (", b"kB", b"\\040\\", b"\x1b[2J", b"avg10=", b"cpu ", b"\r\n\r\n", b'{"a":', b"-- "),
]


class Spoilt(Recorded):
    """A captured machine whose every word went through *spoil*."""

    def __init__(self, folder: Path, spoil: Spoil, space: Space | None = None) -> None:
        super().__init__(folder)
        self._spoil = spoil
        self._space = space

    def read(self, path: str, limit_bytes: int = 1024 * 1024) -> bytes:
        """Spoil a file."""
        return self._spoil(super().read(path, limit_bytes))[:limit_bytes]

    def space(self, path: str) -> Space:
        """Give the made-up room."""
        return self._space or super().space(path)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] | None = None,
        time_limit: timedelta = timedelta(seconds=10),
    ) -> Ran:
        """Spoil the output."""
        ran = super().run(argv, stdin=stdin, environment=environment, time_limit=time_limit)
        return Ran(ran.exit_code, self._spoil(ran.stdout), ran.stderr, ran.took)

    def ask(self, address: str, port: int, payload: bytes, time_limit: timedelta) -> bytes:
        """Spoil the answer."""
        return self._spoil(super().ask(address, port, payload, time_limit))


def look_at(host: Recorded, probe: Probe) -> list[Sample]:
    """Return what *probe* yields before it says that it cannot go on."""
    samples: list[Sample] = []
    try:
        readings = [probe.read(host)]
        if probe.twice:
            host.wait(BETWEEN_READINGS)
            readings.append(probe.read(host))
        samples.extend(probe.understand(*readings))
    except (HostError, Unreadable):
        pass
    return samples


def is_sound(sample: Sample) -> bool:
    """Tell whether *sample* can be kept, sent and shown: no number a database refuses, no character that hides."""
    match sample.value:
        case str(text):
            if not text.isprintable():
                return False
        case float(number):
            if not math.isfinite(number):
                return False
        case int(number):
            if abs(number) > LARGEST:
                return False
    return all(value.isprintable() and value.encode() for value in sample.where.values())


def check(spoil: Spoil, probe: Probe, space: Space | None = None) -> None:
    for machine in MACHINES:
        for sample in look_at(Spoilt(machine, spoil, space), probe):
            assert is_sound(sample), sample


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
@few
@given(junk=st.binary(max_size=300) | st.sampled_from(NASTY))
def test_nonsense_instead_of_every_answer(probe: Probe, junk: bytes) -> None:
    """A broken driver or a kernel of tomorrow would end the whole checkup."""
    check(lambda _: junk, probe)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
@few
@given(share=st.floats(0, 1))
def test_answers_cut_short(probe: Probe, share: float) -> None:
    """A file read while it was being written, or a cut command, would be taken for something else."""
    check(lambda content: content[: int(len(content) * share)], probe)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
@few
@given(junk=st.binary(max_size=8) | st.sampled_from(NASTY), share=st.floats(0, 1), length=st.integers(0, 20))
def test_answers_with_one_place_damaged(probe: Probe, junk: bytes, share: float, length: int) -> None:
    """One odd field among good ones is what really happens."""

    def spoil(content: bytes) -> bytes:
        at = int(len(content) * share)
        return content[:at] + junk + content[at + length :]

    check(spoil, probe)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
@few
@given(junk=st.sampled_from(NASTY), number=st.sampled_from([b"0", b"1", b"4", b"000000", b"yes", b"kB"]))
def test_every_number_of_one_kind_replaced(probe: Probe, junk: bytes, number: bytes) -> None:
    """Negative sizes, 2^64 and digits of other scripts: what a kernel prints when something in it overflowed."""
    check(lambda content: content.replace(number, junk), probe)


@few
@given(numbers=st.lists(st.integers(-(2**65), 2**65), min_size=5, max_size=5))
def test_room_that_cannot_be(numbers: list[int]) -> None:
    """A filesystem that counts below zero would show as 4 exabytes free, or stop the report at the database."""
    disk = next(probe for probe in PROBES if probe.name == "disk")
    check(lambda content: content, disk, Space(*numbers))


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name)
def test_an_empty_machine_is_not_a_healthy_one(probe: Probe, tmp_path: Path) -> None:
    """Finding nothing would be read as: nothing is wrong."""
    for name in ("facts.json", "clock.json"):
        (tmp_path / name).write_bytes((MACHINES[1] / name).read_bytes())
    with pytest.raises(NotThere):
        probe.read(Recorded(tmp_path))

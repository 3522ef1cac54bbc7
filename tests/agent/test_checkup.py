"""One look: every probe asked, none able to spoil it for the others."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

from agent.checkup import look
from agent.hosts.base import Host, NotAllowed, NotThere
from agent.probes.base import Probe, Unreadable
from contract.sample import Quantity, Sample
from tests.fakes.quiet_host import QuietHost

HEAT = Quantity("made.up.heat", "Cel", "How warm it is.")
RATE = Quantity("made.up.rate", "1", "How fast it counts.")


def say(*readings: Any) -> Iterator[Sample]:
    yield HEAT(readings[0])


def probe(name: str, **parts: Any) -> Probe:
    return Probe(name=name, gives=(HEAT,), **({"read": lambda _host: 21, "understand": say} | parts))


def asked(*probes: Probe, host: QuietHost | None = None) -> tuple[list[Any], dict[str, str]]:
    seen = look(cast("Host", host or QuietHost()), probes)
    return [sample.value for sample in seen.samples], {gap.probe: gap.reason for gap in seen.not_seen}


def refuse(host: Host) -> int:
    raise NotAllowed("/etc/shadow", "needs root")


def absent(host: Host) -> int:
    raise NotThere("/run/systemd", "no systemd here")


def babble(*readings: Any) -> Iterator[Sample]:
    raise Unreadable("three columns, not four")
    yield HEAT(0)


def test_a_probe_that_fails_costs_the_others_nothing() -> None:
    """A customer with one broken driver must still learn that the disk is full."""
    values, gaps = asked(
        probe("well"), probe("refused", read=refuse), probe("absent", read=absent), probe("odd", understand=babble)
    )
    assert values == [21]
    assert gaps == {"refused": "not-allowed", "absent": "not-there", "odd": "unreadable"}


def half(*readings: Any) -> Iterator[Sample]:
    yield HEAT(20)
    raise Unreadable("the second sensor is cut short")


def test_what_was_understood_before_a_complaint_counts() -> None:
    """One broken memory stick must not hide that the system disk is full."""
    values, gaps = asked(probe("half", understand=half))
    assert values == [20]
    assert gaps == {"half": "unreadable"}


def test_a_probe_that_hangs_is_left_behind() -> None:
    """A dead file server must not hold up the report for ever."""
    host = QuietHost()
    hanging = probe("hung", read=lambda _host: host.hang.wait(10), time_limit=timedelta(0))
    try:
        values, gaps = asked(hanging, probe("well"), host=host)
    finally:
        host.hang.set()
    assert values == [21]
    assert gaps == {"hung": "too-slow"}


def test_a_rate_is_two_readings_apart_in_time() -> None:
    """A load seen in one instant says nothing about the load."""

    def speed(first: float, second: float) -> Iterator[Sample]:
        yield RATE(second - first)

    rate = Probe("rate", (RATE,), read=lambda host: host.elapsed(), understand=speed, twice=True)
    values, gaps = asked(rate)
    assert values == [0.5]
    assert not gaps


def test_a_rate_whose_second_reading_fails_is_listed() -> None:
    """A process list that vanished half way must not come out as all zeros."""
    answers = iter([1])

    def once(host: Host) -> int:
        try:
            return next(answers)
        except StopIteration:
            raise NotThere("/proc", "gone") from None

    values, gaps = asked(probe("rate", read=once, twice=True))
    assert values == []
    assert gaps == {"rate": "not-there"}

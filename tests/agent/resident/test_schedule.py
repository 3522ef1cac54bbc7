"""When vitals and checkups are due."""

from datetime import UTC, datetime, timedelta

import pytest

from agent.resident.schedule import SOONEST, Schedule, start

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def begun(
    host: str = "host-1", last: datetime | None = NOW, now: datetime = NOW, monotonic: float = 1000.0
) -> Schedule:
    return start(
        host=host,
        vitals_every=timedelta(minutes=1),
        checkup_every=FIVE,
        last_checkup=last,
        now=now,
        monotonic=monotonic,
    )


def test_every_host_has_its_own_moment_and_keeps_it() -> None:
    """A thousand machines must not look, and report, in the same second."""
    moments = {(NOW.timestamp() + begun(f"host-{number}").checkup_at) % 300 for number in range(200)}
    assert len({int(moment) for moment in moments}) > 100
    later = NOW + timedelta(seconds=77)
    first, second = begun(), begun(last=NOW, now=later, monotonic=5.0)
    assert first.checkup_at - 1000 + NOW.timestamp() == pytest.approx(
        (second.checkup_at - 5 + later.timestamp()), abs=0.01
    ) or (second.checkup_at - 5 + later.timestamp() - first.checkup_at + 1000 - NOW.timestamp()) == pytest.approx(
        300, abs=0.01
    )


@pytest.mark.parametrize(
    "last", [None, NOW - timedelta(hours=9), NOW + timedelta(days=3650), NOW + timedelta(seconds=1)]
)
def test_who_missed_a_turn_or_cannot_know_looks_soon(last: datetime | None) -> None:
    """A machine that slept through the night, or whose clock was ten years ahead, is looked at within half a minute."""
    assert 2 <= begun(last=last).checkup_at - 1000 <= 32


def test_a_restart_does_not_make_it_look_at_once() -> None:
    """A service that crashes every ten seconds must not do checkups every ten seconds."""
    waits = [begun(f"host-{number}", last=NOW - timedelta(seconds=10)).checkup_at - 1000 for number in range(50)]
    assert max(waits) > 100
    assert all(0 <= wait < 300 for wait in waits)


def test_the_rhythm_does_not_drift() -> None:
    """Each turn counts from the one before, not from when it was served."""
    schedule = begun()
    due = schedule.vitals_at
    assert schedule.after_vitals(due + 3.5).vitals_at == due + 60


def test_after_a_night_asleep_one_look_is_enough() -> None:
    """A laptop that wakes must not do ninety checkups in a row."""
    schedule = begun()
    woken = schedule.checkup_at + 8 * 3600 + 1
    after = schedule.after_checkup(woken)
    assert woken < after.checkup_at <= woken + 300


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        (NOW + timedelta(seconds=90), 90),
        (NOW - timedelta(days=3650), SOONEST.total_seconds()),
        (NOW + timedelta(days=3650), 300),
    ],
)
def test_a_second_look_comes_when_asked_for_and_never_in_a_storm(at: datetime, seconds: float) -> None:
    """A clock that jumps between the hands' reading and ours must do no harm."""
    again = begun()._replace(checkup_at=5000.0).looking_again(at, NOW, 1000.0)
    assert again.checkup_at == 1000 + seconds


def test_a_second_look_never_puts_off_the_next_one() -> None:
    """The promised rhythm is the least that happens."""
    soon = begun()._replace(checkup_at=1010.0)
    assert soon.looking_again(NOW + timedelta(seconds=90), NOW, 1000.0).checkup_at == 1010.0

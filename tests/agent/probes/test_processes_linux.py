"""Running programs: who is busy, who is big, who is not ours."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.probes import processes_linux
from agent.probes.base import BETWEEN_READINGS, Unreadable
from agent.probes.processes_linux import BIGGEST, BUSIEST, Reading, understand
from contract.sample import Sample
from tests.fakes.capture import captured, until_unreadable

MEMINFO = b"MemTotal:  1000000 kB\n"


def stat(  # noqa: PLR0913 - the fields of the file
    pid: int,
    ticks: int = 0,
    *,
    name: str = "app",
    state: str = "S",
    started: int = 1000,
    pages: int = 10,
    flags: int = 0,
) -> bytes:
    fields = f"{state} 1 1 1 0 -1 {flags} 0 0 0 0 {ticks} 0 0 0 20 0 1 0 {started} 1 {pages} 0 0"
    return f"{pid} ({name}) {fields}\n".encode()


def reading(stats: dict[str, bytes], at: float, **more: object) -> Reading:
    closer = {pid: f"VmRSS:\t{40 * (1 + number)} kB\n".encode() for number, pid in enumerate(stats)}
    made = {"uptime": f"{1000 + at} 1".encode(), "meminfo": MEMINFO, "own": b"1 (me)", "left_out": 0, "io": {}}
    return Reading(**{**made, "at_seconds": at, "stats": stats, "status": closer, **more})  # type: ignore[arg-type]  # a test gives what it wants


def told(first: Reading, second: Reading) -> list[Sample]:
    return list(understand(first, second))


def of(samples: list[Sample], name: str) -> dict[str, object]:
    return {sample.where.get("pid", ""): sample.value for sample in samples if sample.name == name}


def test_a_core_kept_busy_is_one() -> None:
    """Half a second at a hundred ticks a second is fifty."""
    samples = told(reading({"7": stat(7, 100)}, 10.0), reading({"7": stat(7, 150)}, 10.5))
    assert of(samples, "process.cpu_cores") == {"7": 1.0}


def test_another_process_under_a_reused_number_is_not_the_same() -> None:
    """The newcomer would be charged with the life of the one before it."""
    samples = told(reading({"7": stat(7, 100)}, 10.0), reading({"7": stat(7, 99999, started=2000)}, 10.5))
    assert of(samples, "process.cpu_cores") == {}
    assert samples[-1].where["started"] == "2000"


def test_our_own_process_is_not_the_illness() -> None:
    """We work while we look; telling that would send a technician after ourselves."""
    stats = [{"7": stat(7, 0), "8": stat(8, ticks)} for ticks in (0, 50)]
    samples = told(reading(stats[0], 0, own=b"8 (me) R"), reading(stats[1], 0.5, own=b"8 (me) R"))
    assert set(of(samples, "process.cpu_cores")) == {"7"}
    assert of(samples, "system.process.count") == {"": 2}


def test_the_kernels_own_threads_are_no_processes() -> None:
    """Nobody can end kworker, and nobody should try."""
    stats = {"2": stat(2, 50, flags=0x00208040), "7": stat(7)}
    samples = told(reading(stats, 0), reading(stats, 0.5))
    assert of(samples, "system.process.count") == {"": 1}
    assert set(of(samples, "process.uptime")) == {"7"}


def test_only_the_busiest_and_the_biggest_are_told() -> None:
    """A report with a thousand processes is read by nobody, and tells more of a person than we need."""
    first = {str(n): stat(n, 0, pages=n) for n in range(100, 200)}
    second = {str(n): stat(n, 200 - n, pages=n) for n in range(100, 200)}
    pids = set(of(told(reading(first, 0), reading(second, 0.5)), "process.uptime"))
    assert pids == {str(n) for n in range(100, 100 + BUSIEST)} | {str(n) for n in range(200 - BIGGEST, 200)}


def test_stuck_and_zombie_mean_twice_in_a_row() -> None:
    """Every disk access is uninterruptible for a moment; every ended program a zombie for one."""
    first = {"1": stat(1, state="D"), "2": stat(2, state="D"), "3": stat(3, state="Z"), "4": stat(4, state="S")}
    second = {"1": stat(1, state="D"), "2": stat(2, state="S"), "3": stat(3, state="Z"), "4": stat(4, state="Z")}
    samples = told(reading(first, 0), reading(second, 0.5))
    assert of(samples, "processes.stuck_count") == {"": 1}
    assert of(samples, "processes.zombie_count") == {"": 1}


@pytest.mark.parametrize("name", ["a) (b", "a b", "(sd-pam)", ")", "", "7 (x) R 1", "a\nb"])
def test_a_name_may_hold_anything(name: str) -> None:
    """A program could hide by calling itself something with a bracket in it."""
    stats = {"7": stat(7, 5, name=name)}
    (program,) = {sample.where["program"] for sample in told(reading(stats, 0), reading(stats, 0.5)) if sample.where}
    assert program == name.replace("\n", "\\n")


def test_rates_of_sleep_and_bytes_are_per_second() -> None:
    """A program that turns in circles is known by not sleeping."""
    stats = {"7": stat(7)}
    status = [{"7": f"VmRSS: 4 kB\nvoluntary_ctxt_switches:\t{n}\n".encode()} for n in (10, 20)]
    io = [{"7": f"rchar: {n}\nwchar: {n}\nsyscr: 9\n".encode()} for n in (0, 500)]
    samples = told(reading(stats, 0, status=status[0], io=io[0]), reading(stats, 0.5, status=status[1], io=io[1]))
    assert of(samples, "process.sleeps_per_second") == {"7": 20.0}
    assert of(samples, "process.io_bytes_per_second") == {"7": 2000.0}


def test_bytes_we_may_not_see_are_absent_not_zero() -> None:
    """Zero would say that the program does nothing."""
    stats = {"7": stat(7)}
    assert of(told(reading(stats, 0), reading(stats, 0.5)), "process.io_bytes_per_second") == {}


def test_clocks_that_stand_still_give_no_rate() -> None:
    """Dividing by no time would be infinite, and burn a ticket."""
    stats = {"7": stat(7, 5)}
    assert of(told(reading(stats, 3.0), reading(stats, 3.0)), "process.cpu_cores") == {}


def test_garbled_ones_are_counted_and_the_others_told() -> None:
    """One process with a broken line would hide the one that eats the machine."""
    stats = {"7": stat(7), "8": b"8 (x) R not numbers", "9": b""}
    samples, why = until_unreadable(understand(reading(stats, 0), reading(stats, 0.5)))
    assert "1 that could not be understood" in why
    assert of(samples, "system.process.count") == {"": 1}


def test_processes_that_vanish_while_we_look_are_passed_over(tmp_path: Path) -> None:
    """On a busy machine some end between two lines of ours, every time."""
    host = captured(
        tmp_path,
        files={
            "/proc/7/stat": stat(7, 1),
            "/proc/7/status": "VmRSS: 4 kB\n",
            "/proc/8/stat": stat(8, 1),
            "/proc/self/stat": stat(1),
            "/proc/uptime": "100.00 1\n",
            "/proc/meminfo": MEMINFO,
        },
        folders={"/proc": ["7", "8", "9", "self", "uptime", "²"]},
        refusals=[{"path": "/proc/8", "reason": "not-there", "later": True}],
    )
    first = processes_linux.read(host)
    host.wait(BETWEEN_READINGS)
    samples = told(first, processes_linux.read(host))
    assert of(samples, "system.process.count") == {"": 1}


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["1", "2", "33"]), st.binary(max_size=120)), st.binary(max_size=40))
def test_any_bytes_are_understood_or_refused(stats: dict[str, bytes], junk: bytes) -> None:
    """A hundred thousand strange processes must not end the checkup."""
    with suppress(Unreadable):
        told(reading(stats, 0, meminfo=junk or MEMINFO), reading({**stats, "5": stat(5)}, 0.5, status={"5": junk}))

"""``make bench``: what Feldsher costs and how fast it is, in one run on this machine, beside a bare Python.

The resident is watched for BENCH_SECONDS (300) after a minute of being connected; everything else takes seconds.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from bench.load import CONNECTIONS, post_for
from bench.stage import FELDSHER, Stage, set_up
from collector.client import Client, read_context

WATCH_SECONDS = float(os.environ.get("BENCH_SECONDS", "300"))
SETTLE_SECONDS = min(60.0, WATCH_SECONDS)
STARTS = 15
ORDERS = 30
MIB = 1024 * 1024
PYTHON = (sys.executable, "-c", "pass")
CLICK = (sys.executable, "-c", "import click")
IDLE = (sys.executable, "-c", "print(flush=True); input()")


class Row(NamedTuple):
    """One line of the table. *beside* is what a bare Python takes, in the same unit; *most* or *least* the promise."""

    what: str
    unit: str
    value: float
    beside: float | None = None
    most: float | None = None
    least: float | None = None
    note: str = ""


def main() -> None:
    """Measure, print the table, and end with 1 when a promise is not kept."""
    rows = []
    for row in measure():
        rows.append(row)
        print(f"  {row.what}: {row.value:.4g} {row.unit}", file=sys.stderr, flush=True)
    print(as_table(rows))
    sys.exit(any(is_broken(row) for row in rows))


def measure() -> Iterator[Row]:
    """Yield each measurement as it is made, the ones that want a quiet machine first."""
    bare, with_click = took_ms(PYTHON), took_ms(CLICK)
    help_ms = took_ms((*FELDSHER, "--help"))
    yield Row("feldsher --help", "ms", help_ms, bare, most=120, note=f"import click alone: {with_click:.0f} ms")
    checkup = took_ms((*FELDSHER, "diagnose", "--json"), starts=5, may_exit=(0, 1))
    yield Row("checkup, cold (diagnose --json)", "ms", checkup, bare, most=1500)
    with set_up() as stage:
        yield from measure_idle(stage)
        yield from measure_orders(stage)
        report = subprocess.run((*FELDSHER, "diagnose", "--json"), capture_output=True, check=False).stdout
        seen = json.loads(report)
        yield measure_intake(stage, "report", seen)
        yield measure_intake(stage, "vitals", {"at": seen["at"], "samples": seen["samples"][:12]})


def measure_idle(stage: Stage) -> Iterator[Row]:
    """Watch the resident do nothing, connected."""
    with subprocess.Popen(IDLE, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bare:
        assert bare.stdout is not None
        bare.stdout.readline()
        beside = psutil.Process(bare.pid).memory_full_info().uss / MIB
        bare.communicate(b"\n")
    time.sleep(SETTLE_SECONDS)
    memory = psutil.Process(stage.resident).memory_full_info().uss / MIB
    yield Row(f"resident, private memory after {SETTLE_SECONDS:.0f} s connected", "MiB", memory, beside, most=14)
    before = cpu_seconds(stage.resident)
    time.sleep(WATCH_SECONDS)
    spent = cpu_seconds(stage.resident) - before
    yield Row(
        f"resident, processor time in {WATCH_SECONDS:.0f} s connected", "s", spent, most=0.05 * WATCH_SECONDS / 300
    )


def measure_orders(stage: Stage) -> Iterator[Row]:
    """Order a playbook that changes nothing, again and again, and wait for each verdict."""
    spent = []
    with Client(read_context(stage.context)) as client:
        ticket = client.open_ticket(stage.host, "bench")["number"]
        wish = {"kind": "repair", "host": stage.host, "playbook": "take-a-look", "params": {}, "ticket": str(ticket)}
        for _ in range(ORDERS):
            begun = time.perf_counter()
            order = client.order(wish)
            answer = order
            while answer["state"] in {"queued", "taken"}:  # a change of state wakes us too
                answer = client.order_as_it_is(str(order["order"]["id"]), 20.0)
            spent.append((time.perf_counter() - begun) * 1000)
            assert answer["evidence"]["verdict"] in {"fixed", "healthy"}, answer
    worst = max(spent)
    yield Row("order to verdict on the ticket, p50", "ms", median(spent), most=250, note=f"slowest {worst:.0f} ms")


def measure_intake(stage: Stage, kind: str, body: object) -> Row:
    """Let many connections post one kind of item, and count those acknowledged after they were on disk."""
    rate = post_for(stage, kind, json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode())
    note = f"{rate.item_bytes / 1024:.1f} KiB each, {CONNECTIONS} connections, {rate.sent - rate.kept} not kept"
    name = {"report": "reports"}.get(kind, kind)
    return Row(f"durable {name} over TLS into SQLite", "/s", rate.per_second, note=note)


def took_ms(argv: Sequence[str], starts: int = STARTS, may_exit: Sequence[int] = (0,)) -> float:
    """Return the median time *argv* takes from start to end."""
    spent = []
    for _ in range(starts):
        begun = time.perf_counter()
        ran = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        spent.append((time.perf_counter() - begun) * 1000)
        assert ran.returncode in may_exit, argv
    return median(spent)


def cpu_seconds(pid: int) -> float:
    """Return the processor time *pid* has had, to the nanosecond: ticks would round all of it away."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def is_broken(row: Row) -> bool:
    """Whether a promise is not kept."""
    return (row.most is not None and row.value > row.most) or (row.least is not None and row.value < row.least)


def as_table(rows: Sequence[Row]) -> str:
    """Return the measurements as a table."""
    head = ("", "measured", "bare Python", "ratio", "promised", "")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    cpus, python = psutil.cpu_count(), sys.version.split()[0]
    title = f"{cpus} processors, Python {python}, {os.uname().sysname} {os.uname().release.split('-')[0]}"
    text = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    return "\n".join([title, *text])


def _cells(row: Row) -> tuple[str, ...]:
    promise = (
        f"<= {_short(row.most)}" if row.most is not None else f">= {_short(row.least)}" if row.least is not None else ""
    )
    return (
        row.what,
        f"{_short(row.value)} {row.unit}",
        f"{_short(row.beside)} {row.unit}" if row.beside is not None else "",
        f"{row.value / row.beside:.1f}" if row.beside else "",
        f"{promise} {'BROKEN' if is_broken(row) else 'kept'}" if promise else "",
        row.note,
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()

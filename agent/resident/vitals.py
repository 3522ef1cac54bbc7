"""The few numbers the resident takes itself, every minute."""

import json
import os
from typing import Any

import psutil


class Gauge:
    """Takes vitals; remembers the last reading of the CPU, for the next one."""

    def __init__(self) -> None:
        self._last = _cpu()

    def take(self, at: str) -> bytes:
        """Return a ``Vitals`` message. CPU use is over the time since the last one."""
        memory = psutil.virtual_memory()
        samples = [
            _sample("system.memory.utilization", 1 - memory.available / memory.total, "1"),
            _sample("system.linux.memory.available", memory.available, "By"),
            _sample("system.cpu.load_average.1m", os.getloadavg()[0], "{thread}"),
        ]
        disk = os.statvfs("/")
        used = disk.f_blocks - disk.f_bfree
        if used + disk.f_bavail:
            samples.append(_sample("system.filesystem.utilization", used / (used + disk.f_bavail), "1", mount="/"))
        before, self._last = self._last, _cpu()
        span = self._last[1] - before[1]
        if span > 0:
            idle = (self._last[0] - before[0]) / span
            samples.append(_sample("system.cpu.utilization", min(1.0, max(0.0, 1 - idle)), "1"))
        return json.dumps({"at": at, "samples": samples}, separators=(",", ":")).encode()


def _cpu() -> tuple[float, float]:
    """Return the idle and all seconds of all cores since the start."""
    times = psutil.cpu_times()
    # The kernel counts guests within user and nice; counting them again would be wrong.
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return times.idle + getattr(times, "iowait", 0.0), total


def _sample(name: str, value: float, unit: str, **where: str) -> dict[str, Any]:
    rounded = value if isinstance(value, int) else round(value, 4)
    return {"name": name, "value": rounded, "unit": unit} | ({"where": where} if where else {})

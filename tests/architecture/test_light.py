"""The part that lives on customers' machines is light: what it loads, measured in distributions."""

import subprocess
import sys
from importlib.metadata import packages_distributions

from tests.architecture.source import PROJECT

# What the resident may load on a customer's machine, and why it is worth its weight.
WORTH_ITS_WEIGHT = {"psutil": "vitals every minute, and sweeping up what hands left"}

LOAD = "import sys; before = {*sys.modules}; import agent.resident.main; print(*sorted(sys.modules.keys() - before))"
# Each would cost a customer's machine megabytes, day and night.
TOO_HEAVY = {"asyncio", "multiprocessing", "unittest", "xml", "sqlite3", "ctypes.wintypes", "concurrent.futures"}


def loaded() -> set[str]:
    """Return the modules that a bare Python loads for the resident; subprocess: this Python has loaded pytest."""
    ran = subprocess.run([sys.executable, "-c", LOAD], cwd=PROJECT, capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_the_resident_carries_psutil_and_nothing_else() -> None:
    """A customer with forty machines pays for every library forty times."""
    owners = packages_distributions()
    carried = {owner for name in loaded() for owner in owners.get(name.split(".")[0], []) if owner != "feldsher"}
    assert carried <= WORTH_ITS_WEIGHT.keys()


def test_the_resident_leaves_the_heavy_rooms_of_the_library_closed() -> None:
    """It has one loop of its own; an event loop or a database would double its memory."""
    assert not TOO_HEAVY & loaded()

"""How much work stands still for want of something."""

from contract.sample import Quantity

CPU_SOME = Quantity("pressure.cpu_some_ratio", "1", "Share of the last 10 s in which some work waited for a processor.")
MEMORY_SOME = Quantity(
    "pressure.memory_some_ratio", "1", "Share of the last 10 s in which some work waited for memory."
)
MEMORY_FULL = Quantity("pressure.memory_full_ratio", "1", "Share of the last 10 s in which all work waited for memory.")
IO_FULL = Quantity("pressure.io_full_ratio", "1", "Share of the last 10 s in which all work waited for a disk.")

ALL = (CPU_SOME, MEMORY_SOME, MEMORY_FULL, IO_FULL)

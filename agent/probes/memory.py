"""How much memory there is, and whether it is enough."""

from contract.sample import Privacy, Quantity

LIMIT = Quantity("system.memory.limit", "By", "Memory the system can use at all.", privacy=Privacy.PUBLIC)
AVAILABLE = Quantity("system.linux.memory.available", "By", "Memory that programs can still get without swapping.")
UTILIZATION = Quantity("system.memory.utilization", "1", "Share of the memory that is not available.")
PAGING_LIMIT = Quantity("system.paging.limit", "By", "Swap there is; 0 where there is none.", privacy=Privacy.PUBLIC)
PAGING_USAGE = Quantity("system.paging.usage", "By", "Swap in use.")
OOM_KILLS = Quantity("memory.oom_kills", "{kill}", "Programs the kernel ended since the start for want of memory.")

ALL = (LIMIT, AVAILABLE, UTILIZATION, PAGING_LIMIT, PAGING_USAGE, OOM_KILLS)

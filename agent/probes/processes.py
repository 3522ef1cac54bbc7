"""Running programs: the busiest, the biggest, and how many there are.

*program* is the short name the system keeps (15 letters on Linux). The command line is never read: people write
passwords there.
"""

from contract.sample import Quantity

_PROCESS = ("pid", "program", "started")

CPU_CORES = Quantity(
    "process.cpu_cores", "{cpu}", "Processors it kept busy between the two readings; 1 is one whole.", _PROCESS
)
CPU_LIFETIME = Quantity(
    "process.cpu_lifetime_ratio", "1", "Processor time it has had in its whole life, as a share of that life.", _PROCESS
)
UPTIME = Quantity("process.uptime", "s", "How long it has been running.", _PROCESS)
MEMORY = Quantity("process.memory.usage", "By", "Memory it holds (resident set).", _PROCESS)
MEMORY_RATIO = Quantity("process.memory_ratio", "1", "Memory it holds, as a share of all there is.", _PROCESS)
IO = Quantity(
    "process.io_bytes_per_second",
    "By/s",
    "Bytes it read and wrote, on disk or elsewhere; absent where we may not look.",
    _PROCESS,
)
SLEEPS = Quantity(
    "process.sleeps_per_second",
    "{switch}/s",
    "How often its first thread went to sleep of its own will; a program that turns in circles never does.",
    _PROCESS,
)
NICE = Quantity(
    "process.nice", "{nice}", "How far it stands back for others: 19 the furthest, -20 the least.", _PROCESS
)
COUNT = Quantity("system.process.count", "{process}", "Processes there are, the kernel's own left out.")
ZOMBIES = Quantity(
    "processes.zombie_count", "{process}", "Processes that ended and were not collected, twice in a row."
)
STUCK = Quantity("processes.stuck_count", "{process}", "Processes that could not be interrupted, twice in a row.")

OF_ONE = (CPU_CORES, CPU_LIFETIME, UPTIME, MEMORY, MEMORY_RATIO, IO, SLEEPS, NICE)
ALL = (*OF_ONE, COUNT, ZOMBIES, STUCK)

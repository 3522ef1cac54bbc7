"""How busy the processors are."""

from contract.sample import Privacy, Quantity

COUNT = Quantity("system.cpu.logical.count", "{cpu}", "Processors that programs can use.", privacy=Privacy.PUBLIC)
UTILIZATION = Quantity(
    "system.cpu.utilization",
    "1",
    "Share of all processors' time that was not idle, between the two readings; time stolen by a hypervisor is in it.",
)
LOAD_1M = Quantity("system.cpu.load_average.1m", "{thread}", "Threads running or waiting, averaged over 1 minute.")
LOAD_5M = Quantity("system.cpu.load_average.5m", "{thread}", "Threads running or waiting, averaged over 5 minutes.")
LOAD_15M = Quantity("system.cpu.load_average.15m", "{thread}", "Threads running or waiting, averaged over 15 minutes.")

ALL = (COUNT, UTILIZATION, LOAD_1M, LOAD_5M, LOAD_15M)

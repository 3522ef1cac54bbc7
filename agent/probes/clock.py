"""Whether the clock is right, and is kept so."""

from contract.sample import Quantity

SYNC_ENABLED = Quantity("clock.sync_enabled", "bool", "Whether a time service is switched on.")
SYNCHRONISED = Quantity("clock.synchronised", "bool", "Whether the system holds its clock to be set by a time server.")
OFFSET = Quantity(
    "clock.offset_seconds",
    "s",
    "How far this time server is ahead of the clock here; below 0 the clock here is ahead.",
    ("source",),
)
AGREE = Quantity(
    "clock.sources_agree", "bool", "Whether most time servers agree within 3 s; absent below two that answer."
)
ERROR = Quantity(
    "clock.error_seconds", "s", "How wrong the clock here is, either way, by the median of the servers that agree."
)

ALL = (SYNC_ENABLED, SYNCHRONISED, OFFSET, AGREE, ERROR)

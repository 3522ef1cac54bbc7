"""What fills disks and can be thrown away."""

from contract.sample import Quantity

JOURNAL_USED = Quantity("journal.used_bytes", "By", "Room that the system's journal takes.")
PACKAGE_CACHE = Quantity("packages.cache_bytes", "By", "Room that downloaded package files take.")

ALL = (JOURNAL_USED, PACKAGE_CACHE)

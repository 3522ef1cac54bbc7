"""Room and health of the filesystems that live on this machine."""

from contract.sample import Privacy, Quantity

_MOUNT = ("mount",)

LIMIT = Quantity("system.filesystem.limit", "By", "Size of the filesystem.", _MOUNT)
USED = Quantity("system.filesystem.usage.used", "By", "Bytes taken by files.", _MOUNT)
FREE = Quantity(
    "system.filesystem.usage.free",
    "By",
    "Bytes an ordinary user can still write; the reserve of the administrator is not counted.",
    _MOUNT,
)
UTILIZATION = Quantity("system.filesystem.utilization", "1", "Used, as a share of used and free, as df counts.", _MOUNT)
INODES = Quantity("filesystem.inodes", "{inode}", "Files it can hold; absent where there is no such limit.", _MOUNT)
INODES_FREE = Quantity("filesystem.inodes_free", "{inode}", "Files that can still be made.", _MOUNT)
INODE_UTILIZATION = Quantity("filesystem.inode_utilization", "1", "Share of its files that are made.", _MOUNT)
READ_ONLY = Quantity("filesystem.read_only", "bool", "Whether nothing can be written there now.", _MOUNT)
READ_ONLY_WANTED = Quantity(
    "filesystem.read_only_wanted",
    "bool",
    "Whether the machine's own table of filesystems asks for it to be read-only; absent where it is not in the table.",
    _MOUNT,
)
TYPE = Quantity("filesystem.type", "text", "Its kind: ext4, xfs ...", _MOUNT, Privacy.PUBLIC)

ALL = (LIMIT, USED, FREE, UTILIZATION, INODES, INODES_FREE, INODE_UTILIZATION, READ_ONLY, READ_ONLY_WANTED, TYPE)

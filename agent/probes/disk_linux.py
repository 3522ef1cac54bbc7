"""Filesystems, as Linux tells them.

What is asked about, and what is not:

* local filesystems only. A dead file server (nfs, cifs, fuse) would hang whoever asks, so nothing is asked of one;
* none that is full by design (squashfs, iso9660, erofs): reporting them would cry wolf on every Ubuntu;
* tmpfs only where programs and people write (`WRITTEN_TMPFS`): a full ``/tmp`` or ``/run`` stops programs as surely as
  a full disk; the others are the system's own small boxes;
* each device once, at its shortest mount: a bind mount is the same room seen through another door.
"""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from agent.hosts.base import Host, HostError, NotAllowed, NotThere, Space
from agent.probes import disk
from agent.probes.base import Probe, Unreadable
from agent.probes.plain import LARGEST, shown, visible
from contract.sample import Sample

MOUNTS = "/proc/self/mountinfo"
FSTAB = "/etc/fstab"
ON_DEVICE = frozenset(
    {"bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "msdos", "nilfs2", "ntfs3"}
    | {"reiserfs", "udf", "ufs", "vfat", "xfs", "zfs"}
)
WRITTEN_TMPFS = frozenset({"/dev/shm", "/run", "/tmp", "/var/tmp"})  # noqa: S108 - we only look at them
MOST = 200
_NAMED_ESCAPES = {"040": " ", "011": "\t", "012": "\n", "134": "\\", "043": "#"}


class Mount(Struct, frozen=True):
    """One line of mountinfo. *path* may hold surrogates where the name is no UTF-8."""

    device: str
    path: str
    kind: str
    read_only: bool


class Reading(Struct, frozen=True):
    """``mountinfo``, the room of each mount that was asked about, and fstab; a refusal stands for what was refused."""

    mountinfo: bytes
    fstab: bytes
    spaces: Mapping[str, Space | HostError]


def read(host: Host) -> Reading:
    """Read the list of mounts and ask the local ones for their room."""
    mountinfo = host.read(MOUNTS)
    spaces = {mount.path: _space(host, mount.path) for mount in worth_asking(mountinfo)}
    try:
        fstab = host.read(FSTAB)
    except (NotThere, NotAllowed):
        fstab = b""
    return Reading(mountinfo, fstab, spaces)


def understand(reading: Reading) -> Iterator[Sample]:
    """Yield type, state, room and inodes of each; then say what could not be read."""
    unclear = []
    wanted = _asked_read_only(reading.fstab)
    for mount in worth_asking(reading.mountinfo):
        where = visible(mount.path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
        yield disk.TYPE(visible(mount.kind), mount=where)
        yield disk.READ_ONLY(mount.read_only, mount=where)
        if mount.path in wanted:
            yield disk.READ_ONLY_WANTED(wanted[mount.path], mount=where)
        space = reading.spaces.get(mount.path)
        if isinstance(space, Space) and _sound(space):
            yield from _room(space, where)
        else:
            unclear.append(where)
    if unclear:
        raise Unreadable(f"no room told for {', '.join(unclear[:5])}")


def worth_asking(mountinfo: bytes) -> list[Mount]:
    """Return the mounts to report, sorted by path; `Unreadable` when there is not one readable line."""
    mounts: dict[str, Mount] = {}
    lines = mountinfo.decode("utf-8", "surrogateescape").split("\n")
    for line in lines:
        mount = _mount(line)
        if mount is not None:
            mounts[mount.path] = mount  # the last on a path hides the others
    if not mounts:
        raise Unreadable(f"{MOUNTS} says {shown(visible(lines[0]))}")
    shortest: dict[str, Mount] = {}
    for mount in sorted(mounts.values(), key=lambda mount: (len(mount.path), mount.path)):
        if _reported(mount):
            shortest.setdefault(mount.device, mount)
    return sorted(shortest.values(), key=lambda mount: mount.path)[:MOST]


def _mount(line: str) -> Mount | None:
    """Read ``22 27 0:21 / /mnt rw,relatime shared:1 - ext4 /dev/vda rw``; the fields before the dash vary in number."""
    place, dash, filesystem = line.partition(" - ")
    fields, more = place.split(" "), filesystem.split(" ")
    if not dash or len(fields) < 6 or len(more) < 3 or not fields[4].startswith("/"):  # noqa: PLR2004 - proc_pid_mountinfo(5)
        return None
    options = {*fields[5].split(","), *more[2].split(",")}
    return Mount(device=fields[2], path=_unescaped(fields[4]), kind=more[0], read_only="ro" in options)


def _reported(mount: Mount) -> bool:
    match mount.kind:
        case "tmpfs":
            return mount.path in WRITTEN_TMPFS
        case "overlay":
            # The root of a container or of a live system. Overlays elsewhere are a container engine's own.
            return mount.path == "/"
        case _:
            return mount.kind in ON_DEVICE


def _unescaped(field: str) -> str:
    head, *rest = field.split("\\")
    return head + "".join(
        _NAMED_ESCAPES[part[:3]] + part[3:] if part[:3] in _NAMED_ESCAPES else "\\" + part for part in rest
    )


def _asked_read_only(fstab: bytes) -> dict[str, bool]:
    wanted = {}
    for line in fstab.decode("utf-8", "surrogateescape").split("\n"):
        fields = line.split()
        if len(fields) >= 4 and not fields[0].startswith("#"):  # noqa: PLR2004 - fstab(5)
            wanted[_unescaped(fields[1])] = "ro" in fields[3].split(",")
    return wanted


def _space(host: Host, path: str) -> Space | HostError:
    try:
        return host.space(path)
    except HostError as error:  # one mount that says no must not hide the others
        return error


def _sound(space: Space) -> bool:
    return (
        0 <= space.free_bytes <= space.total_bytes <= LARGEST
        and 0 <= space.available_bytes <= space.total_bytes
        and 0 <= space.inodes_free <= space.inodes <= LARGEST
    )


def _room(space: Space, where: str) -> Iterator[Sample]:
    used = space.total_bytes - space.free_bytes
    yield disk.LIMIT(space.total_bytes, mount=where)
    yield disk.USED(used, mount=where)
    yield disk.FREE(space.available_bytes, mount=where)
    if used + space.available_bytes:
        yield disk.UTILIZATION(used / (used + space.available_bytes), mount=where)
    if space.inodes:  # btrfs and vfat have no such limit and say 0
        yield disk.INODES(space.inodes, mount=where)
        yield disk.INODES_FREE(space.inodes_free, mount=where)
        yield disk.INODE_UTILIZATION(1 - space.inodes_free / space.inodes, mount=where)


PROBE = Probe("disk", gives=disk.ALL, read=read, understand=understand, reads=(MOUNTS, FSTAB, "the room of each mount"))

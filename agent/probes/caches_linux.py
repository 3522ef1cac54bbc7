"""The journal's and the package managers' folders."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from msgspec import Struct

from agent.hosts.base import Host, HostError, NotAllowed, NotThere, TooSlow
from agent.probes import caches
from agent.probes.base import Probe, Unreadable
from agent.probes.plain import LARGEST
from contract.sample import Quantity, Sample

APT = "/var/cache/apt/archives"
JOURNAL = ("/var/log/journal", "/run/log/journal")
# Only what the package manager's own "clean" takes away.
PACKAGES = (
    APT,
    "/var/cache/dnf",
    "/var/cache/libdnf5",
    "/var/cache/yum",
    "/var/cache/zypp/packages",
    "/var/cache/pacman/pkg",
)


class Reading(Struct, frozen=True):
    """Bytes below each folder that is there; a refusal stands for what was refused."""

    folders: Mapping[str, int | HostError]


def read(host: Host) -> Reading:
    """Count the bytes below each folder."""
    folders: dict[str, int | HostError] = {}
    for path in (*JOURNAL, *PACKAGES):
        try:
            folders[path] = _size(host, path)
        except NotThere:
            continue
        except (NotAllowed, TooSlow) as error:  # one folder that says no must not hide the others
            folders[path] = error
    if not folders:
        raise NotThere("caches", "no folder of a journal or a package manager")
    return Reading(folders)


def understand(reading: Reading) -> Iterator[Sample]:
    """Yield the sum of each kind; a sum with a part unknown would be too small, and is not told."""
    yield from _sum(caches.JOURNAL_USED, JOURNAL, reading)
    yield from _sum(caches.PACKAGE_CACHE, PACKAGES, reading)
    refused = [path for path, size in reading.folders.items() if not _sound(size)]
    if refused:
        raise Unreadable(f"not counted: {', '.join(refused)}")


def _size(host: Host, path: str) -> int:
    try:
        return host.folder_bytes(path)
    except NotAllowed:
        if path != APT:
            raise
        # apt keeps a folder for what is half downloaded and lets nobody look into it: the whole files beside it count.
        names = [name for name in host.list(path) if name.endswith(".deb")]
        return sum(host.stat(f"{path}/{name}").size_bytes for name in names)


def _sum(quantity: Quantity, paths: tuple[str, ...], reading: Reading) -> Iterator[Sample]:
    sizes = [reading.folders[path] for path in paths if path in reading.folders]
    known = [size for size in sizes if isinstance(size, int) and _sound(size)]
    if sizes and len(known) == len(sizes) and sum(known) <= LARGEST:
        yield quantity(sum(known))


def _sound(size: int | HostError) -> bool:
    return isinstance(size, int) and 0 <= size <= LARGEST // len(PACKAGES)


PROBE = Probe(
    "caches",
    gives=caches.ALL,
    read=read,
    understand=understand,
    reads=(*JOURNAL, *PACKAGES),
    every=timedelta(minutes=15),
)

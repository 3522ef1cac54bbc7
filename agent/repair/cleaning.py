"""Acts that make room: the journal, downloaded packages, temporary and left-over files."""

from datetime import timedelta

from agent.hosts.base import FileKind, Host, HostError, NotThere
from agent.repair.action import Acted, Arguments, acted

REGENERABLE_FOLDERS = (
    "/tmp",  # noqa: S108 - the very folder we clean
    "/var/tmp",  # noqa: S108 - the same
    "/var/crash",
    "/var/lib/php/sessions",
    "/var/lib/systemd/coredump",
    "/var/spool/abrt",
)
"""Folders whose plain files any program must be able to lose."""

_NOTHING_RETURNS = "what was removed is made again when it is needed"

# By family, and then by what is installed: the first that is there.
_CLEANERS = {
    "debian": (("apt-get", "clean"),),
    "rhel": (("dnf", "clean", "packages"), ("yum", "clean", "packages")),
    "suse": (("zypper", "--non-interactive", "clean"),),
}


def vacuum_journal(host: Host, arguments: Arguments, time_limit: timedelta) -> Acted:
    """Close the journal's files in use, then drop the oldest closed ones until the rest fit.

    Without closing them first nothing is dropped on a machine whose journal is one big file in use.
    """
    keep_bytes = arguments["keep"]
    ran = host.run(("journalctl", "--rotate", f"--vacuum-size={keep_bytes}"), time_limit=time_limit)
    return acted(ran, f"kept the newest {keep_bytes} bytes of the system's journal")


def clean_packages(host: Host, _arguments: Arguments, time_limit: timedelta) -> Acted:
    """Drop downloaded package files."""
    for argv in _CLEANERS.get(host.facts.family, ()):
        try:
            return acted(host.run(argv, time_limit=time_limit), "dropped downloaded package files: " + " ".join(argv))
        except NotThere:
            continue
    raise NotThere("package manager", f"none that we know for the family {host.facts.family!r}")


def clean_temporary(host: Host, _arguments: Arguments, time_limit: timedelta) -> Acted:
    """Let the system clean its temporary files by its own rules and ages."""
    ran = host.run(("systemd-tmpfiles", "--clean"), time_limit=time_limit)
    return acted(ran, "cleaned temporary files by the system's own rules")


def clean_folder(host: Host, arguments: Arguments, time_limit: timedelta) -> Acted:
    """Remove the old plain files that lie directly in a folder.

    It does not descend: below a folder that everybody may write to, a name can be swapped for a link between looking
    and removing. The last name of a path is safe: removing a link never touches what it points to.
    """
    folder, oldest = arguments["path"], host.now() - timedelta(seconds=arguments["older_than"])
    begun, removed, removed_bytes, kept = host.elapsed(), 0, 0, 0
    for name in host.list(folder):
        if host.elapsed() - begun > time_limit.total_seconds():
            return Acted(
                ok=False, did=_counted(folder, removed, removed_bytes), detail="there was no time for the rest"
            )
        path = f"{folder.rstrip('/')}/{name}"
        try:
            stat = host.stat(path)
            if stat.kind is not FileKind.FILE or stat.modified >= oldest:
                continue
            host.remove(path)
        except HostError:
            # Somebody else removed it, or holds on to it: not ours to insist.
            kept += 1
            continue
        removed, removed_bytes = removed + 1, removed_bytes + stat.size_bytes
    left = f"{kept} could not be removed" if kept else ""
    return Acted(ok=True, did=_counted(folder, removed, removed_bytes), detail=left)


def find_folder(host: Host, arguments: Arguments) -> None:
    """Make sure that the folder is one, and not a link to somewhere else."""
    path = arguments["path"]
    if host.stat(path).kind is not FileKind.FOLDER:
        raise NotThere(path, "it is not a folder")


def _counted(folder: str, removed: int, removed_bytes: int) -> str:
    return f"removed {removed} files, {removed_bytes} bytes, from {folder}; {_NOTHING_RETURNS}"

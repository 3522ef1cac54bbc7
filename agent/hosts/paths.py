"""Which paths a host takes at all, before it looks."""

from agent.hosts.base import NotAllowed


def plain(path: str) -> str:
    """Return *path* if it is absolute and goes straight down; else `NotAllowed`.

    A playbook's parameter may end up here: ``..`` would lead out of the folder that was agreed to.
    """
    if not path.startswith("/"):
        raise NotAllowed(path, "not an absolute path")
    if "\0" in path:
        raise NotAllowed(path.replace("\0", "\\0"), "a path with a NUL in it")
    if ".." in path.split("/"):
        raise NotAllowed(path, "a path with .. in it")
    try:
        path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise NotAllowed(ascii(path), "a path that no system could hold") from None
    return path

"""What a system's error numbers mean in our four words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from agent.hosts.base import HostError, NotAllowed, NotThere, TooSlow, Unreachable

# EINVAL, ENODATA and EOPNOTSUPP are how /proc and /sys say that this machine has no such thing (the speed of a link
# that is down); ESRCH, that the process whose file it was has just ended.
_NOT_THERE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ESRCH, errno.EINVAL, errno.ENODATA, errno.EOPNOTSUPP}
)
_TOO_SLOW = frozenset({errno.EAGAIN, errno.ETIMEDOUT})
_UNREACHABLE = frozenset(
    {
        *(errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE),  # the disk, or the server behind it, has gone
        *(errno.ECONNREFUSED, errno.ECONNRESET, errno.ENOTCONN, errno.ESHUTDOWN, errno.EADDRNOTAVAIL),
        *(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EAFNOSUPPORT),
    }
)
# Everything else is `NotAllowed`: it is here, and the system will not let us. That is also a full disk, a quota and a
# read-only filesystem. These deserve plainer words than the system's own.
_PLAIN_WORDS = {
    errno.ELOOP: "a link",
    errno.EISDIR: "a folder",
    errno.ENOSPC: "no room is left on its filesystem",
    errno.EDQUOT: "the quota on its filesystem is used up",
    errno.EROFS: "its filesystem is read-only",
}


@contextmanager
def answering_for(subject: str) -> Iterator[None]:
    """Turn what the system says about *subject* within into one of the four errors."""
    try:
        yield
    except OSError as error:
        raise refusal(error, subject) from error


def refusal(error: OSError, subject: str) -> HostError:
    """Return *error* in our words."""
    number = error.errno or 0
    detail = _PLAIN_WORDS.get(number) or error.strerror or str(error)
    if isinstance(error, TimeoutError) or number in _TOO_SLOW:
        return TooSlow(subject, detail)
    if number in _NOT_THERE:
        return NotThere(subject, detail)
    if number in _UNREACHABLE:
        return Unreachable(subject, detail)
    return NotAllowed(subject, detail)

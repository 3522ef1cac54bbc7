"""Files and folders of Linux, touched so that no link, pipe, device or power cut can do harm.

`OSError` comes out as it is; `LocalLinux` says it in our words.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from stat import S_IMODE, S_ISDIR, S_ISLNK, S_ISREG

from agent.hosts.base import FileKind, NotAllowed, Stat, TooSlow

NEW_FILE_MODE = 0o644
_CHUNK_BYTES = 64 * 1024
_BLOCK_BYTES = 512  # st_blocks counts these, whatever the filesystem's own blocks
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_start(path: str, limit_bytes: int) -> bytes:
    """Return the first *limit_bytes* of a regular file; `NotAllowed` for anything else."""
    # O_PATH looks without opening: opening alone would wait at a pipe, rewind a tape or arm a watchdog.
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if not S_ISREG(mode):
            raise NotAllowed(path, _in_words(mode))
        # O_NONBLOCK: some files of /proc and /sys wait until there is something to tell.
        descriptor = os.open(f"/proc/self/fd/{handle}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    finally:
        os.close(handle)
    try:
        parts = []
        left = limit_bytes
        while left > 0 and (part := os.read(descriptor, min(left, _CHUNK_BYTES))):
            parts.append(part)
            left -= len(part)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def look_at(path: str) -> Stat:
    """Return what stands at *path*."""
    seen = os.lstat(path)
    return Stat(
        kind_of(seen.st_mode), seen.st_size, S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid, _instant(seen.st_mtime)
    )


def kind_of(mode: int) -> FileKind:
    """Return the kind that *mode* says."""
    if S_ISREG(mode):
        return FileKind.FILE
    if S_ISDIR(mode):
        return FileKind.FOLDER
    return FileKind.LINK if S_ISLNK(mode) else FileKind.OTHER


def count_bytes(path: str, limit_entries: int) -> int:
    """Return what the files below *path* take on its filesystem: a file with two names counts once.

    A folder we may not look into fails the whole count: a smaller number would be a wrong one.
    """
    top = os.lstat(path)
    if not S_ISDIR(top.st_mode):
        raise NotAllowed(path, _in_words(top.st_mode))
    total_bytes = entries = 0
    counted: set[int] = set()
    folders = [path]
    while folders:
        for entry in _entries(folders.pop(), top.st_dev, must_be_there=entries == 0):
            entries += 1
            if entries > limit_entries:
                raise TooSlow(path, f"more than {limit_entries} entries")
            try:
                seen = entry.stat(follow_symlinks=False)
            except FileNotFoundError:  # removed while we looked
                continue
            if S_ISDIR(seen.st_mode):
                folders.append(entry.path)
            elif seen.st_ino not in counted:
                total_bytes += seen.st_blocks * _BLOCK_BYTES
                if seen.st_nlink > 1:
                    counted.add(seen.st_ino)
    return total_bytes


def replace(path: str, content: bytes, mode: int | None) -> None:
    """Put *content* at *path* in one move, on disk when this returns.

    Owner, mode and extended attributes (SELinux labels, access lists) of a file that was there are kept.
    """
    with _folder_of(path) as (folder, name):
        old = _regular_or_nothing(folder, name, path)
        temporary = f".{name[:100]}.{os.urandom(6).hex()}.feldsher"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(temporary, flags, 0o600, dir_fd=folder)
        try:
            try:
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
                if old is not None:
                    _keep_attributes(path, descriptor)
                    os.fchown(descriptor, old.st_uid, old.st_gid)
                    mode = S_IMODE(old.st_mode) if mode is None else mode
                # After the owner: a change of owner takes the special bits away.
                os.fchmod(descriptor, NEW_FILE_MODE if mode is None else mode)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise
        _flush(folder)


def unlink(path: str) -> None:
    """Remove one file or link, for good when this returns."""
    with _folder_of(path) as (folder, name):
        mode = os.lstat(name, dir_fd=folder).st_mode
        if not S_ISREG(mode) and not S_ISLNK(mode):
            raise NotAllowed(path, _in_words(mode))
        os.unlink(name, dir_fd=folder)
        _flush(folder)


@contextmanager
def _folder_of(path: str) -> Iterator[tuple[int, str]]:
    """Hold the folder of *path* open: whatever is renamed above it meanwhile, we stay in it."""
    above, name = os.path.split(path)
    if name in {"", "."}:
        raise NotAllowed(path, "a folder")
    folder = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder, name
    finally:
        os.close(folder)


def _regular_or_nothing(folder: int, name: str, path: str) -> os.stat_result | None:
    try:
        old = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return None
    if not S_ISREG(old.st_mode):
        raise NotAllowed(path, _in_words(old.st_mode))
    return old


def _keep_attributes(path: str, descriptor: int) -> None:
    # Not every filesystem has them, and not everybody may set each: the content matters more.
    with _unless(errno.EOPNOTSUPP, errno.EPERM, errno.EACCES):
        for name in os.listxattr(path, follow_symlinks=False):
            with _unless(errno.EOPNOTSUPP, errno.EPERM, errno.EACCES, errno.ENODATA):
                os.setxattr(descriptor, name, os.getxattr(path, name, follow_symlinks=False))


@contextmanager
def _unless(*numbers: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in numbers:
            raise


def _entries(folder: str, device: int, *, must_be_there: bool) -> Iterator["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            # Another filesystem is mounted here: its files are not ours to count.
            if os.lstat(folder).st_dev == device:
                yield from entries
    except FileNotFoundError:
        if must_be_there:
            raise


def _flush(folder: int) -> None:
    with _unless(errno.EINVAL):  # a filesystem that flushes no folders
        os.fsync(folder)


def _instant(seconds: float) -> datetime:
    try:
        return _EPOCH + timedelta(seconds=seconds)
    except OverflowError:  # a damaged disk may claim any year
        return datetime.max.replace(tzinfo=UTC) if seconds > 0 else datetime.min.replace(tzinfo=UTC)


def _in_words(mode: int) -> str:
    match kind_of(mode):
        case FileKind.FOLDER:
            return "a folder"
        case FileKind.LINK:
            return "a link"
        case _:
            return "not a regular file"

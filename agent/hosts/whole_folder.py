"""A new folder that is there whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from contract.errors import FeldsherError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_TAKEN = frozenset({errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR})
_READABLE_NAME = 40


def refuse_taken(folder: Path) -> None:
    """Raise ``file-exists`` if something stands at *folder*, ``state-not-writable`` if nothing can be made there.

    An empty folder is nothing.
    """
    folder = Path(os.path.realpath(folder))
    try:
        with os.scandir(folder) as entries:
            taken = any(True for _ in entries)
    except (FileNotFoundError, NotADirectoryError) as error:
        taken = os.path.lexists(folder)
        if not taken and not folder.parent.is_dir():
            raise _not_writable(error, folder) from error
        if not taken and not os.access(folder.parent, os.W_OK | os.X_OK):
            closed = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            raise _not_writable(closed, folder) from error
    except OSError as error:
        raise _not_writable(error, folder) from error
    if taken:
        raise _exists(folder)


def write_whole(folder: Path, files: Mapping[str, bytes]) -> int:
    """Make *folder* with *files* in it, for its owner's eyes alone, on disk when this returns; return their bytes.

    They are written beside it, in their order, and moved in one step: killed at any moment, this leaves at most a
    hidden folder without the last of *files*. Raises ``file-exists``, ``storage-full`` or ``state-not-writable``.
    """
    # Links are followed once and for all: the name moved to must be the name that was written beside.
    folder = Path(os.path.realpath(folder))
    refuse_taken(folder)
    fresh = folder.with_name(f".{folder.name[:_READABLE_NAME]}.{os.urandom(4).hex()}.part")
    with _in_our_words(folder):
        try:
            fresh.mkdir(mode=0o700)
            for name, content in files.items():
                _write(fresh / name, content)
            for made, _, _ in os.walk(fresh):
                _flush(Path(made))
            fresh.rename(folder)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        _flush(folder.parent)
    return sum(map(len, files.values()))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _in_our_words(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise FeldsherError(
                "storage-full",
                "the folder has no room where it goes; nothing of it was left",
                where=str(folder),
                remedy="make room there, or name another place",
            ) from error
        # Somebody else was faster: the name is theirs now.
        raise (
            _exists(folder) if error.errno in _TAKEN and folder.exists() else _not_writable(error, folder)
        ) from error


def _exists(folder: Path) -> FeldsherError:
    return FeldsherError(
        "file-exists", "something is there already", where=str(folder), remedy="name a folder that is not there yet"
    )


def _not_writable(error: OSError, folder: Path) -> FeldsherError:
    return FeldsherError(
        "state-not-writable",
        f"the folder cannot be made: {error.strerror}",
        where=str(folder),
        remedy="name another place",
    )

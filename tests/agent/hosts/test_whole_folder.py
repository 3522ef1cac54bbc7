"""A folder is there whole or not at all, whatever happens while it is written."""

import errno
import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.hosts.recorded import Recorded
from agent.hosts.whole_folder import refuse_taken, write_whole
from contract.errors import FeldsherError
from tests.fakes.capture import FACTS

FILES = {
    "files/proc/loadavg": b"0.1 0.2 0.3 1/2 3\n",
    "later/proc/loadavg": b"0.2 0.2 0.3 1/2 3\n",
    "clock.json": b'{"now": "2025-03-01T12:00:00Z"}',
    "facts.json": str(FACTS).replace("'", '"').replace("True", "true").encode(),
}
TOUCHES = {"open", "os.mkdir", "os.rename"}


def in_a_child(folder: Path, nth: int, trouble: Callable[[], None]) -> tuple[int, str]:
    """Write `FILES` in a child that meets *trouble* at the *nth* touch of the disk; return its end and the slug."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        slug = "whole"
        left = [nth]

        def hook(event: str, args: tuple[object, ...]) -> None:
            if event in TOUCHES and any(str(folder.parent) in str(arg) for arg in args):
                left[0] -= 1
                if left[0] == 0:
                    trouble()

        sys.addaudithook(hook)
        try:
            write_whole(folder, FILES)
        except FeldsherError as error:
            slug = error.slug
        os.write(writing, slug.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        slug = told.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), slug


def no_room() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def no_right() -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_was_written_is_read_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It says much about a machine: other users of it need not know."""
    folder = tmp_path / "it is \"mine\" и 'твоё'\n"
    assert write_whole(folder, FILES) == sum(map(len, FILES.values()))
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == set(FILES)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "facts.json").stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [folder]


def test_an_empty_folder_is_taken_over_and_a_link_followed(tmp_path: Path) -> None:
    """People make the folder first; that is no clash."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    write_whole(tmp_path / "link", FILES)
    assert Recorded(tmp_path / "empty").facts.name == FACTS["name"]


def test_what_is_there_is_never_written_over(tmp_path: Path) -> None:
    """It may be the only copy of last week's fault."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full/one").write_bytes(b"old")
    (tmp_path / "file").write_bytes(b"old")
    for taken in (tmp_path / "full", tmp_path / "file", Path("/")):
        for refuse in (refuse_taken, lambda folder: write_whole(folder, FILES)):
            with pytest.raises(FeldsherError) as refused:
                refuse(taken)
            assert (refused.value.slug, refused.value.kind.exit_code) == ("file-exists", 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]
    assert (tmp_path / "full/one").read_bytes() == (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("place", ["nowhere/x", "file/x"])
def test_a_place_that_cannot_be_written_is_one_clear_error(place: str, tmp_path: Path) -> None:
    """Nobody must believe that it was kept."""
    (tmp_path / "file").write_bytes(b"")
    for refuse in (refuse_taken, lambda folder: write_whole(folder, FILES)):
        with pytest.raises(FeldsherError) as refused:
            refuse(tmp_path / place)
        assert (refused.value.slug, refused.value.kind.exit_code) == ("state-not-writable", 7)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.slow
@pytest.mark.parametrize(("trouble", "slug"), [(no_room, "storage-full"), (no_right, "state-not-writable")])
def test_a_disk_that_says_no_at_any_moment_leaves_nothing(
    trouble: Callable[[], None], slug: str, tmp_path: Path
) -> None:
    """Half a recording on a full disk would keep it full, and be opened by somebody."""
    nth, told = 0, slug
    while told == slug:
        nth += 1
        place = tmp_path / f"{nth}"
        place.mkdir()
        _, told = in_a_child(place / "x", nth, trouble)
        if told == slug:
            # The last touch flushes what already has its name: by then it is whole.
            left = list(place.iterdir())
            assert not left or Recorded(left[0]).read("/proc/loadavg") == FILES["files/proc/loadavg"]
    assert told == "whole"
    assert nth > len(FILES)


@pytest.mark.slow
def test_killed_at_any_moment_it_leaves_no_folder_that_opens_half(tmp_path: Path) -> None:
    """A technician would look for a fault in what is merely missing."""
    code, nth, opened = -signal.SIGKILL, 0, 0
    while code == -signal.SIGKILL:
        nth += 1
        place = tmp_path / f"{nth}"
        place.mkdir()
        code, _ = in_a_child(place / "x", nth, die)
        for left in place.iterdir():
            if not (left / "facts.json").exists() or not (left / "facts.json").stat().st_size:
                assert left.name != "x"
                with pytest.raises(FeldsherError, match="bundle"):
                    Recorded(left)
                continue
            host, opened = Recorded(left), opened + 1
            assert {str(path.relative_to(left)) for path in left.rglob("*") if path.is_file()} == set(FILES)
            assert host.read("/proc/loadavg") == FILES["files/proc/loadavg"]
    assert (code, opened > 0, nth > len(FILES)) == (0, True, True)

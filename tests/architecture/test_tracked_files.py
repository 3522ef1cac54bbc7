"""What is kept in the repository speaks of the product, and of no machine it was made on."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.source import PROJECT

MOST_BYTES = 400_000
# Folders of whoever wrote it, and addresses that only lead somewhere from their desk.
OF_A_MACHINE = re.compile(
    rb"/home/[a-z]+/|/Users/[a-z]+/|/root/\.|/work/|find-links|--extra-index-url|--index-url|file://"
)
GENERATED = {"requirements.lock"}


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file git would keep."""
    listing = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    ran = subprocess.run(listing, cwd=PROJECT, capture_output=True, check=False)
    if ran.returncode != 0:
        pytest.skip("this is a copy without its history: git ls-files has nothing to say")
    names = (Path(name) for name in ran.stdout.decode().split("\0") if name)
    return tuple(sorted(name for name in names if (PROJECT / name).is_file()))


def test_no_file_names_a_machine_or_an_index_of_its_own() -> None:
    """A clone must build anywhere."""
    found = [
        f"{path}: {match.group(0).decode()}"
        for path in tracked()
        if path.parts[:2] != ("tests", "architecture") and path.parts[:2] != ("tests", "captures")
        for match in [OF_A_MACHINE.search((PROJECT / path).read_bytes())]
        if match
    ]
    assert not found


def test_nothing_large_or_compiled_is_kept() -> None:
    """Every clone carries it for ever."""
    large = [str(path) for path in tracked() if (PROJECT / path).stat().st_size > MOST_BYTES]
    assert not large
    assert not [path for path in tracked() if path.suffix in {".pyc", ".so", ".whl", ".sqlite", ".pem", ".key"}]


def test_the_lock_names_versions_and_hashes_and_no_place() -> None:
    """The package index is whoever's machine it is to choose."""
    lock = (PROJECT / "requirements.lock").read_text()
    assert "://" not in lock
    pinned = re.findall(r"^[a-z0-9-]+==", lock, re.MULTILINE)
    assert pinned
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", lock)) >= len(pinned)

"""What fills disks and can be thrown away."""

from pathlib import Path

import pytest

from agent.hosts.base import NotAllowed, NotThere, TooSlow
from agent.hosts.recorded import Recorded
from agent.probes import caches_linux
from tests.fakes.capture import captured, until_unreadable


class HalfClosed(Recorded):
    """A machine on which apt's folder may be listed, and a folder in it may not."""

    def folder_bytes(self, path: str, limit_entries: int = 200_000) -> int:
        """Fail as a count over a closed folder does."""
        if path == caches_linux.APT:
            raise NotAllowed(f"{path}/partial")
        raise NotThere(path)


def test_the_folders_of_each_kind_are_added_up(tmp_path: Path) -> None:
    """A journal kept in memory and on disk takes room in both."""
    sizes = {"/var/log/journal": 100, "/run/log/journal": 5, "/var/cache/apt/archives": 40, "/var/cache/dnf": 2}
    seen = list(caches_linux.understand(caches_linux.read(captured(tmp_path, folder_bytes=sizes))))
    assert {sample.name: sample.value for sample in seen} == {"journal.used_bytes": 105, "packages.cache_bytes": 42}


def test_a_folder_too_large_to_count_leaves_the_other_sum(tmp_path: Path) -> None:
    """A sum without it would be too small, and the disk would stay full."""
    refusals = [{"path": "/var/cache/dnf", "reason": "too-slow"}]
    host = captured(tmp_path, folder_bytes={"/var/log/journal": 100}, refusals=refusals)
    reading = caches_linux.read(host)
    assert isinstance(reading.folders["/var/cache/dnf"], TooSlow)
    samples, why = until_unreadable(caches_linux.understand(reading))
    assert "/var/cache/dnf" in why
    assert [sample.name for sample in samples] == ["journal.used_bytes"]


def test_package_files_are_counted_without_an_administrators_rights(tmp_path: Path) -> None:
    """The package manager hides its half-finished downloads from everybody, and with them the whole count."""
    stat = {"kind": "file", "size_bytes": 700, "mode": 420, "owner": 0, "group": 0, "modified": "2025-01-01T00:00:00Z"}
    apt = caches_linux.APT
    captured(
        tmp_path, folders={apt: ["a.deb", "b.deb", "lock", "partial"]}, stats={f"{apt}/{n}.deb": stat for n in "ab"}
    )

    class Closed(type(captured(tmp_path))):  # type: ignore[misc]  # the recorded host, with one folder half closed
        def folder_bytes(self, path: str, limit_entries: int = 200_000) -> int:
            if path == apt:
                raise NotAllowed(f"{apt}/partial")
            raise NotThere(path)

    seen = list(caches_linux.understand(caches_linux.read(HalfClosed(tmp_path))))
    assert [sample.value for sample in seen] == [1400]


def test_a_machine_without_either_has_nothing_to_say(tmp_path: Path) -> None:
    """Zero bytes would be a check that passed."""
    with pytest.raises(NotThere):
        caches_linux.read(captured(tmp_path))

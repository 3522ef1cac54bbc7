"""Captures and strangers' bundles: what they may say, and what they may not make us do."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.hosts.base import NotAllowed, NotThere, TooSlow
from agent.hosts.recorded import Recorded
from contract.errors import FeldsherError

FACTS = {
    "name": "pc7",
    "os": "linux",
    "family": "debian",
    "version": "12",
    "kernel": "6.1",
    "init": "systemd",
    "arch": "x86_64",
    "elevated": True,
}


def capture(folder: Path, **files: object) -> Recorded:
    """Return the machine of *folder*, where each of *files* is JSON, or what stands at a path."""
    contents: dict[str, object] = {"facts.json": FACTS, "clock.json": {"now": "2025-03-01T12:00:00Z"}}
    contents |= {f"{name}.json": content for name, content in files.items()}
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content))
    return Recorded(folder)


def put(folder: Path, name: str, content: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def test_the_second_reading_is_the_later_one(tmp_path: Path) -> None:
    """A rate needs two readings; what did not change need not be captured twice."""
    put(tmp_path, "files/proc/stat", "cpu 1")
    put(tmp_path, "files/proc/meminfo", "same")
    put(tmp_path, "later/proc/stat", "cpu 2")
    put(tmp_path, "later/proc/77/stat", "new")
    host = capture(tmp_path)
    assert host.read("/proc/stat") == b"cpu 1"
    assert host.list("/proc") == ["meminfo", "stat"]
    host.wait(timedelta(seconds=1))
    assert host.read("/proc/stat") == b"cpu 2"
    assert host.read("/proc/meminfo") == b"same"
    assert host.list("/proc") == ["77", "meminfo", "stat"]


def test_time_is_as_it_was(tmp_path: Path) -> None:
    """A rate over half a second that truly took 0.8 would be wrong by half."""
    runs = [{"argv": ["df"], "took_seconds": 0.25}]
    host = capture(tmp_path, clock={"now": "2025-03-01T12:00:00Z", "between_seconds": 0.8}, runs=runs)
    assert (host.now(), host.elapsed()) == (datetime(2025, 3, 1, 12, tzinfo=UTC), 0)
    host.wait(timedelta(seconds=0.5))
    assert host.elapsed() == 0.8
    host.wait(timedelta(seconds=0.5))
    host.run(["df"])
    assert host.elapsed() == pytest.approx(1.55)
    assert host.now() == datetime(2025, 3, 1, 12, 0, 1, 550_000, tzinfo=UTC)


def test_what_was_refused_then_is_refused_now(tmp_path: Path) -> None:
    """`Not allowed` at the customer's must not read as `not there` at the technician's."""
    put(tmp_path, "files/proc/42/stat", "42 (x) R")
    refusals = [
        {"path": "/etc/shadow", "reason": "not-allowed", "detail": "Permission denied"},
        {"path": "/proc/42", "reason": "not-there", "later": True},
    ]
    runs = [{"argv": ["df"], "refused": "too-slow", "detail": "did not end within 10 s"}]
    host = capture(tmp_path, refusals=refusals, runs=runs)
    with pytest.raises(NotAllowed, match="Permission denied"):
        host.read("/etc/shadow")
    with pytest.raises(TooSlow, match="within 10 s"):
        host.run(["df"])
    assert host.read("/proc/42/stat") == b"42 (x) R"
    assert host.list("/proc") == ["42"]
    host.wait(timedelta(seconds=1))
    with pytest.raises(NotThere):
        host.read("/proc/42/stat")
    assert host.list("/proc") == []


def test_a_command_may_answer_otherwise_the_second_time(tmp_path: Path) -> None:
    """Counters that only a command shows are read twice too."""
    put(tmp_path, "runs/second.txt", "two")
    host = capture(
        tmp_path,
        runs=[{"argv": ["ss"], "stdout": "one"}, {"argv": ["ss"], "stdout_file": "runs/second.txt", "later": True}],
    )
    assert host.run(["ss"]).text == "one"
    host.wait(timedelta(seconds=1))
    assert host.run(["ss"]).text == "two"
    with pytest.raises(NotThere, match="not captured: ss -l"):
        host.run(["ss", "-l"])


def test_empty_folders_can_be_said(tmp_path: Path) -> None:
    """Version control keeps no empty folder, and empty is not absent."""
    host = capture(tmp_path, folders={"/var/crash": []})
    assert host.list("/var/crash") == []
    with pytest.raises(NotThere):
        host.list("/var/log")


@pytest.mark.parametrize("name", ["link-to-file", "through/etc/secret", "over/../../secret", "folder"])
def test_a_strangers_bundle_reads_nothing_of_ours(name: str, tmp_path: Path) -> None:
    """A bundle is opened on a technician's computer, which holds better secrets than any customer's."""
    (tmp_path / "secret").write_text("mine")
    folder = tmp_path / "bundle"
    (folder / "files/etc").mkdir(parents=True)
    (folder / "files/etc/link-to-file").symlink_to(tmp_path / "secret")
    (folder / "files/etc/through").symlink_to("/")
    (folder / "files/etc/folder").mkdir()
    runs = [
        {"argv": ["x"], "stdout_file": f"files/etc/{name}"},
        {"argv": ["y"], "stdout_file": str(tmp_path / "secret")},
    ]
    host = capture(folder, runs=runs)
    with pytest.raises((NotThere, NotAllowed)):
        host.read(f"/etc/{name}")
    for command in ("x", "y"):
        with pytest.raises((NotThere, NotAllowed)):
            host.run([command])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("facts.json", "{"),
        ("facts.json", "[]"),
        ("facts.json", '{"name": "x"}'),
        ("facts.json", "\ud800"),
        ("clock.json", '{"now": "2025-03-01T12:00:00"}'),
        ("clock.json", '{"now": "yesterday"}'),
        ("clock.json", '{"now": "2025-03-01T12:00:00Z", "between_seconds": -1}'),
        ("clock.json", '{"now": "2025-03-01T12:00:00Z", "betwen_seconds": 1}'),
        ("runs.json", '[{"argv": "df"}]'),
        ("runs.json", '[{"argv": [], "took_seconds": 1e300}]'),
        ("asks.json", '[{"address": "::1", "port": 53, "answer_hex": "0"}]'),
        ("refusals.json", '[{"path": "/", "reason": "because"}]'),
        ("stats.json", '{"/": {"kind": "sock"}}'),
        ("links.json", "[" * 100_000),
    ],
)
def test_a_folder_that_is_no_capture_says_which_file_and_why(name: str, content: str, tmp_path: Path) -> None:
    """A technician learns what is wrong with the bundle instead of seeing our insides."""
    capture(tmp_path)
    (tmp_path / name).write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(FeldsherError, match=name) as refused:
        Recorded(tmp_path)
    assert refused.value.slug == "bundle"


@pytest.mark.parametrize("name", ["facts.json", "clock.json"])
def test_the_two_files_that_must_be_there(name: str, tmp_path: Path) -> None:
    """A folder picked by mistake is recognised at once."""
    capture(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(FeldsherError, match=f"{name} is missing"):
        Recorded(tmp_path)
    (tmp_path / name).mkdir()
    with pytest.raises(FeldsherError, match=f"{name}: a folder"):
        Recorded(tmp_path)

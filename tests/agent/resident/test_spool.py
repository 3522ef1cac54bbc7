"""What waits on disk to be sent."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from agent.resident.spool import KEEP_FREE_BYTES, Room, Spool
from contract.errors import FeldsherError
from contract.exchange import Gap, Item

AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PLENTY = Room(100 * KEEP_FREE_BYTES, 90 * KEEP_FREE_BYTES)
EVERYTHING = 1 << 30


def opened(folder: Path, quota_bytes: int = 1 << 20, room: Room = PLENTY) -> Spool:
    return Spool(folder, now=lambda: AT, quotas_bytes={1: 1 << 20, 2: quota_bytes}, room=lambda _: room)


def ids(spool: Spool) -> list[str]:
    return [waiting.id for waiting in spool.batch(EVERYTHING)]


def gaps(spool: Spool) -> list[Gap]:
    items = [msgspec.json.decode(waiting.content, type=Item) for waiting in spool.batch(EVERYTHING)]
    return [msgspec.json.decode(item.body, type=Gap) for item in items if item.kind == "gap"]


def test_the_urgent_go_first_and_then_the_oldest(tmp_path: Path) -> None:
    """Evidence must not wait behind a month of vitals."""
    spool = opened(tmp_path)
    for item, urgency in [("v-1", 2), ("v-2", 2), ("plea-1", 1), ("evidence-1", 0)]:
        spool.put(item, "vitals", AT, b"{}", urgency)
    assert ids(spool) == ["evidence-1", "plea-1", "v-1", "v-2"]


def test_what_was_kept_is_there_after_a_restart_byte_for_byte(tmp_path: Path) -> None:
    """A promise to keep something outlives the process."""
    opened(tmp_path).put("v-1", "vitals", AT, '{"я": [1.50, "\\u001b"]}'.encode(), 2)
    (waiting,) = opened(tmp_path).batch(EVERYTHING)
    head = '{"id":"v-1","kind":"vitals","at":"2026-11-22T10:00:00Z","body":'
    assert waiting.content == (head + '{"я": [1.50, "\\u001b"]}}').encode()
    assert msgspec.json.decode(waiting.content, type=Item).at == AT


def test_the_same_id_is_kept_once(tmp_path: Path) -> None:
    """Hands that are not sure whether they were heard bring it again."""
    spool = opened(tmp_path)
    spool.put("evidence-1", "evidence", AT, b"{}", 0)
    spool.put("evidence-1", "evidence", AT, b"{}", 0)
    assert spool.counts == {0: 1, 1: 0, 2: 0}


def test_a_batch_ends_before_it_is_too_large_but_never_stays_empty(tmp_path: Path) -> None:
    """One large plea must not block the line for ever."""
    spool = opened(tmp_path)
    for number in range(3):
        spool.put(f"v-{number}", "vitals", AT, b'"' + b"x" * 1000 + b'"', 2)
    assert len(spool.batch(2500)) == 2
    assert len(spool.batch(10)) == 1
    assert len(spool.batch(EVERYTHING, limit_items=2)) == 2


def test_what_was_accepted_is_gone_for_good(tmp_path: Path) -> None:
    """Else the disk fills up with what the collector has."""
    spool = opened(tmp_path)
    spool.put("v-1", "vitals", AT, b"{}", 2)
    spool.put("v-2", "vitals", AT, b"{}", 2)
    spool.remove(["v-1", "unknown"])
    assert ids(opened(tmp_path)) == ["v-2"]


@pytest.mark.parametrize("damage", [b"", b"\0" * 70, b'{"id":"v-1","kind":"vitals"'])
def test_a_damaged_item_is_set_aside_and_the_rest_goes_on(tmp_path: Path, damage: bytes) -> None:
    """A bad sector must not silence a machine."""
    spool = opened(tmp_path)
    spool.put("v-1", "vitals", AT, b"{}", 2)
    spool.put("v-2", "vitals", AT, b"{}", 2)
    next((tmp_path / "2").glob("*v-1.json")).write_bytes(damage)
    assert ids(spool) == ["v-2"]
    assert spool.counts[2] == 1
    assert spool.aside() == {"refused": 0, "damaged": 1}
    assert [path.read_bytes() for path in (tmp_path / "damaged").iterdir()] == [damage]


def test_a_refused_item_is_kept_with_its_reason(tmp_path: Path) -> None:
    """Somebody will want to know why it never arrived."""
    spool = opened(tmp_path)
    spool.put("v-1", "vitals", AT, b"{}", 2)
    spool.set_aside("v-1", "schema", "no samples")
    assert ids(spool) == []
    assert spool.aside()["refused"] == 1
    (reason,) = (tmp_path / "refused").glob("*.reason")
    assert json.loads(reason.read_text())["slug"] == "schema"


def test_files_of_others_and_unfinished_ones_are_not_sent(tmp_path: Path) -> None:
    """What is not ours is left alone; what was cut in the writing is cleared away."""
    opened(tmp_path)
    (tmp_path / "2" / "notes.txt").write_text("mine")
    (tmp_path / "2" / ".new-000000000001-00000000-v-1.json").write_text("{")
    spool = opened(tmp_path)
    assert ids(spool) == []
    assert [path.name for path in (tmp_path / "2").iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "", ".hidden", "a/b", "a\n", "ü", "x" * 121])
def test_an_id_that_is_no_name_of_a_file_is_refused(tmp_path: Path, name: str) -> None:
    """Ids come from other processes."""
    with pytest.raises(FeldsherError, match="schema"):
        opened(tmp_path).put(name, "vitals", AT, b"{}", 2)


def test_over_its_quota_the_oldest_go_and_a_gap_says_how_many(tmp_path: Path) -> None:
    """Thirty days offline: what had to go is never gone silently."""
    spool = opened(tmp_path, quota_bytes=3 * 4096)
    for number in range(8):
        spool.put(f"v-{number}", "vitals", AT + timedelta(minutes=number), b"{}", 2)
    assert [item for item in ids(spool) if item.startswith("v-")] == ["v-5", "v-6", "v-7"]
    (gap,) = gaps(spool)
    assert (gap.kind, gap.count) == ("vitals", 5)
    assert (gap.first, gap.last) == (AT, AT + timedelta(minutes=4))


def test_a_gap_that_may_have_been_sent_does_not_grow(tmp_path: Path) -> None:
    """The collector keeps an id once; a count added later would be lost."""
    spool = opened(tmp_path, quota_bytes=4096)
    spool.put("v-0", "vitals", AT, b"{}", 2)
    spool.put("v-1", "vitals", AT, b"{}", 2)
    spool.mark_offered(ids(spool))
    spool.put("v-2", "vitals", AT, b"{}", 2)
    assert [gap.count for gap in gaps(spool)] == [1, 1]
    assert len({item for item in ids(spool) if item.startswith("gap-")}) == 2


def test_every_item_is_delivered_or_counted_in_a_gap(tmp_path: Path) -> None:
    """The ledger: generated = delivered + gaps, whatever happens between."""
    generated, delivered, counted = 0, set[str](), 0
    spool = opened(tmp_path, quota_bytes=5 * 4096)
    for turn in range(60):
        spool.put(f"v-{turn}", "vitals", AT, b"{}", 2)
        generated += 1
        if turn % 13 == 7:
            batch = spool.batch(EVERYTHING, limit_items=3)
            spool.mark_offered(waiting.id for waiting in batch)
            if turn % 2:
                taken = [msgspec.json.decode(waiting.content, type=Item) for waiting in batch]
                counted += sum(msgspec.json.decode(one.body, type=Gap).count for one in taken if one.kind == "gap")
                delivered |= {one.id for one in taken if one.kind != "gap"}
                spool.remove(one.id for one in taken)
        if turn % 17 == 16:
            spool = opened(tmp_path, quota_bytes=5 * 4096)
    counted += sum(gap.count for gap in gaps(spool))
    delivered |= {item for item in ids(spool) if item.startswith("v-")}
    assert len(delivered) + counted == generated


def test_the_agent_never_takes_the_last_room_for_vitals_but_does_for_evidence(tmp_path: Path) -> None:
    """A monitoring agent that fills the disk is the illness."""
    spool = opened(tmp_path, room=Room(100 * KEEP_FREE_BYTES, KEEP_FREE_BYTES))
    spool.put("v-1", "vitals", AT, b"{}", 2)
    spool.put("evidence-1", "evidence", AT, b"{}", 0)
    assert ids(spool)[-1] == "evidence-1" or "v-1" not in ids(spool)
    assert "evidence-1" in ids(spool)
    assert [gap.count for gap in gaps(spool)] == [1]


def test_pleas_have_a_quota_and_are_refused_before_anyone_says_saved(tmp_path: Path) -> None:
    """Any user may knock at the door; none may fill the disk through it."""
    spool = Spool(tmp_path, now=lambda: AT, quotas_bytes={1: 4096}, room=lambda _: PLENTY)
    spool.put("plea-1", "plea", AT, b"{}", 1)
    with pytest.raises(FeldsherError, match="storage-full"):
        spool.put("plea-2", "plea", AT, b"{}", 1)
    assert ids(spool) == ["plea-1"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield folder
    subprocess.run(["/bin/umount", "-l", str(folder)], check=True)


def test_on_a_full_disk_vitals_make_room_for_evidence(small_disk: Path) -> None:
    """The evidence of a repair that freed a full disk has to fit on it first."""
    spool = opened(small_disk)
    for number in range(8):
        spool.put(f"v-{number}", "vitals", AT, b'"' + b"x" * 3000 + b'"', 2)
    (small_disk / "someone-elses").write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * 4096))
    spool.put("evidence-1", "evidence", AT, b'"' + b"x" * 10_000 + b'"', 0)
    spool.put("evidence-2", "evidence", AT, b'"' + b"x" * 3_000 + b'"', 0)
    left = ids(spool)
    assert {"evidence-1", "evidence-2"} <= set(left)
    lost = 8 - sum(item.startswith("v-") for item in left)
    assert lost
    assert sum(gap.count for gap in gaps(spool)) == lost
    with pytest.raises(FeldsherError, match="storage-full"):
        spool.put("evidence-3", "evidence", AT, b'"' + b"x" * 90_000 + b'"', 0)
    assert "evidence-3" not in ids(spool)


def test_a_file_name_holds_the_checksum_of_its_bytes(tmp_path: Path) -> None:
    """Support reads spools by hand too."""
    opened(tmp_path).put("v-1", "vitals", AT, b"{}", 2)
    (path,) = (tmp_path / "2").iterdir()
    assert path.name == f"000000000001-{crc32(path.read_bytes()):08x}-v-1.json"

"""Filesystems: what is asked, what is told."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.hosts.base import NotAllowed, Space
from agent.probes.disk_linux import Reading, understand, worth_asking
from contract.sample import Sample, Value
from tests.fakes.capture import until_unreadable

ROOM = Space(total_bytes=1000, free_bytes=300, available_bytes=200, inodes=10, inodes_free=4)


def line(path: str, kind: str, device: str = "8:1", options: str = "rw,relatime", filesystem: str = "rw") -> str:
    return f"29 1 {device} / {path} {options} shared:1 master:2 - {kind} /dev/x {filesystem}\n"


def paths(*lines: str) -> list[str]:
    return [mount.path for mount in worth_asking("".join(lines).encode())]


def told(reading: Reading) -> dict[tuple[str, str], Value]:
    return {(sample.name, sample.where["mount"]): sample.value for sample in understand(reading)}


def test_nothing_is_asked_of_a_file_server() -> None:
    """A dead one would hang the checkup of everybody whose home lies on it."""
    kinds = ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "fuse.gvfsd-fuse", "9p", "ceph", "fuseblk", "autofs"]
    assert paths(line("/", "ext4"), *(line(f"/mnt/{kind}", kind, f"0:{n}") for n, kind in enumerate(kinds))) == ["/"]


def test_what_is_full_by_design_is_left_out() -> None:
    """Every Ubuntu has a dozen snaps at 100 %."""
    kinds = ["squashfs", "iso9660", "erofs"]
    assert paths(line("/", "xfs"), *(line(f"/snap/{kind}", kind, f"7:{n}") for n, kind in enumerate(kinds))) == ["/"]


def test_a_bind_mount_is_no_second_disk() -> None:
    """One full disk would be three tickets."""
    assert paths(line("/srv/www/data", "ext4"), line("/srv", "ext4"), line("/srv2", "ext4")) == ["/srv"]


def test_memory_filesystems_only_where_people_and_programs_write() -> None:
    """A full /tmp stops programs; a full box of the system's own is none of ours."""
    places = ["/run", "/tmp", "/dev/shm", "/run/user/1000", "/sys/fs/cgroup", "/run/lock"]
    assert paths(*(line(place, "tmpfs", f"0:{n}") for n, place in enumerate(places))) == ["/dev/shm", "/run", "/tmp"]


def test_an_overlay_counts_only_as_the_root() -> None:
    """A container's host has hundreds of them, all the same room."""
    assert paths(line("/", "overlay", "0:5"), line("/var/lib/docker/overlay2/x/merged", "overlay", "0:6")) == ["/"]


def test_the_mount_on_top_is_the_one_that_counts() -> None:
    """What lies beneath cannot be written to, however empty it is."""
    (mount,) = worth_asking((line("/data", "ext4", "8:1") + line("/data", "xfs", "8:2")).encode())
    assert mount.kind == "xfs"


def test_names_with_blanks_and_backslashes_stay_whole() -> None:
    """A disk named "My Photos" would be asked for as "/media/My"."""
    assert paths(line("/media/My\\040Photos\\011\\134x", "ext4")) == ["/media/My Photos\t\\x"]


def test_a_name_that_is_no_utf8_can_be_asked_and_shown() -> None:
    """An old disk with names in another code page would stop the list."""
    mountinfo = line("/media/XX", "ext4").encode().replace(b"XX", b"\xcf\xf0\x1b")
    (mount,) = worth_asking(mountinfo)
    assert mount.path.encode("utf-8", "surrogateescape") == b"/media/\xcf\xf0\x1b"
    assert ("filesystem.type", "/media/\\xcf\\xf0\\x1b") in told(Reading(mountinfo, b"", {mount.path: ROOM}))


def test_utilization_is_what_df_shows() -> None:
    """Root's reserve is not the customer's: 700 used and 200 to write is 78 %, not 70 %."""
    seen = told(Reading(line("/", "ext4").encode(), b"", {"/": ROOM}))
    assert seen["system.filesystem.usage.used", "/"] == 700
    assert seen["system.filesystem.usage.free", "/"] == 200
    assert seen["system.filesystem.utilization", "/"] == pytest.approx(700 / 900)
    assert seen["filesystem.inode_utilization", "/"] == pytest.approx(0.6)


def test_a_filesystem_without_a_limit_of_files_says_nothing_of_it() -> None:
    """Btrfs says 0 of 0: that is not "none left"."""
    seen = told(Reading(line("/", "btrfs").encode(), b"", {"/": Space(100, 50, 50, 0, 0)}))
    assert not [name for name, _ in seen if "inode" in name]


@pytest.mark.parametrize(
    ("options", "filesystem"), [("ro,relatime", "rw"), ("rw", "ro,errors=remount-ro"), ("ro", "ro")]
)
def test_read_only_is_seen_wherever_it_was_set(options: str, filesystem: str) -> None:
    """After a disk error the kernel sets it on the filesystem, not on the mount."""
    mountinfo = line("/", "ext4", options=options, filesystem=filesystem).encode()
    assert told(Reading(mountinfo, b"", {"/": ROOM}))["filesystem.read_only", "/"] is True


def test_read_only_on_purpose_is_told_apart() -> None:
    """A /boot that is meant to be read-only would be a ticket for ever."""
    mountinfo = (line("/boot", "ext4", "8:2", "ro") + line("/", "ext4", "8:1", "rw")).encode()
    fstab = b"# comment\n/dev/sda2 /boot ext4 ro,nodev 0 2\n/dev/sda1 / ext4 errors=remount-ro 0 1\nshort line\n"
    seen = told(Reading(mountinfo, fstab, {"/boot": ROOM, "/": ROOM}))
    assert seen["filesystem.read_only_wanted", "/boot"] is True
    assert seen["filesystem.read_only_wanted", "/"] is False


@pytest.mark.parametrize(
    "bad", [Space(-1, 0, 0, 0, 0), Space(10, 20, 5, 0, 0), Space(2**64, 1, 1, 0, 0), NotAllowed("/b")]
)
def test_one_bad_mount_does_not_hide_the_others(bad: Space | NotAllowed) -> None:
    """The full disk would go unseen because of a broken memory stick beside it."""
    mountinfo = (line("/a", "ext4", "8:1") + line("/b", "ext4", "8:2") + line("/c", "ext4", "8:3")).encode()
    samples, why = until_unreadable(understand(Reading(mountinfo, b"", {"/a": ROOM, "/b": bad, "/c": ROOM})))
    assert "/b" in why
    assert {sample.where["mount"] for sample in samples if sample.name == "system.filesystem.limit"} == {"/a", "/c"}
    assert Sample("filesystem.type", "ext4", "text", {"mount": "/b"}) in samples


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["/", "/a", "/a/b", "/é", "/run", "/tmp"]),
            st.sampled_from(["ext4", "tmpfs", "nfs", "squashfs", "overlay"]),
            st.sampled_from(["8:1", "8:2", "0:3"]),
        ),
        min_size=1,
    )
)
def test_each_device_and_each_path_once(mounts: list[tuple[str, str, str]]) -> None:
    """Two samples of one name at one place cancel each other out for every rule."""
    asked = worth_asking("".join(itertools.starmap(line, mounts)).encode())
    assert len({mount.path for mount in asked}) == len({mount.device for mount in asked}) == len(asked)

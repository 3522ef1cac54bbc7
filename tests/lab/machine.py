"""Real Debian machines with systemd, booted for one test each and thrown away.

One base tree is made once (``.lab/base``); every machine is an overlay on it, so what a test changed is exactly the
upper folder. A machine has no network but its own loopback: nothing it does can leave it.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG

import psutil

PROJECT = Path(__file__).resolve().parents[2]
LAB = PROJECT / ".lab"
SUITE = "bookworm"
PYTHON = (3, 11)
"""The Python of that suite: our compiled libraries must be made for the same one."""
PACKAGES = (
    "systemd", "systemd-sysv", "systemd-timesyncd", "dbus",
    "iproute2", "iputils-ping", "procps", "cron", "logrotate", "python3",
)  # fmt: skip
INSIDE = "/opt/feldsher"
PATIENCE_SECONDS = 60

# What a running system writes of itself: no repair answers for it.
RESTLESS = (
    "var/log/", "var/lib/feldsher", "var/lib/systemd/", "var/cache/ldconfig", "var/tmp/", "run/", "tmp/", "root/.cache",
    "etc/machine-id", "var/lib/dbus/machine-id", "etc/.pwd.lock", "var/lib/logrotate/",
)  # fmt: skip


class CannotBoot(Exception):
    """This computer cannot boot a machine; the text says why, and what would help."""


@dataclass(frozen=True)
class Ran:
    """How a command inside went."""

    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Disk:
    """A small filesystem of its own, at *mount* inside. It can be filled without hurting anybody."""

    mount: str
    size_mib: int
    inodes: int


@dataclass(frozen=True)
class Machine:
    """One booted machine. *leader* is its first process as we see it; *changes* the folders of what it changed."""

    name: str
    leader: int
    changes: tuple[Path, ...]

    def run(
        self,
        *argv: str,
        stdin: str = "",
        ok: bool = True,
        environment: Mapping[str, str] | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> Ran:
        """Run a command inside to its end; with *ok* (the default) anything but exit code 0 fails the test."""
        inside = ("nsenter", "--target", str(self.leader), "--all", "--", "env", "--ignore-environment")
        command = [*inside, *_settings(environment), *argv]
        ran = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=patience, check=False)
        assert not ok or ran.returncode == 0, f"{' '.join(argv)}: {ran.returncode}\n{ran.stdout}{ran.stderr}"
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def feldsher(self, *arguments: str, ok: bool = True, stdin: str = "") -> Ran:
        """Run the product inside, from this very checkout."""
        return self.run("python3", f"{INSIDE}/cli.py", *arguments, ok=ok, stdin=stdin)

    def start(self, unit: str, *argv: str) -> None:
        """Start a lasting command inside as the service *unit*."""
        settings = [f"--setenv={setting}" for setting in _settings(None)]
        self.run("systemd-run", "--quiet", f"--unit={unit}", "--collect", *settings, *argv)

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """Make a file inside."""
        self.run(
            "sh",
            "-c",
            'mkdir -p "$(dirname "$1")" && cat > "$1" && chmod "$2" "$1"',
            "sh",
            path,
            f"{mode:o}",
            stdin=text,
        )

    def read(self, path: str) -> str:
        """Return a file from inside."""
        return self.run("cat", path).stdout

    def snapshot(self) -> dict[str, str]:
        """Return everything a repair could have changed: each changed path with what it is now, and what runs."""
        self.run("sync")
        files = {
            f"{folder.name}/{path.relative_to(folder)}": _described(path)
            for folder in self.changes
            for path in sorted(folder.rglob("*"))
            if not path.is_dir() and not str(path.relative_to(folder)).startswith(RESTLESS)
            # Taken away and put back as it was: it lies in the upper folder now, and is the same.
            if not _is_as_in_base(path, folder)
        }
        units = self.run(
            "systemctl", "list-units", "--type=service", "--all", "--plain", "--no-legend", "--full"
        ).stdout
        states = (line.split()[:4] for line in units.splitlines())
        running = {f"unit {unit}": f"{active} {sub}" for unit, _, active, sub in states if active != "inactive"}
        return files | {unit: state for unit, state in running.items() if not unit.startswith("unit feldsher")}


def _is_as_in_base(path: Path, folder: Path) -> bool:
    below = LAB / "base" / path.relative_to(folder)
    return os.path.lexists(below) and _described(below) == _described(path)


def why_not() -> str:
    """Return why no machine can be booted here, in one sentence; empty when one can."""
    if os.geteuid() != 0:
        return "booting a machine wants root: sudo make lab"
    missing = [tool for tool in ("systemd-nspawn", "debootstrap", "nsenter", "mkfs.ext4") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} missing: apt-get install systemd-container debootstrap util-linux e2fsprogs"
    if sys.version_info[:2] != PYTHON:
        return f"the machines run Python {PYTHON[0]}.{PYTHON[1]}: make lab PYTHON=python3.11 in a fresh clone"
    return ""


def make_base() -> Path:
    """Return the base tree, made on the first call (about a minute, from this computer's own package mirror)."""
    base, recipe, wanted = LAB / "base", LAB / "base.recipe", " ".join((SUITE, *PACKAGES))
    if recipe.exists() and recipe.read_text() == wanted:
        return base
    LAB.mkdir(exist_ok=True)
    unfinished = LAB / "base.part"
    for folder in (base, unfinished):
        shutil.rmtree(folder, ignore_errors=True)
    command = [
        "debootstrap",
        "--variant=minbase",
        f"--include={','.join(PACKAGES)}",
        SUITE,
        str(unfinished),
        *_mirror(),
    ]
    with (LAB / "debootstrap.log").open("wb") as log:
        made = subprocess.run(command, stdout=log, stderr=subprocess.STDOUT, check=False)
    if made.returncode != 0:
        raise CannotBoot(f"debootstrap failed; see {LAB / 'debootstrap.log'}")
    # A machine that was never started makes its own identity: two of them must not look like clones.
    (unfinished / "etc/machine-id").write_text("")
    (unfinished / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    (unfinished / INSIDE.lstrip("/")).mkdir(parents=True)
    unfinished.rename(base)
    recipe.write_text(wanted)
    return base


@contextmanager
def booted(base: Path, *disks: Disk) -> Iterator[Machine]:
    """Boot a fresh machine with *disks* of its own. It is gone afterwards, and so are its mounts."""
    sweep()
    name = f"feldsher-lab-{os.getpid()}"
    folder = LAB / "machines" / name
    for part in ("upper", "work", "root"):
        (folder / part).mkdir(parents=True)
    try:
        layers = f"lowerdir={base},upperdir={folder}/upper,workdir={folder}/work"
        _must("mount", "-t", "overlay", name, "-o", layers, str(folder / "root"))
        _install(folder / "root")
        mounted = [(disk.mount, _make_disk(folder / f"disk{number}", disk)) for number, disk in enumerate(disks)]
        console = folder / "console.log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as announced:
            announced.bind(f"\0{name}")
            announced.settimeout(PATIENCE_SECONDS)
            nspawn = _boot(folder, name, [f"--bind={path}:{mount}" for mount, path in mounted])
            try:
                leader = _await_ready(announced, console)
                yield Machine(name, leader, (folder / "upper", *(path for _, path in mounted)))
            finally:
                _power_off(nspawn)
    finally:
        sweep()


def _boot(folder: Path, name: str, binds: list[str]) -> "subprocess.Popen[bytes]":
    command = [
        "systemd-nspawn", "--quiet", f"--directory={folder / 'root'}", f"--machine={name}",
        "--register=no", "--keep-unit", "--boot", "--notify-ready=yes", "--private-network",
        "--link-journal=no", "--resolv-conf=off", "--timezone=off", f"--bind-ro={PROJECT}:{INSIDE}", *binds,
    ]  # fmt: skip
    environment = os.environ | {"NOTIFY_SOCKET": f"@{name}"}
    quiet = subprocess.DEVNULL
    with (folder / "console.log").open("wb") as console:
        return subprocess.Popen(
            command, stdin=quiet, stdout=console, stderr=console, env=environment, start_new_session=True
        )


def _install(root: Path) -> None:
    """Let the machine's own Python find this checkout and its libraries, as an installed copy would be found."""
    packages = root / f"usr/local/lib/python{PYTHON[0]}.{PYTHON[1]}/dist-packages"
    packages.mkdir(parents=True, exist_ok=True)
    libraries = Path(psutil.__file__).parents[1].relative_to(PROJECT)
    (packages / "feldsher.pth").write_text(f"{INSIDE}\n{INSIDE}/{libraries}\n")


def _make_disk(at: Path, disk: Disk) -> Path:
    image = at.with_suffix(".image")
    with image.open("wb") as file:
        file.truncate(disk.size_mib * 1024 * 1024)
    _must("mkfs.ext4", "-q", "-m", "0", "-N", str(disk.inodes), str(image))
    at.mkdir()
    _must("mount", "-o", "loop", str(image), str(at))
    return at


def sweep() -> None:
    """Take away what machines of this or of an earlier, interrupted test run left behind."""
    for folder in (LAB / "machines").glob("feldsher-lab-*"):
        owner = int(folder.name.rpartition("-")[2])
        if owner != os.getpid() and psutil.pid_exists(owner):
            continue
        for mounted in (folder / "root", *folder.glob("disk[0-9]")):
            unmount = ("umount", "--recursive", str(mounted))
            subprocess.run(unmount, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(folder)
    for group in sorted(Path("/sys/fs/cgroup").glob("*/payload/**"), reverse=True):
        with suppress(OSError):  # somebody's own machine still lives in it
            group.rmdir()


def _settings(environment: Mapping[str, str] | None) -> list[str]:
    settings = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": "/root",
        "PYTHONDONTWRITEBYTECODE": "1",
        **(environment or {}),
    }
    return [f"{name}={value}" for name, value in settings.items()]


def _mirror() -> list[str]:
    """Return this computer's own mirror of the suite, as arguments; none when it has none: debootstrap knows one."""
    for source in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        for stanza in source.read_text().split("\n\n"):
            fields = dict(
                line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith("#")
            )
            if SUITE in fields.get("Suites", "").split():
                return [fields["URIs"].split()[0]]
    lists = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.list"))]
    for line in "\n".join(path.read_text() for path in lists if path.exists()).splitlines():
        words = [word for word in line.split() if not word.startswith(("[", "signed-by", "arch")) and word != "]"]
        if words[:1] == ["deb"] and words[2:3] == [SUITE]:
            return [words[1]]
    return []


def _await_ready(announced: socket.socket, console: Path) -> int:
    said: list[str] = []
    try:
        # nspawn tells its leader first and, much later, that the system inside is up.
        while "READY=1" not in said:
            said += announced.recv(4096).decode().splitlines()
    except TimeoutError:
        raise CannotBoot(f"the machine did not come up: {console.read_text(errors='replace')[-2000:]}") from None
    return int(dict(line.split("=", 1) for line in said)["X_NSPAWN_LEADER_PID"])


def _power_off(nspawn: "subprocess.Popen[bytes]") -> None:
    with suppress(psutil.NoSuchProcess, IndexError):
        # systemd's own signal for "power off"; it ends every service first.
        psutil.Process(nspawn.pid).children()[0].send_signal(signal.SIGRTMIN + 4)
    try:
        nspawn.wait(PATIENCE_SECONDS / 4)
    except subprocess.TimeoutExpired:
        nspawn.kill()
        nspawn.wait()


def _described(path: Path) -> str:
    status = path.lstat()
    what = f"{status.st_mode:o} {status.st_uid}:{status.st_gid}"
    if S_ISLNK(status.st_mode):
        return f"{what} -> {path.readlink()}"
    if S_ISREG(status.st_mode):
        return f"{what} {sha256(path.read_bytes()).hexdigest()}"
    # An overlay writes a removed file as a device: that too is a change.
    return what if not S_ISDIR(status.st_mode) else ""


def _must(*argv: str) -> None:
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise CannotBoot(f"{' '.join(argv)}: {ran.stderr.strip()}")

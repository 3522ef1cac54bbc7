"""A real ``sshd`` of our own on a loopback port, with keys of its own, and a line to it that counts connections."""

import getpass
import os
import shutil
import socket
import subprocess
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent.hosts.ssh_address import Address, Proof, Trust
from agent.hosts.ssh_known_hosts import fingerprint_of

SBIN = "/usr/sbin:/usr/local/sbin"
PATIENCE_SECONDS = 20.0


class Sshd:
    """A server that is up: where it is, and what opens it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.user = getpass.getuser()
        self.identity = folder / "client"
        self.log = folder / "log"

    @property
    def address(self) -> Address:
        return Address(self.user, "127.0.0.1", self.port)

    @property
    def host_key(self) -> str:
        """Kind and key, as in a line of known_hosts."""
        return " ".join((self.folder / "host.pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        return fingerprint_of(b64decode(self.host_key.split()[1]))

    @property
    def trust(self) -> Trust:
        return Trust(fingerprint=self.fingerprint)

    @property
    def proof(self) -> Proof:
        return Proof(identity=self.identity)


def make_key(path: Path, *more: str) -> None:
    """Make a key pair at *path*."""
    words = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path), *more)
    subprocess.run(words, check=True, timeout=PATIENCE_SECONDS)


@contextmanager
def sshd(folder: Path, *settings: str) -> Iterator[Sshd]:
    """Run a server in *folder* with *settings* on top of ours; skip, and say why, where there is none."""
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:{SBIN}")
    if program is None or shutil.which("ssh-keygen") is None:
        pytest.skip("sshd is not installed: apt-get install openssh-server")
    if os.geteuid() == 0:
        # An empty folder that sshd wants to find when root starts it; a service manager makes it otherwise.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in ("host", "client"):
        if not (folder / name).exists():
            make_key(folder / name)
    (folder / "authorized").write_text((folder / "client.pub").read_text())
    (folder / "authorized").chmod(0o600)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ours = (
        *(f"Port {port}", "ListenAddress 127.0.0.1", f"HostKey {folder}/host", f"PidFile {folder}/pid"),
        *(f"AuthorizedKeysFile {folder}/authorized", "StrictModes no", "UsePAM no", "PermitRootLogin yes"),
        *("PasswordAuthentication no", "KbdInteractiveAuthentication no", "PrintMotd no", "UseDNS no"),
    )
    # The first of two settings counts.
    (folder / "config").write_text("\n".join([*settings, *ours, ""]))
    here = Sshd(folder, port)
    # Not by `processes.start`: it would be one of its trees, in the way of the tests that are about those. In our own
    # session, for in another the sweep of a time limit would take it for a stray.
    words = (program, "-D", "-e", "-f", str(folder / "config"))
    with here.log.open("ab") as log, subprocess.Popen(words, stderr=log, stdin=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not _listens(port):
                assert server.poll() is None, here.log.read_text()
                assert time.monotonic() < deadline
                server_is_up = threading.Event()
                server_is_up.wait(0.02)
            yield here
        finally:
            server.terminate()
            server.wait(PATIENCE_SECONDS)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Line:
    """A forwarder on loopback: counts the connections, and can cut them all."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self.connections += 1
                for one, other in ((near, far), (far, near)):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._open.append(one)
                    thread = threading.Thread(target=_pump, args=(one, other), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def cut(self) -> None:
        for one in self._open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self.cut()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        for one in self._open:
            one.close()


def _pump(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while part := one.recv(65536):
            other.sendall(part)
    with suppress(OSError):
        other.shutdown(socket.SHUT_WR)

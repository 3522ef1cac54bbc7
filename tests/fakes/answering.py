"""Servers on this machine's own loopback, and a recorded machine whose questions go to them."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from agent.hosts.local_linux import LocalLinux
from agent.hosts.recorded import Recorded

Answer = Callable[[bytes], bytes]


@contextmanager
def server(answer: Answer) -> Iterator[int]:
    """Answer datagrams on a loopback port of its own, which is given; an empty answer is not sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        thread = threading.Thread(target=_serve, args=(listening, answer), daemon=True)
        thread.start()
        yield port
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stopping:
            stopping.sendto(b"", ("127.0.0.1", port))
        thread.join()


def _serve(listening: socket.socket, answer: Answer) -> None:
    while True:
        question, asker = listening.recvfrom(4096)
        if not question:
            return
        if reply := answer(question):
            listening.sendto(reply, asker)


class Answering(Recorded):
    """Files from *folder*; a question to an address of *ports* goes to that loopback port, for *patience* at most."""

    def __init__(self, folder: Path, ports: Mapping[str, int], patience: timedelta = timedelta(seconds=2)) -> None:
        super().__init__(folder)
        self._ports = ports
        self._patience = patience
        self._local = LocalLinux()
        self.asked: list[tuple[str, int]] = []

    def elapsed(self) -> float:
        """Real seconds: the servers are real."""
        return self._local.elapsed()

    def ask(self, address: str, port: int, payload: bytes, time_limit: timedelta) -> bytes:
        """Ask the loopback server that stands for *address*; 127.0.0.1 unlisted at its own port."""
        self.asked.append((address, port))
        local = self._ports.get(address, port if address == "127.0.0.1" else None)
        if local is None:
            raise AssertionError(f"asked {address}, which nobody configured")
        return self._local.ask("127.0.0.1", local, payload, min(time_limit, self._patience))

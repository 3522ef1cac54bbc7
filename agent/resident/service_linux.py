"""What systemd wants to hear, and the hands it starts for us. Standard library only."""

import os
import socket
from pathlib import Path

HANDS_SOCKET = Path("/run/feldsher/hands.sock")


def notify(words: str) -> None:
    """Tell systemd *words* (``READY=1``, ``WATCHDOG=1``); without systemd nobody listens, and that is all right."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # A leading @ means the abstract namespace, whose names begin with a zero byte (sd_notify(3)).
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        try:
            line.sendto(words.encode(), name)
        except OSError:
            # The manager is being replaced: it will hear the next one.
            return


class SocketHands:
    """Hands that systemd starts for us, as root, when we connect."""

    def __init__(self, path: Path = HANDS_SOCKET) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._line.connect(str(path))
        except OSError:
            self._line.close()
            raise
        self._line.settimeout(0)

    def fileno(self) -> int:
        """Return where they speak."""
        return self._line.fileno()

    def give(self, content: bytes) -> None:
        """Write *content*; it always fits the socket's buffer, or they are not listening."""
        if self._line.send(content) != len(content):
            raise OSError("the hands do not listen")

    def take(self) -> bytes:
        """Return what has come; empty at the end."""
        return self._line.recv(256 * 1024)

    def leave(self) -> None:
        """Close our side. Whoever is still at work there finishes it alone."""
        self._line.close()

    def end(self) -> None:
        """Close our side: they belong to systemd, and its time limit for them ends them."""
        self._line.close()

    def is_gone(self) -> bool:
        """Whether there is nothing left to wait for here."""
        return True

"""The servers of the street a machine lives in, run inside it: a name server and a clock. Standard library only.

``dns ADDRESS`` answers every question; ``shy-dns ADDRESS`` is silent as soon as the machine is told to ask it;
``clock ADDRESS SECONDS`` tells a time that is SECONDS ahead of the machine's own.
"""

import socket
import struct
import sys
import time
from pathlib import Path

SINCE_1900_SECONDS = 2_208_988_800
DNS, NTP = 53, 123
RESOLV_CONF = Path("/etc/resolv.conf")


def serve_names(address: str, *, shy: bool) -> None:
    """Say of every name that it is served by ``ns.street``."""
    line = _bound(address, DNS)
    while True:
        question, who = line.recvfrom(512)
        if shy and address in RESOLV_CONF.read_text():
            continue
        end = question.index(b"\0", 12) + 5
        server = b"\x02ns\x06street\0"
        record = b"\xc0\x0c" + struct.pack(">HHIH", 2, 1, 60, len(server)) + server
        line.sendto(question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:end] + record, who)


def tell_time(address: str, ahead_seconds: float) -> None:
    """Tell the time, *ahead_seconds* wrong, as a first-hand source."""
    line = _bound(address, NTP)
    while True:
        question, who = line.recvfrom(512)
        now = time.time() + SINCE_1900_SECONDS + ahead_seconds
        stamp = struct.pack(">II", int(now), int(now % 1 * 2**32))
        head = struct.pack(">BBbbII4s", 0x24, 1, 6, -20, 0, 0, b"GPS\0")
        line.sendto(head + stamp + question[40:48] + stamp + stamp, who)


def _bound(address: str, port: int) -> socket.socket:
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind((address, port))
    return line


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["dns" | "shy-dns" as kind, address]:
            serve_names(address, shy=kind == "shy-dns")
        case ["clock", address, ahead]:
            tell_time(address, float(ahead))
        case _:
            sys.exit(__doc__)

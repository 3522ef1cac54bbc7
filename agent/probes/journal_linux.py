"""Errors in systemd's journal since this start of the machine, counted by who sent them.

Messages hold what people typed and where they work. They are not asked for, so they cannot leak.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct

from agent.hosts.base import Host, NotThere, Unreachable
from agent.probes import journal
from agent.probes.base import Probe, Unreadable
from agent.probes.plain import shown, visible, words
from contract.sample import Sample

# Not -o cat: before systemd 246 it ignores --output-fields and prints the messages themselves.
ERRORS = (
    "journalctl",
    "--boot",
    "--priority=err",
    "--output=json",
    "--output-fields=SYSLOG_IDENTIFIER,_COMM",
    "--lines=1000",
    "--no-pager",
)
MOST_SENDERS = 50
FOLDERS = ("/var/log/journal", "/run/log/journal")
SYSTEM = "system.journal"
_UNKNOWN = "unknown"


class Reading(Struct, frozen=True):
    """One line of JSON a message, the newest thousand at most."""

    lines: bytes
    cut_bytes: int


def read(host: Host) -> Reading:
    """Ask for the senders of the errors since the start."""
    _must_be_readable(host)
    ran = host.run(ERRORS)
    if ran.exit_code:
        raise Unreachable("journal", shown(ran.error_text.strip()))
    return Reading(ran.stdout, ran.cut_bytes)


def understand(reading: Reading) -> Iterator[Sample]:
    """Yield the count, and the count by sender, the loudest first."""
    senders: Counter[str] = Counter()
    garbled = 0
    for line in reading.lines.splitlines():
        if line.startswith(b"-- "):
            continue  # "-- No entries --", "-- Boot … --": said to people, even in JSON
        try:
            senders[_sender(msgspec.json.decode(line, type=dict[str, Any]))] += 1
        except (msgspec.DecodeError, UnicodeDecodeError):
            garbled += 1
    if garbled and not senders:
        raise Unreadable(f"not the journal in JSON: {shown(words(reading.lines))}")
    for sender, count in senders.most_common(MOST_SENDERS):
        yield journal.ERRORS_BY_SENDER(count, identifier=sender)
    if reading.cut_bytes or garbled:
        raise Unreadable(f"{garbled} messages could not be understood, {reading.cut_bytes} bytes were too many")
    yield journal.ERRORS(senders.total())


def _must_be_readable(host: Host) -> None:
    """Raise `NotThere` where no journal is kept, `NotAllowed` where the system's own part of it is closed to us.

    journalctl says neither when it prints JSON: it counts what it may see, and a false "no errors" comes out.
    """
    for folder in FOLDERS:
        for machine in _names(host, folder):
            if SYSTEM in _names(host, f"{folder}/{machine}"):
                host.read(f"{folder}/{machine}/{SYSTEM}", 1)
                return
    raise NotThere("journal", "none is kept")


def _names(host: Host, folder: str) -> Sequence[str]:
    try:
        return host.list(folder)
    except NotThere:
        return ()


def _sender(entry: dict[str, Any]) -> str:
    for field in ("SYSLOG_IDENTIFIER", "_COMM"):
        name = entry.get(field)
        # A field written twice comes as a list; one that is no UTF-8, as a list of its bytes.
        if isinstance(name, list) and name and isinstance(name[0], str):
            name = name[0]
        if isinstance(name, str) and name:
            return visible(name[:64])
    return _UNKNOWN


PROBE = Probe(
    "journal",
    gives=journal.ALL,
    read=read,
    understand=understand,
    runs=(ERRORS,),
    reads=tuple(f"{folder}/*/{SYSTEM} (its first byte: whether we may)" for folder in FOLDERS),
    every=timedelta(minutes=15),
)

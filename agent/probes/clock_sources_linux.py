"""Which time servers a Linux machine follows: those of timesyncd, chrony and ntpd, and the list of its owner."""

from collections.abc import Iterable

from agent.hosts.base import Host, NotAllowed, NotThere
from agent.probes.controls import listed, or_nothing
from agent.probes.plain import words

TIMESYNCD = "/etc/systemd/timesyncd.conf"
TIMESYNCD_MORE = "/etc/systemd/timesyncd.conf.d"
LISTS = ("/etc/chrony/chrony.conf", "/etc/chrony.conf", "/etc/ntpsec/ntp.conf", "/etc/ntp.conf")
LISTS_MORE = ("/etc/chrony/conf.d", "/etc/chrony/sources.d")
CONTROLS = "/etc/feldsher/control-clocks"
FILES = (TIMESYNCD, *LISTS)
FOLDERS = (TIMESYNCD_MORE, *LISTS_MORE)
_LEADS = frozenset({"server", "pool", "peer"})
# ntpd names its own drivers by addresses of this net; they are no servers.
_DRIVERS = "127.127."


def sources(host: Host) -> list[str]:
    """Return the servers, the owner's own list first, each once."""
    found = listed(host, CONTROLS)
    for path in (TIMESYNCD, *_inside(host, TIMESYNCD_MORE, (".conf",))):
        found += _of_settings(or_nothing(host, path), ("NTP", "FallbackNTP"))
    for path in (*LISTS, *(each for folder in LISTS_MORE for each in _inside(host, folder, (".conf", ".sources")))):
        found += _of_list(or_nothing(host, path))
    return list(dict.fromkeys(found))


def of_timesyncd(shown: bytes) -> list[str]:
    """Return the servers that a running timesyncd says it follows, its maker's own among them."""
    return list(dict.fromkeys(_of_settings(shown, ("LinkNTPServers", "SystemNTPServers", "FallbackNTPServers"))))


def _of_settings(content: bytes, keys: Iterable[str]) -> list[str]:
    found = []
    for key in keys:
        for line in words(content).splitlines():
            name, equals, value = line.partition("=")
            if equals and name.strip() == key:
                found += value.split()
    return found


def _of_list(content: bytes) -> list[str]:
    lines = map(str.split, words(content).splitlines())
    return [
        fields[1] for fields in lines if len(fields) > 1 and fields[0] in _LEADS and not fields[1].startswith(_DRIVERS)
    ]


def _inside(host: Host, folder: str, endings: tuple[str, ...]) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in host.list(folder) if name.endswith(endings)]
    except (NotThere, NotAllowed):
        return []

"""Services of systemd, by the properties its own documentation promises; no word that is translated is read."""

from collections.abc import Iterator

from msgspec import Struct

from agent.hosts.base import Host, NotThere, Unreachable
from agent.probes import services
from agent.probes.base import Probe, Unreadable
from agent.probes.plain import number, shown, visible, words
from contract.sample import Sample

# --all: without it systemd leaves out the units that are inactive, and a stopped service would be unknown, not stopped.
SHOW = (
    "systemctl",
    "show",
    "--all",
    "--property=Id,LoadState,ActiveState,Result,NRestarts",
    "*.service",
)
# Named by somebody's "After=" and not installed: no service of this machine.
_ABSENT = "not-found"
MOST = 1000


class Reading(Struct, frozen=True):
    """What systemd printed, and how much of it was cut."""

    shown: bytes
    cut_bytes: int


def read(host: Host) -> Reading:
    """Ask systemd for all services it has loaded."""
    if host.facts.init != "systemd":
        raise NotThere("systemd", f"services here are started by {host.facts.init or 'something else'}")
    ran = host.run(SHOW)
    if ran.exit_code:
        raise Unreachable("systemd", shown(ran.error_text.strip()))
    return Reading(ran.stdout, ran.cut_bytes)


def understand(reading: Reading) -> Iterator[Sample]:
    """Yield state, result and restarts of each, and the count of those that failed."""
    shown_units = map(_properties, words(reading.shown).split("\n\n"))
    units = sorted((unit for unit in shown_units if _is_here(unit)), key=lambda unit: unit["Id"])
    if not units:
        raise Unreadable(f"systemd told of no service: {shown(words(reading.shown))}")
    failed, garbled = 0, 0
    for unit in units[:MOST]:
        where = visible(unit["Id"])
        is_failed = unit["ActiveState"] == "failed"
        failed += is_failed
        yield services.FAILED(is_failed, service=where)
        yield services.ACTIVE(unit["ActiveState"] in ("active", "reloading", "refreshing"), service=where)
        if unit.get("Result"):
            yield services.RESULT(visible(unit["Result"]), service=where)
        try:
            yield services.RESTARTS(number(unit.get("NRestarts", "")), service=where)
        except Unreadable:
            garbled += 1
    if reading.cut_bytes or len(units) > MOST:
        raise Unreadable(f"systemd told of more services than we take; {min(len(units), MOST)} of them are told")
    yield services.FAILED_COUNT(failed)
    if garbled:
        raise Unreadable(f"no count of restarts of {garbled} services")


def _properties(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.strip().splitlines())
    return {key: value for key, equals, value in pairs if equals}


def _is_here(unit: dict[str, str]) -> bool:
    return bool(unit.get("Id")) and bool(unit.get("ActiveState")) and unit.get("LoadState") not in (_ABSENT, None)


PROBE = Probe("services", gives=services.ALL, read=read, understand=understand, runs=(SHOW,))

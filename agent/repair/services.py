"""Acts on what runs: services through systemd, and single programs."""

from datetime import timedelta
from typing import Any

from agent.hosts.base import Host, NotAllowed, NotThere
from agent.repair.action import Acted, Arguments, acted

SERVICE_NAME = r"[A-Za-z0-9_][A-Za-z0-9@_.:\\-]{0,254}"

GRACE = timedelta(seconds=5)
"""How long a program may take to end by itself before it is made to."""

PROTECTED = frozenset(
    {"systemd", "init", "systemd-journal", "systemd-journald", "systemd-logind", "systemd-udevd", "dbus-daemon"}
    | {"dbus-broker", "sshd", "Xorg", "Xwayland", "gnome-shell", "kwin_wayland", "kwin_x11", "plasmashell", "gdm3"}
    | {"NetworkManager", "dockerd", "containerd", "libvirtd", "feldsher"}
)
"""Programs whose end takes the machine, the session or the way to it along: a person decides about those."""


def find_service(host: Host, arguments: Arguments) -> dict[str, str]:
    """Return whether the service was running, for the inverse; refuse one that is not there or is masked."""
    service = arguments["service"]
    argv = ("systemctl", "show", "--property=LoadState,ActiveState", "--", service)
    said = dict(line.split("=", 1) for line in host.run(argv).text.splitlines() if "=" in line)
    match said.get("LoadState"):
        case "loaded":
            return {"active": said.get("ActiveState", "")}
        case "masked":
            raise NotAllowed(service, "somebody masked this service on purpose")
        case _:
            raise NotThere(service, "there is no such service")


def start(host: Host, arguments: Arguments, time_limit: timedelta) -> Acted:
    """Start a service."""
    return _systemctl(host, "start", arguments["service"], time_limit, "started")


def restart(host: Host, arguments: Arguments, time_limit: timedelta) -> Acted:
    """Restart a service; one that does not run is started."""
    return _systemctl(host, "restart", arguments["service"], time_limit, "restarted")


def reset_failed(host: Host, arguments: Arguments, time_limit: timedelta) -> Acted:
    """Forget that a service failed, and how often: without it one that failed too quickly cannot be started again."""
    return _systemctl(host, "reset-failed", arguments["service"], time_limit, "forgot the failures of")


def stop_again(host: Host, arguments: Arguments, before: Any, time_limit: timedelta) -> Acted:
    """Stop a service that was not running before; leave one that was."""
    service = arguments["service"]
    if before["active"] in {"active", "reloading", "activating"}:
        return Acted(ok=True, did=f"left {service} running, as it was found")
    return _systemctl(host, "stop", service, time_limit, "stopped, as it was found,")


def leave_forgotten(_host: Host, arguments: Arguments, _before: Any, _time_limit: timedelta) -> Acted:
    """Do nothing: failures that were forgotten are counted anew when it fails again."""
    return Acted(ok=True, did=f"the earlier failures of {arguments['service']} stay forgotten")


def refuse_protected(_host: Host, arguments: Arguments) -> None:
    """Refuse to end what holds the machine or the session together."""
    pid, program = arguments["pid"], arguments["program"]
    if pid <= 1 or program in PROTECTED or program.startswith("feldsher"):
        raise NotAllowed(f"{program} ({pid})", "ending it would end more than this program; a person decides")


def end_process(host: Host, arguments: Arguments, _time_limit: timedelta) -> Acted:
    """End one program, and prove that the very one that was found is gone."""
    pid, program, started = arguments["pid"], arguments["program"], arguments["started"]
    try:
        gone = host.end_process(pid, started, GRACE)
    except NotThere:
        return Acted(ok=True, did=f"{program} ({pid}) had already ended by itself")
    if gone:
        return Acted(ok=True, did=f"ended {program} ({pid}); it is gone")
    return Acted(ok=False, did=f"asked {program} ({pid}) to end", detail="it is still there")


def _systemctl(host: Host, verb: str, service: str, time_limit: timedelta, did: str) -> Acted:
    # Nobody is there to type a password: without the option a missing right would wait for one.
    argv = ("systemctl", "--no-ask-password", verb, "--", service)
    return acted(host.run(argv, time_limit=time_limit), f"{did} {service}")

"""Acts on settings: which servers look names up, whether the clock is kept right, and what else a command does."""

import base64
from datetime import timedelta
from ipaddress import ip_address
from typing import Any

from agent.hosts.base import FileKind, Host, NotAllowed, NotThere
from agent.repair.action import Acted, Arguments, acted

RESOLV_CONF = "/etc/resolv.conf"
MOST_SERVERS = 3
"""The C library reads no more name servers than this: https://man7.org/linux/man-pages/man5/resolv.conf.5.html"""

TIME_SERVICES = (
    "chrony.service",
    "chronyd.service",
    "ntp.service",
    "ntpd.service",
    "ntpsec.service",
    "systemd-timesyncd.service",
)
"""What timedatectl may switch on and off: the lists of /usr/lib/systemd/ntp-units.d of the distributions."""

# Each writes its name into the file it makes, and writes over what others put there.
_MANAGERS = ("systemd-resolved", "NetworkManager", "resolvconf")


def save_dns(host: Host, arguments: Arguments) -> dict[str, str]:
    """Return the file as it is; refuse one that another program makes, and a server that is no address."""
    for server in arguments["servers"].split(","):
        try:
            ip_address(server)
        except ValueError:
            raise NotAllowed(RESOLV_CONF, f"{server!r} is not the address of a server") from None
    if host.stat(RESOLV_CONF).kind is not FileKind.FILE:
        raise NotAllowed(RESOLV_CONF, "it is a link: another program manages the name servers")
    content = host.read(RESOLV_CONF)
    for manager in _MANAGERS:
        comments = [line for line in content.splitlines() if line.lstrip().startswith((b"#", b";"))]
        if any(manager.encode() in line for line in comments):
            raise NotAllowed(RESOLV_CONF, f"{manager} manages the name servers and would undo it")
    return {"content": base64.b64encode(content).decode()}


def set_dns(host: Host, arguments: Arguments, _time_limit: timedelta) -> Acted:
    """Put the given servers first, leave out the one to drop, keep everything else in the file."""
    dropped = arguments.get("drop", "")
    wanted = arguments["servers"].split(",")
    servers, rest = [*wanted], []
    for line in host.read(RESOLV_CONF).decode("utf-8", errors="surrogateescape").splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            servers += [words[1]] if words[1] not in {*servers, dropped} else []
        else:
            rest.append(line)
    lines = [f"nameserver {server}" for server in servers[:MOST_SERVERS]] + rest
    host.write(RESOLV_CONF, ("\n".join(lines) + "\n").encode("utf-8", errors="surrogateescape"))
    left_out = f", without {dropped}" if dropped else ""
    return Acted(ok=True, did=f"set the name servers to {', '.join(servers[:MOST_SERVERS])}{left_out}")


def restore_dns(host: Host, _arguments: Arguments, before: Any, _time_limit: timedelta) -> Acted:
    """Write the file back, byte for byte."""
    original = base64.b64decode(before["content"])
    if host.read(RESOLV_CONF) == original:
        return Acted(ok=True, did="the name servers are as they were found")
    host.write(RESOLV_CONF, original)
    return Acted(ok=True, did=f"wrote {RESOLV_CONF} back as it was found")


def save_time_setting(host: Host, _arguments: Arguments) -> dict[str, Any]:
    """Return whether the clock was kept right, and what starts at boot; refuse where nothing could keep it."""
    said = _timedatectl_show(host)
    if said.get("CanNTP") != "yes":
        raise NotThere("time service", "no program that keeps the clock right is installed")
    return {"on": said.get("NTP", "no"), "starts": _time_services_that_start(host)}


def time_sync_on(host: Host, _arguments: Arguments, time_limit: timedelta) -> Acted:
    """Let the system keep its clock right."""
    return _set_ntp(host, "true", time_limit, "switched on that the system keeps its clock right")


def restore_time_setting(host: Host, _arguments: Arguments, before: Any, time_limit: timedelta) -> Acted:
    """Switch it off again where it was off. How far the clock moved meanwhile stays."""
    if before["on"] == "yes":
        return Acted(ok=True, did="left the clock's setting on, as it was found")
    acts = [_set_ntp(host, "false", time_limit, "switched off again that the system keeps its clock right")]
    # Switching off also keeps the services from starting at the next boot; those that did before, do again.
    for service in before["starts"]:
        ran = host.run(("systemctl", "--no-ask-password", "enable", service), time_limit=time_limit)
        acts.append(acted(ran, f"left {service} to start at the next boot, as it was found"))
    return Acted(
        ok=all(act.ok for act in acts),
        did="; ".join(act.did for act in acts),
        output="\n".join(act.output for act in acts if act.output),
    )


def run_command(host: Host, arguments: Arguments, time_limit: timedelta) -> Acted:
    """Run one command without a shell."""
    argv = arguments["argv"]
    return acted(host.run(argv, time_limit=time_limit), "ran " + " ".join(argv))


def note(_host: Host, arguments: Arguments, _time_limit: timedelta) -> Acted:
    """Write a sentence into the evidence; touch nothing."""
    return Acted(ok=True, did=arguments["text"])


def _time_services_that_start(host: Host) -> list[str]:
    """Return which of the services that may keep the clock start at boot."""
    ran = host.run(("systemctl", "show", "--property=Id,UnitFileState", *TIME_SERVICES))
    units = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in ran.text.split("\n\n")]
    return sorted({unit.get("Id", "") for unit in units if unit.get("UnitFileState") == "enabled"})


def _set_ntp(host: Host, value: str, time_limit: timedelta, did: str) -> Acted:
    argv = ("timedatectl", "--no-ask-password", "set-ntp", value)
    return acted(host.run(argv, time_limit=time_limit), did)


def _timedatectl_show(host: Host) -> dict[str, str]:
    ran = host.run(("timedatectl", "show"))
    return dict(line.split("=", 1) for line in ran.text.splitlines() if "=" in line)

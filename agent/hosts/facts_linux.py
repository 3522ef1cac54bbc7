"""What a Linux machine says of itself."""

import os
import shlex
from collections.abc import Mapping

from contract.report import HostFacts
from contract.text import Language

# Families by what repairs differ in: the package tool and where settings lie.
_FAMILIES = {
    "debian": "debian",
    "ubuntu": "debian",
    "rhel": "rhel",
    "fedora": "rhel",
    "centos": "rhel",
    "redos": "rhel",
    "suse": "suse",
    "opensuse": "suse",
    "sles": "suse",
    "arch": "arch",
    "alpine": "alpine",
    "altlinux": "alt",
    "gentoo": "gentoo",
    "nixos": "nixos",
}


def facts_from(
    os_release: str, uname: os.uname_result, init: str, environment: Mapping[str, str], *, elevated: bool
) -> HostFacts:
    """Return the facts that these words say."""
    release = understand_os_release(os_release)
    return HostFacts(
        name=uname.nodename,
        os="linux",
        family=family_of(release),
        version=release.get("VERSION_ID", ""),
        kernel=uname.release,
        init=init,
        arch=uname.machine,
        elevated=elevated,
        language=language_of(environment),
    )


def understand_os_release(text: str) -> dict[str, str]:
    """Return the assignments of an ``os-release`` file; a line that is none is passed over, as os-release(5) asks."""
    release = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if not equals or name.startswith("#"):
            continue
        try:
            release[name] = "".join(shlex.split(value))
        except ValueError:  # a quote that is never closed
            release[name] = value.strip("\"'")
    return release


def family_of(release: Mapping[str, str]) -> str:
    """Return the family of a distribution, by its own name or by those it says it is like."""
    own = release.get("ID", "").lower()
    for name in (own, *release.get("ID_LIKE", "").lower().split()):
        for known in (name, name.partition("-")[0]):
            if known in _FAMILIES:
                return _FAMILIES[known]
    return own or "unknown"


def language_of(environment: Mapping[str, str]) -> Language:
    """Return the language to speak to whoever set *environment*."""
    chosen = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "ru" if chosen.lower().startswith("ru") else "en"

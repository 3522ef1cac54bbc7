"""Who a Linux machine says it is."""

import os

import pytest

from agent.hosts.facts_linux import facts_from, family_of, language_of, understand_os_release

UNAME = os.uname_result(("Linux", "pc7", "6.1.0-18-amd64", "#1 SMP", "x86_64"))
UBUNTU = """
# a comment = no fact
NAME="Ubuntu"
ID=ubuntu
ID_LIKE=debian
VERSION_ID="24.04"
PRETTY_NAME="Ubuntu 24.04 \\"Noble\\" 'x'"
BROKEN="never closed
no assignment
"""


def test_the_facts_of_a_machine() -> None:
    """They head every report and every ticket."""
    facts = facts_from(UBUNTU, UNAME, "systemd", {"LANG": "ru_RU.UTF-8"}, elevated=False)
    assert (facts.name, facts.os, facts.family, facts.version) == ("pc7", "linux", "debian", "24.04")
    assert (facts.kernel, facts.arch, facts.init) == ("6.1.0-18-amd64", "x86_64", "systemd")
    assert (facts.elevated, facts.language) == (False, "ru")


def test_a_machine_without_os_release_still_has_facts() -> None:
    """A container built from nothing is a machine too."""
    facts = facts_from("", UNAME, "none", {}, elevated=True)
    assert (facts.family, facts.version, facts.language) == ("unknown", "", "en")


def test_quotes_are_those_of_a_shell() -> None:
    """os-release(5) says so, and distributions use it."""
    release = understand_os_release(UBUNTU)
    assert release["PRETTY_NAME"] == "Ubuntu 24.04 \"Noble\" 'x'"
    assert release["BROKEN"] == "never closed"
    assert "# a comment" not in release


@pytest.mark.parametrize(
    ("release", "family"),
    [
        ({"ID": "debian"}, "debian"),
        ({"ID": "astra", "ID_LIKE": "debian"}, "debian"),
        ({"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}, "debian"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "rhel"),
        ({"ID": "fedora"}, "rhel"),
        ({"ID": "opensuse-leap", "ID_LIKE": "suse opensuse"}, "suse"),
        ({"ID": "opensuse-tumbleweed"}, "suse"),
        ({"ID": "manjaro", "ID_LIKE": "arch"}, "arch"),
        ({"ID": "alpine"}, "alpine"),
        ({"ID": "altlinux"}, "alt"),
        ({"ID": "Void"}, "void"),
        ({}, "unknown"),
    ],
)
def test_families(release: dict[str, str], family: str) -> None:
    """A repair asks the family's package tool; the wrong one would not even be there."""
    assert family_of(release) == family


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "ru"}, "ru"),
        ({"LANG": "ru_RU", "LC_ALL": ""}, "ru"),
    ],
)
def test_the_language_is_the_persons(environment: dict[str, str], language: str) -> None:
    """A customer reads what we say only in their own language; the order of the three is gettext's."""
    assert language_of(environment) == language

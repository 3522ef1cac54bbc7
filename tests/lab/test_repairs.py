"""Real machines, really broken: the right cause first, the repair and its proof; in vain, the machine as it was."""

import shlex
from collections.abc import Iterable

import msgspec
import pytest

from contract.evidence import Evidence, StepEnd, Verdict
from tests.lab.clinic import CLOCKS, DEAD_RESOLVER, OWN, RESOLVER, SHARED, Clinic
from tests.lab.conftest import Admit
from tests.lab.machine import Disk

pytestmark = pytest.mark.lab

SHOP = """[Unit]
Description=A shop that will not open without its settings
[Service]
ExecStart=/bin/sh -c 'test "$(cat /etc/shop.conf)" = good && exec sleep infinity'
Restart=on-failure
RestartSec=50ms
[Install]
WantedBy=multi-user.target
"""


def mend(clinic: Clinic, rule: str, playbook: str) -> Evidence:
    """Diagnose, see the plan, repair, and repair again: the whole promise, whatever the fault."""
    finding = clinic.found(rule)
    assert playbook in finding.remedy
    before = clinic.machine.snapshot()
    plan = clinic.repair(playbook, finding.where, "--check")
    assert plan.verdict is Verdict.PLANNED
    assert [step.end for step in plan.steps if step.end is StepEnd.WOULD_DO]
    assert differences(before, clinic.machine.snapshot()) == []

    evidence = clinic.repair(playbook, finding.where)
    assert evidence.verdict is Verdict.FIXED, as_json(evidence)
    assert [found.rule for found in evidence.findings_before] == [rule]
    assert not evidence.findings_after
    assert finding.key not in [found.key for found in clinic.diagnose().findings]

    after = clinic.machine.snapshot()
    again = clinic.repair(playbook, finding.where)
    assert again.verdict is Verdict.HEALTHY, as_json(again)
    assert all(step.end in {StepEnd.NOTHING_TO_DO, StepEnd.SKIPPED} for step in again.steps)
    assert differences(after, clinic.machine.snapshot()) == []
    return evidence


def fail_to_mend(clinic: Clinic, rule: str, playbook: str) -> Evidence:
    """Repair in vain: the finding stays, and the machine is as it was."""
    finding = clinic.found(rule)
    before = clinic.machine.snapshot()
    evidence = clinic.repair(playbook, finding.where)
    assert evidence.verdict is Verdict.PUT_BACK, as_json(evidence)
    assert evidence.findings_after
    assert differences(before, clinic.machine.snapshot()) == []
    return evidence


def as_json(evidence: Evidence) -> str:
    """Return the whole of *evidence*: whoever reads a failed test needs it."""
    return msgspec.json.format(msgspec.json.encode(evidence)).decode()


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return what is not as it was."""
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [f"{name}: {before.get(name, 'absent')} -> {after.get(name, 'absent')}" for name in names]


def break_shop(clinic: Clinic) -> None:
    """Install a service whose settings are wrong, and wait until systemd has given it up."""
    clinic.machine.write("/etc/systemd/system/shop.service", SHOP)
    clinic.machine.write("/etc/shop.conf", "bad\n")
    clinic.machine.run("systemctl", "daemon-reload")
    clinic.machine.run("systemctl", "start", "--no-block", "shop")
    clinic.machine.run("timeout", "20", "sh", "-c", "until systemctl is-failed --quiet shop; do sleep 0.1; done")


def fill(clinic: Clinic, folder: str, names: Iterable[str], each_mib: int) -> None:
    """Write files that are as large as they say."""
    lines = [f"head -c {each_mib}M /dev/zero > {shlex.quote(f'{folder}/{name}')}" for name in names]
    clinic.machine.run("sh", "-c", "set -e; " + f"mkdir -p {shlex.quote(folder)}; " + "; ".join(lines))


def use_up_inodes(clinic: Clinic, folder: str, age: str) -> None:
    """Make empty files until there is room for no more, last written *age* ago."""
    make = (
        'mkdir -p "$1"; cd "$1"; i=0; while true 2>/dev/null > "sess_$i"; do i=$((i + 1)); done; touch -d "$2" sess_*'
    )
    clinic.machine.run("sh", "-c", make, "sh", folder, age, ok=False)


def set_resolvers(clinic: Clinic, *servers: str) -> None:
    """Let the machine ask these name servers."""
    clinic.machine.write("/etc/resolv.conf", "# ours\n" + "".join(f"nameserver {server}\n" for server in servers))


def test_a_failed_service_runs_again(admit: Admit) -> None:
    """Its settings were mended by hand, but nobody started it: the customer's shop stayed closed."""
    clinic = admit()
    break_shop(clinic)
    clinic.machine.write("/etc/shop.conf", "good\n")
    mend(clinic, "service-failed", "restart-service")
    assert clinic.machine.run("systemctl", "is-active", "shop").stdout == "active\n"


def test_a_service_that_still_cannot_start_is_left_as_it_was(admit: Admit) -> None:
    """A technician must find the failure that was there, not one of our making."""
    clinic = admit()
    break_shop(clinic)
    evidence = fail_to_mend(clinic, "service-failed", "restart-service")
    assert evidence.steps[0].end is StepEnd.TAKEN_BACK


def test_a_full_disk_has_room_again(admit: Admit) -> None:
    """Downloaded packages filled it; the customer's own file beside them is not touched."""
    clinic = admit(Disk("/var/cache/apt", 200, 2000))
    fill(clinic, "/var/cache/apt/archives", [f"part{number}_1.0_all.deb" for number in range(11)], 16)
    fill(clinic, "/var/cache/apt/mine", ["thesis.txt"], 7)
    clinic.machine.run("sh", "-c", "head -c 20M /dev/zero > /var/cache/apt/archives/last_1.0_all.deb", ok=False)
    mend(clinic, "disk-almost-full", "free-disk-space")
    assert clinic.machine.run("stat", "--format=%s", "/var/cache/apt/mine/thesis.txt").stdout.strip() == str(7 << 20)


def test_a_disk_full_of_the_customers_own_files_is_not_emptied(admit: Admit) -> None:
    """What is not made again by itself is nobody's to delete."""
    clinic = admit(Disk("/srv", 100, 2000))
    clinic.machine.run("sh", "-c", "head -c 200M /dev/zero > /srv/photos.tar", ok=False)
    fail_to_mend(clinic, "disk-almost-full", "free-disk-space")


def test_exhausted_inodes_are_freed(admit: Admit) -> None:
    """Space there was, but not for one more file: every upload failed."""
    clinic = admit(Disk("/var/lib/php/sessions", 64, 3000))
    use_up_inodes(clinic, "/var/lib/php/sessions", "9 days ago")
    mend(clinic, "inodes-exhausted", "clean-session-files")


def test_sessions_of_today_are_not_deleted(admit: Admit) -> None:
    """Every visitor of the shop would have been signed out."""
    clinic = admit(Disk("/var/lib/php/sessions", 64, 3000))
    use_up_inodes(clinic, "/var/lib/php/sessions", "1 hour ago")
    fail_to_mend(clinic, "inodes-exhausted", "clean-session-files")


def test_a_dead_resolver_is_replaced_by_one_that_answers(admit: Admit) -> None:
    """Every page took five seconds to begin."""
    clinic = admit()
    set_resolvers(clinic, DEAD_RESOLVER, RESOLVER)
    evidence = mend(clinic, "dns-resolver-dead", "repair-dns")
    assert evidence.findings_before[0].where == {"server": DEAD_RESOLVER}
    assert DEAD_RESOLVER not in clinic.machine.read("/etc/resolv.conf")


def test_a_resolver_that_dies_during_the_repair_leaves_the_list_as_it_was(admit: Admit) -> None:
    """A list that was changed in vain would be one more fault to find."""
    clinic = admit()
    clinic.close("dns", RESOLVER)
    clinic.machine.write("/etc/feldsher/control-resolvers", f"{RESOLVER}\n")
    set_resolvers(clinic, OWN)
    clinic.serve("shy-dns", RESOLVER)
    fail_to_mend(clinic, "dns-resolver-dead", "repair-dns")


@pytest.mark.parametrize("manners", ["", "trap '' TERM; "], ids=["polite", "deaf"])
def test_a_runaway_program_is_ended(admit: Admit, manners: str) -> None:
    """Everything was slow, and one program was the cause; it may not even listen when it is asked to end."""
    clinic = admit()
    clinic.machine.start("burner", "sh", "-c", f"{manners}while :; do :; done")
    clinic.machine.run("sleep", "5")
    mend(clinic, "runaway-program", "end-runaway")
    assert clinic.machine.run("systemctl", "is-active", "burner", ok=False).stdout != "active\n"


@pytest.mark.parametrize("was", ["switched off", "down"])
def test_a_clock_that_cannot_be_set_leaves_its_settings_as_they_were(admit: Admit, was: str) -> None:
    """A machine in a container has no right to its clock; pretending it was set would be a lie on a ticket."""
    clinic = admit()
    for clock in CLOCKS:
        clinic.serve("clock", clock, "3600")
    clinic.machine.write("/etc/feldsher/control-clocks", "".join(f"{clock}\n" for clock in CLOCKS))
    # In a container the time service is down though it is meant to start at each boot.
    if was == "switched off":
        clinic.machine.run("timedatectl", "set-ntp", "false")
    fail_to_mend(clinic, "clock-wrong", "fix-clock")


def test_a_healthy_machine_is_left_in_peace(admit: Admit) -> None:
    """A finding on a fresh Debian would be noise on every machine of every customer."""
    report = admit().diagnose()
    assert [finding.key for finding in report.findings if finding.rule not in SHARED] == []
    assert {unseen.probe for unseen in report.not_seen} == set()

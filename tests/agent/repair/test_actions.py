"""Every action: what it does, what it refuses before it touches anything, and that its inverse is one."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from agent.hosts.base import HostError, NotAllowed, NotThere, Ran
from agent.repair.action import Acted
from agent.repair.actions import ACTIONS, TABLE, action_instead_of
from agent.repair.risk import Risk
from tests.fakes.workbench import Workbench, ran

LIMIT = timedelta(seconds=30)
RESOLV = "/etc/resolv.conf"


def carry(host: Workbench, name: str, arguments: Mapping[str, Any]) -> tuple[Acted, Any]:
    action = ACTIONS[name]
    before = action.prepare(host, arguments)
    return action.carry(host, arguments, LIMIT), before


def undo(host: Workbench, name: str, arguments: Mapping[str, Any], before: Any) -> Acted:
    inverse = ACTIONS[name].take_back
    assert inverse is not None
    return inverse(host, arguments, before, LIMIT)


def test_each_action_has_one_row() -> None:
    """Two meanings under one name would make a playbook a gamble."""
    assert len(ACTIONS) == len(TABLE)
    assert all(action.meaning.endswith(".") and action.os for action in TABLE)


def test_a_journal_is_closed_before_it_is_trimmed() -> None:
    """A journal that is one big file in use would not shrink at all."""
    host = Workbench(answers=lambda _argv: "Vacuuming done")
    done, _ = carry(host, "journal.vacuum", {"keep": 157_286_400})
    assert done.ok
    assert host.asked == [("journalctl", "--rotate", "--vacuum-size=157286400")]


def test_a_lock_that_another_installation_holds_is_a_failure() -> None:
    """Its words are evidence for the technician."""
    host = Workbench(answers=lambda _argv: ran(exit_code=100, stderr="Could not get lock"))
    done, _ = carry(host, "packages.clean_cache", {})
    assert not done.ok
    assert done.output == "Could not get lock"
    assert "100" in done.detail


def test_only_the_program_that_was_found_is_ended() -> None:
    """Numbers are used again: the new owner of a number did nothing wrong."""
    host = Workbench()
    host.programs = {50: "new", 60: "old"}
    mine = {"pid": 60, "program": "burn", "started": "old"}
    done, _ = carry(host, "process.end", mine)
    assert done.ok
    reused, _ = carry(host, "process.end", {"pid": 50, "program": "burn", "started": "old"})
    assert reused.ok
    assert host.programs == {50: "new"}


def test_a_program_that_survives_is_a_failure() -> None:
    """Nobody is told that it is gone while it burns on."""
    host = Workbench()
    host.programs, host.stubborn = {60: "old"}, {60}
    done, _ = carry(host, "process.end", {"pid": 60, "program": "burn", "started": "old"})
    assert not done.ok


@pytest.mark.parametrize(("pid", "program"), [(1, "systemd"), (900, "sshd"), (901, "gnome-shell"), (5, "feldsher")])
def test_what_holds_the_machine_together_is_not_ended(pid: int, program: str) -> None:
    """The way to the machine, or the customer's session, would go with it."""
    with pytest.raises(NotAllowed):
        ACTIONS["process.end"].prepare(Workbench(), {"pid": pid, "program": program, "started": "1"})


class Systemd:
    """Enough of systemctl to start and stop one service."""

    def __init__(self, active: str = "failed", load: str = "loaded") -> None:
        self.active, self.load = active, load

    def __call__(self, argv: Sequence[str]) -> str | Ran:
        if "show" in argv:
            return f"LoadState={self.load}\nActiveState={self.active}\n"
        verb = argv[2]
        self.active = {"start": "active", "restart": "active", "stop": "inactive"}.get(verb, self.active)
        return ""


@pytest.mark.parametrize("name", ["service.start", "service.restart"])
@pytest.mark.parametrize(("found", "left"), [("failed", "inactive"), ("active", "active")])
def test_a_service_is_left_as_it_was_found(name: str, found: str, left: str) -> None:
    """One that ran before must not be stopped by the undo."""
    systemd = Systemd(found)
    host = Workbench(answers=systemd)
    arguments = {"service": "nginx.service"}
    done, before = carry(host, name, arguments)
    assert done.ok
    assert systemd.active == "active"
    assert undo(host, name, arguments, before).ok
    assert systemd.active == left


@pytest.mark.parametrize(("load", "error"), [("masked", NotAllowed), ("not-found", NotThere)])
def test_a_masked_or_missing_service_is_refused_before_anything(load: str, error: type[HostError]) -> None:
    """Somebody masked it on purpose."""
    host = Workbench(answers=Systemd(load=load))
    with pytest.raises(error):
        ACTIONS["service.restart"].prepare(host, {"service": "nginx.service"})
    assert all("show" in argv for argv in host.asked)


def test_name_servers_are_set_and_put_back_byte_for_byte() -> None:
    """Options and comments in the file are somebody's work."""
    original = b"# by hand\nsearch office\nnameserver 10.0.0.1\nnameserver 10.0.0.3\noptions timeout:1"
    host = Workbench({RESOLV: original})
    arguments = {"servers": "10.0.0.2", "drop": "10.0.0.1"}
    done, before = carry(host, "dns.set", arguments)
    assert done.ok
    assert host.files[RESOLV] == (
        b"nameserver 10.0.0.2\nnameserver 10.0.0.3\n# by hand\nsearch office\noptions timeout:1\n"
    )
    assert undo(host, "dns.set", arguments, before).ok
    assert host.files[RESOLV] == original
    assert undo(host, "dns.set", arguments, before).ok
    assert host.files[RESOLV] == original


def test_the_c_library_reads_three_name_servers_and_gets_three() -> None:
    """A fourth would be silently ignored, and somebody would wonder."""
    host = Workbench({RESOLV: b"nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n"})
    carry(host, "dns.set", {"servers": "10.0.0.9"})
    assert host.files[RESOLV] == b"nameserver 10.0.0.9\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"


@pytest.mark.parametrize(
    "comment",
    ["# Generated by NetworkManager", "# This is managed by man:systemd-resolved(8).", "# generated by resolvconf(8)"],
)
def test_name_servers_of_another_program_are_refused(comment: str) -> None:
    """It would write its own list over ours within the hour."""
    host = Workbench({RESOLV: f"{comment}\nnameserver 10.0.0.1\n".encode()})
    with pytest.raises(NotAllowed):
        ACTIONS["dns.set"].prepare(host, {"servers": "10.0.0.2"})


def test_a_linked_list_of_name_servers_is_refused() -> None:
    """The link is the other program's."""
    host = Workbench({RESOLV: b""})
    host.links.add(RESOLV)
    with pytest.raises(NotAllowed):
        ACTIONS["dns.set"].prepare(host, {"servers": "10.0.0.2"})


@pytest.mark.parametrize("server", ["resolver.example", "10.0.0.2 evil", "999.1.1.1"])
def test_a_name_server_is_an_address(server: str) -> None:
    """A name could only be looked up by the server that is silent."""
    with pytest.raises(NotAllowed):
        ACTIONS["dns.set"].prepare(Workbench({RESOLV: b""}), {"servers": server})


class Timedate:
    """Enough of timedatectl and of the one service it switches; *starts*: at boot, which is another thing than now."""

    def __init__(self, on: str, can: str = "yes", *, starts: bool = False) -> None:
        self.on, self.can, self.starts = on, can, starts

    def __call__(self, argv: Sequence[str]) -> str:
        match argv:
            case ["systemctl", "show", *_]:
                state = "enabled" if self.starts else "disabled"
                return f"Id=chrony.service\nUnitFileState=\n\nId=systemd-timesyncd.service\nUnitFileState={state}\n"
            case ["systemctl", *_, "enable", "systemd-timesyncd.service"]:
                self.starts = True
            case [*_, "show"]:
                return f"Timezone=UTC\nCanNTP={self.can}\nNTP={self.on}\n"
            case [*_, "set-ntp", value]:
                self.on, self.starts = ("yes", True) if value == "true" else ("no", False)
        return ""


@pytest.mark.parametrize(("found", "starts"), [("yes", True), ("no", False), ("no", True)])
def test_the_clocks_setting_is_put_back(found: str, starts: bool) -> None:
    """Somebody may have switched it off for a reason; and one that only happens to be down must start at boot again."""
    timedate = Timedate(found, starts=starts)
    host = Workbench(answers=timedate)
    done, before = carry(host, "time.sync_on", {})
    assert done.ok
    assert timedate.on == "yes"
    assert undo(host, "time.sync_on", {}, before).ok
    assert (timedate.on, timedate.starts) == (found, starts)


def test_without_a_time_service_nothing_is_switched_on() -> None:
    """It would be a setting without effect."""
    with pytest.raises(NotThere):
        ACTIONS["time.sync_on"].prepare(Workbench(answers=Timedate("no", "no")), {})


def test_only_old_plain_files_right_in_the_folder_go() -> None:
    """A deeper folder may be somebody's; a link may point anywhere; a new file is in use."""
    folder = "/var/lib/php/sessions"
    names = ["old", "new", "link", "deep/old"]
    host = Workbench({f"{folder}/{name}": b"12345" for name in names})
    host.links.add(f"{folder}/link")
    host.ages = {f"{folder}/{name}": timedelta(days=9) for name in ("old", "link", "deep/old")}
    done, _ = carry(host, "folder.clean", {"path": folder, "older_than": 86_400})
    assert done.ok
    assert "removed 1 files, 5 bytes" in done.did
    assert sorted(host.files) == [f"{folder}/{name}" for name in sorted(["deep/old", "link", "new"])]


def test_cleaning_that_runs_out_of_time_says_so() -> None:
    """Half a cleaning is not a cleaning."""

    class Slow(Workbench):
        def remove(self, path: str) -> None:
            super().remove(path)
            self.seconds += 20

    host = Slow({f"/tmp/{number}": b"" for number in range(5)})
    host.ages = dict.fromkeys(host.files, timedelta(days=9))
    done, _ = carry(host, "folder.clean", {"path": "/tmp", "older_than": 1})
    assert not done.ok
    assert "no time" in done.detail
    assert len(host.files) == 3


def test_a_command_is_run_without_a_shell() -> None:
    """Whatever stands in a word stays one word."""
    host = Workbench(answers=lambda _argv: "out")
    done, _ = carry(host, "run", {"argv": ["true", "$(reboot); `id`"]})
    assert done.ok
    assert host.asked == [("true", "$(reboot); `id`")]


@pytest.mark.parametrize(
    ("argv", "better"),
    [
        (["journalctl", "--vacuum-size=200M"], "journal.vacuum"),
        (["/usr/bin/systemctl", "restart", "nginx"], "service.restart"),
        (["apt-get", "-y", "clean"], "packages.clean_cache"),
        (["kill", "-9", "1"], "process.end"),
        (["true"], None),
    ],
)
def test_knows_which_action_a_command_should_be(argv: list[str], better: str | None) -> None:
    """An action knows its risk and its inverse; a command line knows neither."""
    action = action_instead_of(argv)
    assert (action.name if action else None) == better


def test_looking_is_the_only_thing_without_risk() -> None:
    """What changes a machine can do harm."""
    assert [action.name for action in TABLE if action.risk is Risk.OBSERVE] == ["note"]

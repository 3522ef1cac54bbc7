"""The table of actions: one row an action, with its arguments, its risk and its inverse."""

from agent.repair import cleaning, services, settings
from agent.repair.action import Action, Argument
from agent.repair.parameters import Kind
from agent.repair.risk import Risk

_SERVICE = Argument("service", Kind.STRING, pattern=services.SERVICE_NAME)

TABLE = (
    Action(
        "note",
        "Write a sentence into the evidence; touch nothing.",
        Risk.OBSERVE,
        settings.note,
        (Argument("text", Kind.STRING),),
    ),
    Action(
        "journal.vacuum",
        "Keep only the newest part of the system's journal.",
        Risk.LOW,
        cleaning.vacuum_journal,
        (Argument("keep", Kind.SIZE),),
        instead_of=(("journalctl", "--vacuum-size"), ("journalctl", "--vacuum-time"), ("journalctl", "--rotate")),
    ),
    Action(
        "packages.clean_cache",
        "Drop downloaded package files.",
        Risk.LOW,
        cleaning.clean_packages,
        instead_of=(("apt-get", "clean"), ("apt", "clean"), ("dnf", "clean"), ("yum", "clean"), ("zypper", "clean")),
    ),
    Action(
        "temporary.clean",
        "Clean temporary files by the system's own rules and ages.",
        Risk.LOW,
        cleaning.clean_temporary,
        instead_of=(("systemd-tmpfiles",),),
    ),
    Action(
        "folder.clean",
        "Remove old plain files that lie directly in a folder every program must be able to lose.",
        Risk.LOW,
        cleaning.clean_folder,
        (Argument("path", Kind.PATH, within=cleaning.REGENERABLE_FOLDERS), Argument("older_than", Kind.DURATION)),
        cleaning.find_folder,
        instead_of=(("rm",), ("find",)),
    ),
    Action(
        "process.end",
        "End one program: the very one that was found, never another under the same number.",
        Risk.MEDIUM,
        services.end_process,
        (Argument("pid", Kind.INTEGER), Argument("program", Kind.STRING), Argument("started", Kind.STRING)),
        services.refuse_protected,
        instead_of=(("kill",), ("pkill",), ("killall",)),
    ),
    Action(
        "service.start",
        "Start a service.",
        Risk.MEDIUM,
        services.start,
        (_SERVICE,),
        services.find_service,
        services.stop_again,
        instead_of=(("systemctl", "start"), ("service",)),
    ),
    Action(
        "service.restart",
        "Restart a service; one that does not run is started.",
        Risk.MEDIUM,
        services.restart,
        (_SERVICE,),
        services.find_service,
        services.stop_again,
        instead_of=(("systemctl", "restart"), ("service",)),
    ),
    Action(
        "service.reset_failed",
        "Forget that a service failed, and how often.",
        Risk.LOW,
        services.reset_failed,
        (_SERVICE,),
        services.find_service,
        services.leave_forgotten,
        instead_of=(("systemctl", "reset-failed"),),
    ),
    Action(
        "dns.set",
        "Put the given name servers first, leave out the one to drop. Refused where another program manages them.",
        Risk.MEDIUM,
        settings.set_dns,
        (Argument("servers", Kind.LIST), Argument("drop", Kind.HOST, optional=True)),
        settings.save_dns,
        settings.restore_dns,
        instead_of=(("resolvectl", "dns"),),
    ),
    Action(
        "time.sync_on",
        "Let the system keep its clock right.",
        Risk.MEDIUM,
        settings.time_sync_on,
        (),
        settings.save_time_setting,
        settings.restore_time_setting,
        instead_of=(("timedatectl", "set-ntp"), ("ntpdate",)),
    ),
    Action(
        "run",
        "Run one command, given as a list of words, without a shell.",
        Risk.MEDIUM,
        settings.run_command,
    ),
)

ACTIONS = {action.name: action for action in TABLE}


def action_instead_of(argv: list[str]) -> Action | None:
    """Return the action that does what the command line *argv* would do, if there is one."""
    program, words = argv[0].rsplit("/", 1)[-1], argv[1:]
    for action in TABLE:
        for beginning in action.instead_of:
            named = [any(word.startswith(part) for word in words) for part in beginning[1:]]
            if program == beginning[0] and all(named):
                return action
    return None

"""What the hands really do to a machine. Everything heavy is imported only by the task that needs it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from agent.resident.durable import make_folder, write_durably
from contract.evidence import Evidence
from contract.order import Order
from contract.report import Report

if TYPE_CHECKING:
    from agent.repair.journal import RunFolder
    from agent.repair.playbook import Playbook


class Looked(NamedTuple):
    """A scheduled look. *look_again_at* is when it should be looked again, sooner than planned."""

    report: Report
    look_again_at: datetime | None


class Work(NamedTuple):
    """The doings of the hands, so that tests can put others in their place.

    *find* gives the library's playbook, *check_up* looks because somebody ordered it, *look* by the schedule.
    """

    look: Callable[[], Looked]
    check_up: Callable[[], Report]
    find: Callable[[str], "Playbook | None"]
    repair: Callable[[Order, "Playbook", "RunFolder"], Evidence]
    now: Callable[[], datetime]


def real_work(own: Path) -> Work:
    """Return the work on this machine. *own* is the folder of the hands."""
    return Work(
        look=lambda: _look(own / "course.json"),
        check_up=_check_up,
        find=_find,
        repair=_repair,
        now=lambda: datetime.now(UTC),
    )


def _look(course_file: Path) -> Looked:
    from agent.checkup import examine  # noqa: PLC0415 - a repair does without
    from agent.course import Course, advance  # noqa: PLC0415 - the same
    from agent.hosts.local_linux import LocalLinux  # noqa: PLC0415 - the same
    from agent.rule import load_rules  # noqa: PLC0415 - the same

    report = examine(LocalLinux(), why="schedule")
    try:
        memory = msgspec.json.decode(course_file.read_bytes(), type=Course)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError):
        # Forgetting how long something has lasted delays a ticket by that long; it opens none too soon.
        memory = Course()
    step = advance(memory, report.findings, report.cannot_tell, report.at, load_rules(), samples=report.samples)
    make_folder(course_file.parent)
    write_durably(course_file, msgspec.json.encode(step.memory))
    told = {finding.key for finding in step.told}
    watched = tuple(finding for finding in report.findings if finding.key not in told)
    return Looked(msgspec.structs.replace(report, findings=step.told, watched=watched), step.look_again_at)


def _check_up() -> Report:
    from agent.checkup import examine  # noqa: PLC0415 - a repair does without
    from agent.hosts.local_linux import LocalLinux  # noqa: PLC0415 - the same

    return examine(LocalLinux(), why="order")


def _find(name: str) -> "Playbook | None":
    from agent.repair.playbook import load_playbook  # noqa: PLC0415 - a checkup does without
    from contract.errors import FeldsherError  # noqa: PLC0415 - the same

    try:
        return load_playbook(name)
    except FeldsherError as error:
        if error.slug != "not-found":
            raise
        return None


def _repair(order: Order, playbook: "Playbook", run: "RunFolder") -> Evidence:
    from agent.hosts.local_linux import LocalLinux  # noqa: PLC0415 - a checkup does without
    from agent.repair.carry_out import carry_out  # noqa: PLC0415 - the same
    from agent.repair.playbook import resolve_params  # noqa: PLC0415 - the same

    # The collector resolved them; whether they fit is judged here again, by our own copy of the playbook.
    params = resolve_params(playbook, order.params, {})
    return carry_out(playbook, params, LocalLinux(), run, order=order, clock=lambda: datetime.now(UTC))

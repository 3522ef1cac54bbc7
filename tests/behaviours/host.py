"""The exam of the door to a machine: every implementation sits it, and answers or says beforehand what it cannot.

An implementation brings a `Sitting`: itself, and a small scene that it can see, laid out as the fields say.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, timedelta

import pytest

from agent.hosts.base import FileKind, Host, HostError, NotAllowed, NotThere, TooSlow, Unreachable

A_MOMENT = timedelta(milliseconds=2)
PLENTY = timedelta(seconds=20)
CONTENT = b"first\n\xd0\xb6\xff\x00last"
TARGET = "../elsewhere/письмо"
QUESTION = b"\x12\x34how much?"
ANSWER = b"\x12\x34enough"


@dataclass
class Sitting:
    """One implementation at the exam, and the scene before it.

    *folder* holds exactly ``a file`` (`CONTENT`), ``link`` (to `TARGET`) and ``z`` (an empty folder). *server* answers
    `QUESTION` with `ANSWER`; at *nobody* nothing listens. *process* is one that may be ended. *declines* names the
    questions that it does not answer, with the error it gives instead.
    """

    host: Host
    folder: str
    server: tuple[str, int]
    nobody: tuple[str, int]
    process: tuple[int, str]
    declines: dict[str, type[HostError]] = field(default_factory=dict)

    @property
    def file(self) -> str:
        return f"{self.folder}/a file"

    @property
    def link(self) -> str:
        return f"{self.folder}/link"

    @property
    def nothing(self) -> str:
        return f"{self.folder}/nothing"


def says_who_it_is(at: Sitting) -> None:
    """Every report begins with it."""
    facts = at.host.facts
    assert facts.name
    assert facts.os == "linux"
    assert facts.family
    assert facts.language in {"en", "ru"}
    assert at.host.facts == facts


def knows_the_time_with_its_zone(at: Sitting) -> None:
    """A naive time would put an event on the wrong side of midnight."""
    assert at.host.now().tzinfo is UTC


def lets_time_pass(at: Sitting) -> None:
    """A rate is a difference over this clock."""
    begun = at.host.elapsed()
    at.host.wait(A_MOMENT)
    assert at.host.elapsed() - begun >= A_MOMENT.total_seconds()


def reads_byte_for_byte(at: Sitting) -> None:
    """Nothing is decoded, and so nothing is lost, on the way."""
    assert at.host.read(at.file) == CONTENT


def reads_no_more_than_asked(at: Sitting) -> None:
    """A log of ten gigabytes must not come into memory."""
    assert at.host.read(at.file, 5) == CONTENT[:5]
    assert at.host.read(at.file, 0) == b""


def reads_files_alone(at: Sitting) -> None:
    """A link could lead to a secret, and a folder is no file."""
    for path in (at.link, f"{at.folder}/z", at.folder):
        with pytest.raises(NotAllowed):
            at.host.read(path)


def tells_nothing_there(at: Sitting) -> None:
    """Absent is not broken, and not forbidden."""
    ask: list[Callable[[str], object]] = [at.host.read, at.host.list, at.host.stat, at.host.link_target]
    for look in [*ask, at.host.space, at.host.folder_bytes]:
        with pytest.raises(NotThere):
            look(at.nothing)


def lists_in_order(at: Sitting) -> None:
    """Two looks at the same folder must compare equal."""
    assert list(at.host.list(at.folder)) == ["a file", "link", "z"]
    assert list(at.host.list(f"{at.folder}/z")) == []


def sees_what_stands_at_a_path(at: Sitting) -> None:
    """A repair puts back owner and mode as they were."""
    seen = at.host.stat(at.file)
    assert (seen.kind, seen.size_bytes, seen.mode) == (FileKind.FILE, len(CONTENT), 0o640)
    assert seen.modified.tzinfo is UTC
    assert at.host.stat(at.link).kind is FileKind.LINK
    assert at.host.stat(at.folder).kind is FileKind.FOLDER


def tells_where_a_link_points(at: Sitting) -> None:
    """As written: a link that was relative is put back relative."""
    assert at.host.link_target(at.link) == TARGET


def measures_room(at: Sitting) -> None:
    """What an ordinary user may write is never more than what is free."""
    space = at.host.space(at.folder)
    assert space.total_bytes >= space.free_bytes >= space.available_bytes >= 0
    assert space.inodes >= space.inodes_free >= 0
    assert space.total_bytes > 0


def counts_what_files_take(at: Sitting) -> None:
    """The technician is shown the largest folders."""
    assert at.host.folder_bytes(at.folder) >= 0


def runs_a_command(at: Sitting) -> None:
    """Exit codes are answers, not errors."""
    ran = at.host.run(("sh", "-c", "echo out; echo err >&2; exit 3"))
    assert (ran.exit_code, ran.text, ran.error_text, ran.cut_bytes) == (3, "out\n", "err\n", 0)


def tells_a_missing_command(at: Sitting) -> None:
    """`systemctl` is simply not there on a machine without systemd."""
    for argv in (("feldsher-no-such-command", "--version"), ("/nowhere/x",), (), ("",)):
        with pytest.raises(NotThere):
            at.host.run(argv)


def gives_up_on_a_slow_command(at: Sitting) -> None:
    """A hung `df` must not hang the look."""
    begun = time.monotonic()
    with pytest.raises(TooSlow):
        at.host.run(("sleep", "300"), time_limit=timedelta(milliseconds=50))
    assert time.monotonic() - begun < 10


def asks_and_is_answered(at: Sitting) -> None:
    """Name servers and clocks are asked this way."""
    assert at.host.ask(*at.server, QUESTION, PLENTY) == ANSWER


def tells_when_nobody_answers(at: Sitting) -> None:
    """A dead server is found at once where the system says so, else when the time is up."""
    with pytest.raises((Unreachable, TooSlow)):
        at.host.ask(*at.nobody, QUESTION, timedelta(milliseconds=50))


def takes_plain_paths_alone(at: Sitting) -> None:
    """A parameter of a playbook must not lead out of the folder that was agreed to."""
    asks: list[Callable[[str], object]] = [at.host.read, at.host.list, at.host.stat, at.host.link_target, at.host.space]
    for path in ("", "etc/hosts", f"{at.folder}/../x", "/..", "/a\0b", "/\ud83d"):
        for ask in [*asks, at.host.folder_bytes, at.host.remove]:
            with pytest.raises(NotAllowed):
                ask(path)
        with pytest.raises(NotAllowed):
            at.host.write(path, b"")


def writes_what_it_reads(at: Sitting) -> None:
    """A new file, then another content in its place."""
    path = f"{at.folder}/z/новый \"файл'"
    at.host.write(path, CONTENT)
    assert at.host.read(path) == CONTENT
    assert at.host.stat(path).mode == 0o644
    at.host.write(path, b"", 0o600)
    assert at.host.read(path) == b""
    assert at.host.stat(path).mode == 0o600
    assert list(at.host.list(f"{at.folder}/z")) == ["новый \"файл'"], "nothing of the making is left over"


def keeps_the_mode_of_what_it_replaces(at: Sitting) -> None:
    """A secret file must not become readable because we repaired it."""
    at.host.write(at.file, b"new")
    assert at.host.stat(at.file).mode == 0o640


def writes_no_links_and_no_folders(at: Sitting) -> None:
    """Somebody could have put a link to /etc/shadow where the file was."""
    for path in (at.link, f"{at.folder}/z", "/"):
        with pytest.raises(NotAllowed):
            at.host.write(path, b"")
    assert at.host.link_target(at.link) == TARGET


def writes_into_folders_that_are_there(at: Sitting) -> None:
    """It makes no folders nobody asked for."""
    with pytest.raises(NotThere):
        at.host.write(f"{at.nothing}/x", b"")


def removes_files_and_links(at: Sitting) -> None:
    """Taking back a new file means that it is gone; a link goes, what it points to stays."""
    for path in (at.file, at.link):
        at.host.remove(path)
        with pytest.raises(NotThere):
            at.host.stat(path)
        with pytest.raises(NotThere):
            at.host.remove(path)


def removes_no_folders(at: Sitting) -> None:
    """One file or link; a folder holds what nobody looked at."""
    with pytest.raises(NotAllowed):
        at.host.remove(f"{at.folder}/z")


def ends_the_process_that_was_meant(at: Sitting) -> None:
    """The one that eats the processor is gone afterwards."""
    assert at.host.end_process(*at.process, PLENTY)
    with pytest.raises(NotThere):
        at.host.end_process(at.process[0], "1", PLENTY)


def leaves_another_process_under_the_same_number(at: Sitting) -> None:
    """Numbers come round again: the database must not die for the runaway that had its number before."""
    with pytest.raises(NotThere):
        at.host.end_process(at.process[0], "1", PLENTY)
    for started in ("", "no number", at.process[1] + "0"):
        with pytest.raises(NotThere):
            at.host.end_process(at.process[0], started, PLENTY)


QUESTIONS: dict[str, Callable[[Sitting], None]] = {
    question.__name__: question
    for question in (
        says_who_it_is,
        knows_the_time_with_its_zone,
        lets_time_pass,
        reads_byte_for_byte,
        reads_no_more_than_asked,
        reads_files_alone,
        tells_nothing_there,
        lists_in_order,
        sees_what_stands_at_a_path,
        tells_where_a_link_points,
        measures_room,
        counts_what_files_take,
        runs_a_command,
        tells_a_missing_command,
        gives_up_on_a_slow_command,
        asks_and_is_answered,
        tells_when_nobody_answers,
        takes_plain_paths_alone,
        writes_what_it_reads,
        keeps_the_mode_of_what_it_replaces,
        writes_no_links_and_no_folders,
        writes_into_folders_that_are_there,
        removes_files_and_links,
        removes_no_folders,
        ends_the_process_that_was_meant,
        leaves_another_process_under_the_same_number,
    )
}


def examine(question: str, at: Sitting) -> None:
    """Ask one question; one that was declined must be declined with the error that was named."""
    declined = at.declines.get(question)
    if declined is None:
        QUESTIONS[question](at)
        return
    with pytest.raises(declined):
        QUESTIONS[question](at)

"""Every way to reach a machine sits the same exam."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from agent.hosts.base import Host, HostError, NotAllowed
from agent.hosts.capture import write_capture
from agent.hosts.local_linux import LocalLinux
from agent.hosts.process_tree import look_up
from agent.hosts.processes import end_tree, start
from agent.hosts.recorded import Recorded
from agent.hosts.recording import Recording
from agent.hosts.ssh import Ssh
from tests.behaviours.host import ANSWER, CONTENT, QUESTION, QUESTIONS, TARGET, Sitting, examine
from tests.fakes.sshd import Sshd

NO_GRACE = timedelta(0)
CHANGES: dict[str, type[HostError]] = dict.fromkeys(
    (
        "writes_what_it_reads",
        "keeps_the_mode_of_what_it_replaces",
        "writes_into_folders_that_are_there",
        "removes_files_and_links",
        "ends_the_process_that_was_meant",
        "leaves_another_process_under_the_same_number",
    ),
    NotAllowed,
)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Sitting]:
    (tmp_path / "a file").write_bytes(CONTENT)
    (tmp_path / "a file").chmod(0o640)
    (tmp_path / "link").symlink_to(TARGET)
    (tmp_path / "z").mkdir()
    with (
        socket.socket(type=socket.SOCK_DGRAM) as server,
        socket.socket(type=socket.SOCK_DGRAM) as closed,
        start(("sleep", "300")) as child,
    ):
        server.bind(("127.0.0.1", 0))
        server.settimeout(20)
        closed.bind(("127.0.0.1", 0))
        nobody = closed.getsockname()
        closed.close()
        answering = threading.Thread(target=_answer_once, args=(server,))
        answering.start()
        seen = look_up(child.pid)
        assert seen is not None
        yield Sitting(LocalLinux(), str(tmp_path), server.getsockname(), nobody, (seen.pid, str(seen.started)))
        end_tree(child.pid, NO_GRACE)
        with socket.socket(type=socket.SOCK_DGRAM) as last:  # so that the server ends, whatever was asked
            last.sendto(b"", server.getsockname())
        answering.join()


def _answer_once(server: socket.socket) -> None:
    question, where = server.recvfrom(1000)
    if question == QUESTION:
        server.sendto(ANSWER, where)


@pytest.fixture
def recorded(tmp_path: Path) -> Sitting:
    (tmp_path / "files/srv/scene").mkdir(parents=True)
    (tmp_path / "files/srv/scene/a file").write_bytes(CONTENT)
    (tmp_path / "files/srv/scene/z").mkdir()
    facts = LocalLinux().facts
    stat = {"size_bytes": len(CONTENT), "mode": 0o640, "owner": 0, "group": 0, "modified": "2025-03-01T12:00:00Z"}
    for name, content in {
        "facts": facts,
        "clock": {"now": "2025-03-01T12:00:00Z"},
        "links": {"/srv/scene/link": TARGET},
        "stats": {
            "/srv/scene": {**stat, "kind": "folder"},
            "/srv/scene/a file": {**stat, "kind": "file"},
            "/srv/scene/link": {**stat, "kind": "link"},
        },
        "spaces": {
            "/srv/scene": {"total_bytes": 9, "free_bytes": 5, "available_bytes": 4, "inodes": 3, "inodes_free": 2}
        },
        "folder_bytes": {"/srv/scene": 4096},
        "runs": [
            {
                "argv": ["sh", "-c", "echo out; echo err >&2; exit 3"],
                "exit_code": 3,
                "stdout": "out\n",
                "stderr": "err\n",
            },
            {"argv": ["sleep", "300"], "refused": "too-slow", "detail": "did not end within 0.05 s"},
        ],
        "asks": [
            {"address": "10.0.0.1", "port": 53, "answer_hex": (b"??" + ANSWER[2:]).hex(), "echo": [[0, 0, 2]]},
            {"address": "10.0.0.2", "port": 53, "refused": "unreachable"},
        ],
    }.items():
        (tmp_path / f"{name}.json").write_bytes(msgspec.json.encode(content))
    host: Host = Recorded(tmp_path)
    return Sitting(host, "/srv/scene", ("10.0.0.1", 53), ("10.0.0.2", 53), (42, "7"), CHANGES)


@pytest.fixture(scope="module")
def far(server: Sshd) -> Iterator[Ssh]:
    with Ssh(server.address, server.trust, server.proof) as host:
        yield host


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_machine_over_ssh(question: str, far: Ssh, local: Sitting) -> None:
    """A machine without an agent is looked at with the same eyes, and mended with the same hands."""
    local.host = far
    examine(question, local)


@pytest.mark.parametrize("question", QUESTIONS)
def test_this_machine(question: str, local: Sitting) -> None:
    """Probes and repairs at a customer's stand on each of these."""
    examine(question, local)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_machine_that_is_being_recorded_and_its_recording(
    question: str, local: Sitting, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What a probe was told while it was recorded, it must be told again."""
    recording = Recording(local.host)
    sitting = replace(local, host=recording, declines=CHANGES)
    examine(question, sitting)
    folder = tmp_path_factory.mktemp("recordings") / "one"
    write_capture(recording, folder)
    examine(question, replace(sitting, host=Recorded(folder)))


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_recording(question: str, recorded: Sitting) -> None:
    """A probe proved on a capture must mean the same on a machine."""
    examine(question, recorded)

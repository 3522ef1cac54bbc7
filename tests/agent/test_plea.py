"""A call for help: what it carries is shown, what cannot be sent is kept, what is opened is ours."""

import json
import socket
import stat
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from agent.plea import Handed, as_list, carried, hand_over, keep_bundle, make_plea, open_bundle
from agent.probes.base import Probe
from contract.errors import FeldsherError
from contract.report import Redacted, Report
from contract.sample import Privacy, Quantity
from tests.fakes.quiet_host import FACTS

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
USER = Quantity("made.up.user", "text", "Who is there.", privacy=Privacy.PERSONAL)
PROBE = Probe("users", (USER,), read=lambda _host: None, understand=lambda _seen: iter(()))
REPORT = Report(
    at=AT,
    took_seconds=1,
    why="person",
    host=FACTS,
    samples=(USER("ada"),),
    findings=(),
    redacted=(Redacted("mail", 2),),
)
PLEA = make_plea(REPORT, "всё тормозит", AT)


def test_the_list_says_whom_each_item_speaks_about() -> None:
    """A person can only agree to what they were shown."""
    users = [item for item in carried(PLEA, [PROBE]) if "users" in item.title.en]
    assert [item.privacy for item in users] == [Privacy.PERSONAL]
    assert users[0].size_bytes == len(msgspec.json.encode((USER("ada"),)))
    listed = as_list(PLEA, [PROBE], "ru")
    assert "о вас" in listed
    assert "Скрыто до показа: 2." in listed


def test_a_kept_bundle_opens_as_it_was(tmp_path: Path) -> None:
    """The technician must read exactly what the customer's machine saw."""
    path = keep_bundle(PLEA, tmp_path / "kept")
    assert open_bundle(path) == PLEA
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    """The customer must not be told that something was kept when it was not."""
    (tmp_path / "file").touch()
    with pytest.raises(FeldsherError, match="state-not-writable"):
        keep_bundle(PLEA, tmp_path / "file")


@pytest.mark.parametrize("content", [b"", b"{}", b"[" * 100_000, b"\xff\xfe", b'{"at": 1}', b"PK\x03\x04"])
def test_a_file_that_is_no_bundle_is_refused(tmp_path: Path, content: bytes) -> None:
    """A technician opens what strangers mail them."""
    path = tmp_path / "stranger.json"
    path.write_bytes(content)
    with pytest.raises(FeldsherError, match="bundle"):
        open_bundle(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A slip of the finger is a sentence, not a traceback."""
    with pytest.raises(FeldsherError, match="cannot be opened"):
        open_bundle(tmp_path / "nowhere.json")


class Door:
    """The agent's door, answering one plea with the lines it was given."""

    def __init__(self, path: Path, *answers: object) -> None:
        self.heard: list[object] = []
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._answers = answers
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        line, _ = self._socket.accept()
        with line, line.makefile("rwb") as talk:
            self.heard.append(json.loads(talk.readline()))
            for answer in self._answers:
                talk.write(json.dumps(answer).encode() + b"\n")
                talk.flush()

    def close(self) -> None:
        """Let the thread and the socket go."""
        self._thread.join(5)
        self._socket.close()


@pytest.mark.parametrize(
    ("answers", "handed"),
    [
        ([{"saved": "plea-1"}, {"ticket": "12"}], Handed("12")),
        ([{"saved": "plea-1"}, {"waiting": True}], Handed("")),
        ([{"error": "there is no room to keep this safely"}], None),
        ([], None),
    ],
)
def test_the_door_decides_what_the_person_is_told(tmp_path: Path, answers: list[object], handed: Handed | None) -> None:
    """«Saved» is only said when the agent said so, and a number only when there is one."""
    door = Door(tmp_path / "door.sock", *answers)
    try:
        assert hand_over(PLEA, tmp_path / "door.sock", timedelta(seconds=5)) == handed
    finally:
        door.close()
    assert msgspec.convert(door.heard, list[dict[str, object]])[0]["plea"] == json.loads(msgspec.json.encode(PLEA))


def test_no_door_is_no_error(tmp_path: Path) -> None:
    """Where no agent lives, the bundle is kept instead."""
    assert hand_over(PLEA, tmp_path / "door.sock", timedelta(seconds=1)) is None

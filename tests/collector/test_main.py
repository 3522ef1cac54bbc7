"""How a collector starts and ends: what it says when it cannot, and that SIGTERM is enough."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest

from agent.hosts import processes
from collector.main import serve
from collector.server import listen_on, name_of
from collector.state import make_state
from contract.errors import FeldsherError

SERVE = "import sys; from pathlib import Path; from collector.main import serve; serve(Path(sys.argv[1]), sys.argv[2])"


def test_a_folder_without_a_collector_is_said_to_be_one(tmp_path: Path) -> None:
    """Who mistyped the folder reads what to do instead of a traceback."""
    with pytest.raises(FeldsherError, match="collector init") as refusal:
        serve(tmp_path)
    assert refusal.value.slug == "config"


def test_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """The file, not a guess."""
    make_state(tmp_path / "s", "a:1", ["a"])
    (tmp_path / "s" / "settings.json").write_text("{")
    with pytest.raises(FeldsherError, match=r"settings\.json"):
        serve(tmp_path / "s")


def test_a_port_in_use_leaves_the_one_who_has_it_alone(tmp_path: Path) -> None:
    """A second start by mistake must not disturb the first."""
    make_state(tmp_path / "s", "a:1", ["a"])
    with listen_on("127.0.0.1:0") as taken, pytest.raises(FeldsherError) as refusal:
        serve(tmp_path / "s", name_of(taken))
    assert refusal.value.slug == "port-in-use"
    assert not (tmp_path / "s" / "listening.json").exists()


def test_a_collector_is_never_made_over_another(tmp_path: Path) -> None:
    """The old one's machines would be lost."""
    make_state(tmp_path, "a:1", ["a"])
    with pytest.raises(FeldsherError, match="state-exists"):
        make_state(tmp_path, "a:1", ["a"])


@pytest.mark.slow
def test_it_says_where_it_listens_and_ends_when_asked(tmp_path: Path) -> None:
    """Whoever started it waits for that line, and stops it with the signal every system sends."""
    make_state(tmp_path / "s", "a:1", ["127.0.0.1"])
    child = processes.start([sys.executable, "-c", SERVE, str(tmp_path / "s"), "127.0.0.1:0"], stderr=tmp_path / "log")
    said = tmp_path / "s" / "listening.json"
    deadline = time.monotonic() + 30
    while not said.exists() and time.monotonic() < deadline:
        assert child.poll() is None, (tmp_path / "log").read_text()
        time.sleep(0.02)  # another process makes the file
    assert json.loads(said.read_bytes())["address"].startswith("127.0.0.1:")
    child.send_signal(signal.SIGTERM)
    assert child.wait(15) == 0
    assert not said.exists()
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert lines[-1]["what"] == "ended"

"""A collector from nothing: made once, served, asked, and trusted by its own certificate alone."""

import asyncio
import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from collector.setting_up import set_up
from commands.collector import collector
from contract.errors import FeldsherError
from tests.fakes.collector import Authority

ROOT = Path(__file__).parents[2]


def feldsher(*words: str, context: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run one of our commands as a person would."""
    environment = {**os.environ, "FELDSHER_LANG": "en"} | ({"FELDSHER_CONTEXT": str(context)} if context else {})
    argv = [sys.executable, "-m", "cli", *words]
    return subprocess.run(
        argv,
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environment,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


def answer(*words: str, context: Path) -> Any:
    """Return what a command answers as JSON."""
    ended = feldsher(*words, "--json", context=context)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a collector."""
    folder = tmp_path_factory.mktemp("collector") / "state"
    made = CliRunner().invoke(collector, ["init", "--state", str(folder), "--admin", "ada", "--json"])
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert len(told["password"]) == 23
    return folder


@pytest.fixture(scope="module")
def serving(state: Path) -> Iterator[Path]:
    """Serve it on a free port, and return its context."""
    argv = [sys.executable, "-m", "cli", "collector", "serve", "--state", str(state), "--listen", "127.0.0.1:0"]
    with (state / "log").open("wb") as log, subprocess.Popen(argv, cwd=ROOT, stdout=log, stderr=log) as child:
        until = time.monotonic() + 20
        while not (state / "listening.json").exists():
            assert child.poll() is None, (state / "log").read_text()
            assert time.monotonic() < until
            threading.Event().wait(0.05)
        yield state / "context.json"
        child.terminate()
        child.wait(10)


@pytest.mark.slow
def test_what_was_made_is_for_its_owner_alone(state: Path) -> None:
    """The folder is the collector: its keys, its people, everything machines said."""
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "context.json").stat().st_mode) == 0o600
    for key in state.glob("*/key.pem"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.slow
def test_nothing_is_ever_overwritten(state: Path) -> None:
    """A second init must not cut off every machine that trusts the first."""
    before = {path: path.read_bytes() for path in state.rglob("*.pem")}
    with pytest.raises(FeldsherError) as told:
        asyncio.run(set_up(state, "localhost:8443", ("localhost",), "ada", "a password of mine"))
    assert told.value.slug == "state-exists"
    assert before == {path: path.read_bytes() for path in state.rglob("*.pem")}


@pytest.mark.parametrize(
    ("address", "admin", "password"),
    [
        ("localhost", "ada", ""),
        ("localhost:port", "ada", ""),
        (":8443", "ada", ""),
        ("localhost:70000", "ada", ""),
        ("localhost:1", "Ada Lovelace", ""),
        ("localhost:1", "ada", "short"),
    ],
)
@pytest.mark.slow
def test_what_will_not_do_is_refused_before_anything_is_made(
    tmp_path: Path, address: str, admin: str, password: str
) -> None:
    """Half a collector could neither be used nor made again."""
    with pytest.raises(FeldsherError) as told:
        asyncio.run(set_up(tmp_path / "state", address, ("localhost",), admin, password))
    assert told.value.slug == "usage"
    assert not (tmp_path / "state").exists()


@pytest.mark.slow
def test_the_commands_meet_a_real_collector(serving: Path) -> None:
    """From the first command to the last, over real TLS."""
    assert answer("host", "ls", context=serving) == {"schema": "feldsher.hosts/1", "items": []}
    assert answer("ticket", "ls", context=serving) == {"schema": "feldsher.tickets/1", "items": []}
    assert answer("code", "create", context=serving)["code"].startswith("FSH1-")
    missing = feldsher("ticket", "show", "7", context=serving)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr == "feldsher: error: not-found: there is no ticket 7\n"


@pytest.mark.slow
def test_an_impostor_learns_nothing(serving: Path, tmp_path: Path) -> None:
    """Whoever answers there must prove it is ours before our token is sent."""
    ours = json.loads(serving.read_text())
    listening = json.loads((serving.parent / "listening.json").read_text())
    context = tmp_path / "context.json"
    context.write_text(json.dumps(ours | {"address": listening["address"], "authority_pem": Authority().pem}))
    ended = feldsher("host", "ls", context=context)
    assert (ended.returncode, ended.stdout) == (5, "")
    assert ended.stderr.startswith("feldsher: error: not-trusted:")
    assert ended.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_collector_that_is_away_is_one_line(tmp_path: Path) -> None:
    """No traceback in front of a technician."""
    context = tmp_path / "context.json"
    context.write_text(json.dumps({"address": "127.0.0.1:9", "authority_pem": Authority().pem, "token": "t"}))
    ended = feldsher("ticket", "ls", context=context)
    assert (ended.returncode, ended.stdout) == (5, "")
    assert ended.stderr.startswith("feldsher: error: unreachable:")
    assert ended.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_wrong_token_is_not_signed_in(serving: Path, tmp_path: Path) -> None:
    """Its exit code tells a script to sign in, not to give up."""
    ours = json.loads(serving.read_text())
    listening = json.loads((serving.parent / "listening.json").read_text())
    context = tmp_path / "context.json"
    context.write_text(json.dumps(ours | {"address": listening["address"], "token": "stale"}))
    assert feldsher("host", "ls", context=context).returncode == 3

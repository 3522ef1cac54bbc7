"""A made-up playbook on a scripted machine, for the loop that touches."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.repair.journal import RunFolder
from agent.repair.playbook import Playbook, read_playbook
from contract.order import Order

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)

HEAD = """\
playbook: made-up
version: "1.0.0"
title: {en: "Made up", ru: "Выдумка"}
answers: []
os: linux
risk: medium
params:
  password: {type: secret, from: finding}
steps:
STEPS
tell:
  fixed:     {en: "Done.", ru: "Готово."}
  not_fixed: {en: "Not done.", ru: "Не вышло."}
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


@pytest.fixture
def order() -> Callable[..., Order]:
    def make(playbook: Playbook, *, check_only: bool = False) -> Order:
        return Order(
            id="order-1",
            kind="repair",
            host="host-1",
            by="technician",
            not_before=NOON,
            not_after=NOON + timedelta(days=1),
            playbook=playbook.name,
            playbook_sha256=playbook.sha256,
            ticket="12",
            check_only=check_only,
        )

    return make


@pytest.fixture
def book() -> Callable[[str], Playbook]:
    def make(steps: str) -> Playbook:
        return read_playbook(HEAD.replace("STEPS", steps).encode(), "made-up.yaml")

    return make

"""Machines for the tests of this folder: booted fresh for each, or a loud word why not."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lab.clinic import Clinic
from tests.lab.machine import CannotBoot, Disk, booted, make_base, why_not

Admit = Callable[..., Clinic]


@pytest.fixture(scope="session")
def base() -> Path:
    """Return the tree that every machine is an overlay of."""
    if reason := why_not():
        pytest.skip(f"no machine can be booted: {reason}")
    try:
        return make_base()
    except CannotBoot as cause:
        pytest.skip(f"no machine can be booted: {cause}")


@pytest.fixture
def admit(base: Path) -> Iterator[Admit]:
    """Return what boots a machine with the disks it is given, connects it, and looks after it."""
    with ExitStack() as until_the_end:

        def boot(*disks: Disk) -> Clinic:
            clinic = Clinic(until_the_end.enter_context(booted(base, *disks)))
            clinic.open_street()
            clinic.move_in()
            return clinic

        yield boot

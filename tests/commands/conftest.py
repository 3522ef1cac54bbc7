"""A real sshd for the commands that reach other machines."""

from collections.abc import Iterator

import pytest

from tests.fakes.sshd import Sshd, sshd


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd") / "s") as running:
        yield running

"""What the collector's tests share."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.desk import ADA, ROOT, Collector, let_in, open_collector


@pytest.fixture
def anyio_backend() -> str:
    """Say which loop the async tests run on."""
    return "asyncio"


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Collector]:
    """Open a collector on a scratch folder, and close it whatever happens."""
    opened = open_collector(tmp_path / "state")
    await let_in(opened, ADA, ROOT)
    yield opened
    opened.bells.close()
    await opened.parts.store.close()

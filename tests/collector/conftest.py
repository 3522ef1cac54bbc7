"""What the collector's tests share."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Say which loop the async tests run on."""
    return "asyncio"

"""A grid with one volunteer that computes natively, for the tests of one module."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from disio.testing import Grid
from tests.grids import computing_grid


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid with one volunteer."""
    async with computing_grid(tmp_path_factory.mktemp("grid")) as opened:
        yield opened

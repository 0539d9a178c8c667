"""A grid with one volunteer that computes natively, for the tests of one module."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from disio.bundle import load
from disio.errors import BundleError
from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid with one volunteer."""
    try:
        load()
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")
    async with Grid(tmp_path_factory.mktemp("grid")) as opened:
        running = asyncio.create_task(PythonVolunteer(opened.url, window=50).run())
        yield opened
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

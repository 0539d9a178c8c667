"""A grid that computes without a browser, for tests of what lies on the researchers' side."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from disio.bundle import load
from disio.errors import BundleError
from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer


@contextlib.asynccontextmanager
async def computing_grid(directory: Path) -> AsyncIterator[Grid]:
    """Real processes, and one volunteer that speaks the protocol and computes natively."""
    try:
        load()
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")
    async with Grid(directory) as grid:
        running = asyncio.create_task(PythonVolunteer(grid.url, window=50).run())
        try:
            yield grid
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running

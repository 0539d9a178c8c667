"""A real grid (manager, distributor, dashboard) with a volunteer, for the tests of one module."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from disio.bundle import load
from disio.errors import BundleError
from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer

UNIT = '''"""Squares of numbers. <b>Not bold.</b>"""

def split(params):
    return range(params.get("count", 10))

def run(payload):
    if payload == 7:
        print("looking at", payload)
        raise ValueError("seven <is> odd")
    if payload == "endless":
        while True:
            pass
    return payload * payload

def reduce(results, params):
    return {"sum": sum(results), "answer": params.get("text", "")}
'''
PICTURE = r"""
def run(payload):
    return b"\x89PNG\r\n\x1a\n" + bytes(payload)

def reduce(results, params):
    return next(iter(results))
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """One manager, one distributor, one dashboard, as real processes."""
    try:
        load()
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")
    async with Grid(tmp_path_factory.mktemp("grid")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def volunteer(grid: Grid) -> AsyncIterator[PythonVolunteer]:
    """A volunteer without a browser, that computes whatever comes."""
    one = PythonVolunteer(grid.url, window=50)
    running = asyncio.create_task(one.run())
    yield one
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(grid: Grid) -> AsyncIterator[httpx.AsyncClient]:
    """Plain HTTP to the dashboard."""
    assert grid.dashboard is not None
    async with httpx.AsyncClient(base_url=grid.dashboard.ready["url"], timeout=40) as opened:
        yield opened

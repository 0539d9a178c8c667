"""What the end-to-end tests share: real grids in temporary directories, and real browsers."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from subprocess import DEVNULL, PIPE, CompletedProcess

import pytest
import pytest_asyncio

from disio.errors import BrowserError, BundleError
from disio.testing import VOLUNTEERING, Browser, Grid, find_browser, open_site, open_volunteers

UNITS = Path(__file__).parent / "units"

Volunteers = Callable[..., AbstractAsyncContextManager[list[Browser]]]


@pytest.fixture
def units() -> Path:
    """The folder of the tests' work units."""
    return UNITS


@pytest.fixture(scope="session", autouse=True)
def _bundle() -> None:
    """Everything here needs the bundle."""
    from disio.bundle import load  # noqa: PLC0415 - reading it takes time that other tests need not spend

    try:
        load()
    except BundleError as error:
        pytest.skip(f"no bundle: {error}")


@pytest.fixture
async def grid(tmp_path: Path) -> AsyncIterator[Grid]:
    """One manager, one distributor, one dashboard, as real processes."""
    async with Grid(tmp_path) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_grid(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid for all tests of a module, with one real Chromium that computes; ``split`` is given two seconds."""
    directory = tmp_path_factory.mktemp("grid")
    async with Grid(directory, manager_options=("--split-timeout", "2")) as opened, open_volunteering(opened.url):
        yield opened


class Command:
    """The command ``disio``, in a process of its own, told where a grid is."""

    def __init__(self, url: str) -> None:
        self._environment = {**os.environ, "DISIO_URL": url, "COLUMNS": "100"}

    async def __call__(self, *arguments: object) -> CompletedProcess[str]:
        """Run it to its end; its status and what it wrote."""
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "disio", *map(str, arguments)),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env=self._environment,
        )
        try:
            said, complained = await asyncio.wait_for(child.communicate(), 90)
        finally:
            if child.returncode is None:
                child.kill()
        return CompletedProcess(arguments, child.returncode or 0, said.decode(), complained.decode())


@pytest.fixture
def disio(shared_grid: Grid) -> Command:
    """The command, for the shared grid."""
    return Command(shared_grid.client.url)


@pytest.fixture
def volunteers() -> Volunteers:
    """Open real headless browsers on a site that carries the script tag of a distributor."""
    return open_volunteering


@contextlib.asynccontextmanager
async def open_volunteering(url: str, *, count: int = 1, browser: str = "chromium") -> AsyncIterator[list[Browser]]:
    """Real headless browsers on a site that carries the script tag of a distributor; skips where there is none."""
    try:
        find_browser(browser)
    except BrowserError as error:
        pytest.skip(str(error))
    async with (
        open_site(url, attributes=VOLUNTEERING) as site,
        open_volunteers(site, count=count, browser=browser) as opened,
    ):
        yield opened

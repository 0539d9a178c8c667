"""What the end-to-end tests share: real grids in temporary directories, and real browsers."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from disio.errors import BrowserError, BundleError
from disio.testing import Browser, Grid, find_browser, open_site, open_volunteers

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


@pytest.fixture
def volunteers() -> Volunteers:
    """Open real headless browsers on a site that carries the script tag of a distributor."""
    return _volunteers


@contextlib.asynccontextmanager
async def _volunteers(url: str, *, count: int = 1, browser: str = "chromium") -> AsyncIterator[list[Browser]]:
    try:
        find_browser(browser)
    except BrowserError as error:
        pytest.skip(str(error))
    async with (
        open_site(url, attributes={"data-consent": "granted"}) as site,
        open_volunteers(site, count=count, browser=browser) as opened,
    ):
        yield opened

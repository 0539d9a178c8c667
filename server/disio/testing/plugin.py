"""The pytest plugin: work units tested in real headless browsers, with a real grid. Loaded by pytest itself.

=====================  ===================================================================================
``disio_grid``         a whole grid of real processes for the test session, and a client for it
``disio_browser``      a real headless browser that computes for that grid
``disio_unit``         the unit of ``@pytest.mark.disio("unit.py")``, natively and in each browser in turn
``--disio-browser``    which browsers (repeatable); in the settings: ``disio_browsers = ["chromium", "firefox"]``
=====================  ===================================================================================
"""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from disio.client import Client
from disio.testing.background import Background
from disio.testing.browsers import Browser, find_browser, open_browser
from disio.testing.grid import Grid
from disio.testing.site import VOLUNTEERING, open_site
from disio.testing.trial import NATIVE
from disio.testing.under_test import InBrowser, Native, UnitUnderTest
from disio.unit.hints import hint

_FIXTURE: Final = "disio_unit"
_WORDS: Final = ("params", "native")
"""What the mark takes beside the unit."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and settings."""
    parser.getgroup("disio", "Disio: work units in real browsers").addoption(
        "--disio-browser",
        action="append",
        metavar="NAME",
        help="Browser to test work units in: chromium, firefox or webkit; repeatable (default: chromium).",
    )
    parser.addini("disio_browsers", "Browsers to test work units in.", type="args", default=["chromium"])


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    config.addinivalue_line(
        "markers",
        "disio(unit, *, params={}, native=True): the test's fixture `disio_unit` is this work unit (a path, relative "
        "to the test's file), once in this Python and once in each browser.",
    )


def browsers_of(config: pytest.Config) -> list[str]:
    """The browsers to test in: from the command line, else from the settings."""
    chosen: list[str] = config.getoption("--disio-browser") or config.getini("disio_browsers")
    return chosen


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each place where the marked unit is to be tried."""
    if _FIXTURE not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("disio")
    if marker is None or not marker.args:
        raise pytest.UsageError(
            f"{metafunc.definition.nodeid} uses {_FIXTURE} but names no unit; mark it: @pytest.mark.disio('unit.py')"
        )
    for word in marker.kwargs:
        if word not in _WORDS:
            raise pytest.UsageError(
                f"{metafunc.definition.nodeid}: the mark disio takes no {word}; {hint(word, _WORDS)}"
            )
    native = [NATIVE] if marker.kwargs.get("native", True) else []
    metafunc.parametrize(_FIXTURE, [*native, *browsers_of(metafunc.config)], indirect=True)


class RunningGrid:
    """A grid of real processes, with a client. Its browsers are all of one kind, so that it is known who computes.

    Attributes:
        client: submits to it.
        url: the distributor's origin, for pages with its script tag.
        directory: where its data and logs are.
    """

    def __init__(self, background: Background, browser: str) -> None:
        grid = background.enter(Grid())
        self.client = background.keep(Client(grid.client.url))
        self.url = grid.url
        self.directory = grid.directory
        self._background = background
        self._kind = browser
        self._browser: Browser | None = None

    def browser(self) -> Browser:
        """The headless browser that computes for this grid, on a page with the script tag; opened at the first call.

        Raises:
            BrowserError: it is not installed; says how to install it.
        """
        if self._browser is None:
            find_browser(self._kind)
            site = self._background.enter(open_site(self.url, attributes=VOLUNTEERING))
            self._browser = self._background.enter(open_browser(site, browser=self._kind))
        return self._browser


GridFor = Callable[[str], RunningGrid]


@pytest.fixture(scope="session")
def disio_grid_for() -> Iterator[GridFor]:
    """The session's grid for a kind of browser; made when it is first asked for."""
    with Background() as background:
        yield functools.cache(functools.partial(RunningGrid, background))


@pytest.fixture(scope="session")
def disio_grid(disio_grid_for: GridFor, pytestconfig: pytest.Config) -> RunningGrid:
    """A manager, a distributor and a dashboard as real processes on free ports, in a temporary directory."""
    return disio_grid_for(browsers_of(pytestconfig)[0])


@pytest.fixture(scope="session")
def disio_browser(disio_grid: RunningGrid) -> Browser:
    """A real headless browser (of the first kind chosen) that computes for ``disio_grid``."""
    return disio_grid.browser()


@pytest.fixture
def disio_unit(request: pytest.FixtureRequest) -> Iterator[UnitUnderTest]:
    """The unit that the test's marker names, in this Python or in a browser."""
    marker = request.node.get_closest_marker("disio")
    path = Path(request.path).parent / marker.args[0]
    params: dict[str, Any] = marker.kwargs.get("params", {})
    place: str = request.param
    if place == NATIVE:
        with Native(path, params) as unit:
            yield unit
        return
    grid: RunningGrid = request.getfixturevalue("disio_grid_for")(place)
    grid.browser()
    with InBrowser(grid.client, place, path, params) as unit:
        yield unit

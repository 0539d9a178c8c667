"""A unit computes in a cell that nothing leads out of, even if it took over the cell itself.

Each attempt is made twice by the same code in the same browser: as Disio is, and with its walls taken down
(:mod:`tests.e2e.walls`). It has to succeed without them and to fail with them.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from disio.errors import BrowserError
from disio.testing import Grid, find_browser, open_browser
from tests.e2e.walls import Lab

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

ENGINES = os.environ.get("DISIO_TEST_ENGINES", "chromium firefox").split()
MEBIBYTES = 1088
HEARD_BY_STRANGER = (
    *("fetch", "xhr", "websocket", "events", "beacon", "image", "stylesheet", "import_rule", "font"),
    *("script", "import", "modulepreload", "preload", "prefetch", "video", "object", "embed", "frame", "form", "ping"),
    *("webrtc", "fetch_nested", "worker_fetch", "worker_scripts", "worker_import"),
    *("top_location", "parent_location", "top_anchor", "own_location"),
)
GOT_HOLD_OF = (
    *("service_worker", "cookie", "storage", "database", "caches", "files"),
    *("bridge_document", "site_document", "site_cookie", "site_storage", "site_handle", "cell_broadcast"),
)
UNIT_HEARD = ("fetch", "request", "websocket", "events", "font", "scripts", "worker", "worker_scripts", "worker_import")
UNIT_GOT = ("service_worker", "python_socket", "eval", "function", "database", "broadcast", "memory")
UNIT_LACKS = ("page", "window", "parent", "peer", "storage", "navigate")
CELL_PATHS = {"webrtc": "stun", "service_worker": "sw.js"}
UNIT_PATHS = {"python_socket": "", "service_worker": "sw.js"}
"""How the stranger knows an attempt, if not by a path with its name: Python's sockets are WebSockets to /."""
NOT_THERE = {
    "ping": {"firefox"},  # off by default
    "webrtc": {"firefox", "webkit"},  # asks nobody on loopback; is not there
    "object": {"chromium"},
    "embed": {"chromium"},
    "prefetch": {"firefox", "webkit"},  # when there is nothing else to do; is not there
    "files": {"webkit"},
    "service_worker": {"chromium"},  # for units: workers have none
    "font": {"webkit"},  # for units: workers have none
}
"""Means that a browser does not have, or not here: no control can succeed."""


@dataclass
class Run:
    """What became of all attempts in one browser."""

    heard: set[str]
    found: dict[str, Any]
    unit: dict[str, str]

    def reached(self, name: str) -> bool:
        """Whether an attempt in the cell's window got anywhere."""
        return CELL_PATHS.get(name, f"cell-{name}") in self.heard or self.found.get(name) == "done"

    def unit_reached(self, name: str) -> bool:
        """Whether a unit's attempt got anywhere."""
        heard = UNIT_PATHS.get(name, f"unit-{name}")
        return heard in self.heard or self.unit.get(name) == "done" or self.found.get(f"unit_{name}") == "done"


def shown(browser: str, name: str, *, reached: bool, said: str) -> None:
    """The control: without walls the attempt has to get somewhere, if the browser has such means at all."""
    if not reached and browser in NOT_THERE.get(name, set()):
        pytest.skip(f"{browser} has no {name} to try with: {said or 'nothing comes of it without walls either'}")
    assert reached, f"this test shows nothing, because the attempt fails without walls too: {said}"


async def attack(browser: str, directory: Path, *, walls: bool) -> Run:
    """One browser on the site: the cell is seized in every round, then computes the unit."""
    lab = Lab(walls=walls)
    async with lab.open(), Grid(directory, distributor_options=("--url", lab.url)) as grid:
        lab.pass_on(grid.distributors[0].port)
        async with open_browser(lab.page, browser=browser):
            await asyncio.wait_for(lab.over.wait(), 120)
            payload = {"stranger": lab.stranger, "mebibytes": MEBIBYTES}
            task = await grid.client.submit(Path(__file__).parent / "units" / "escape.py", {"payloads": [payload]})
            await grid.client.wait(task.id, timeout=120)
            [result] = [result async for result in grid.client.results(task.id)]
            if not walls:
                with contextlib.suppress(TimeoutError):  # the test of what is missing then says so
                    await asyncio.wait_for(lab.hears({f"unit-{name}" for name in UNIT_HEARD}), 15)
        return Run(lab.heard, lab.found, result.value)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ENGINES)
async def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[str, Run, Run]]:
    """All attempts in one browser: its name, with walls, without."""
    try:
        find_browser(request.param)
    except BrowserError as error:
        pytest.skip(str(error))
    sealed = await attack(request.param, tmp_path_factory.mktemp("sealed"), walls=True)
    breached = await attack(request.param, tmp_path_factory.mktemp("breached"), walls=False)
    yield request.param, sealed, breached


@pytest.mark.parametrize("name", [*HEARD_BY_STRANGER, *GOT_HOLD_OF])
async def test_the_cell_itself_reaches_nothing(runs: tuple[str, Run, Run], name: str) -> None:
    """Code in the cell's own window, where no unit ever is, gets nowhere by this means; without walls it does."""
    browser, sealed, breached = runs
    assert not sealed.reached(name), sealed.found.get(name)
    shown(browser, name, reached=breached.reached(name), said=breached.found.get(name, ""))


@pytest.mark.parametrize("name", [*UNIT_HEARD, *UNIT_GOT])
async def test_a_unit_reaches_nothing(runs: tuple[str, Run, Run], name: str) -> None:
    """A unit gets nowhere by this means; without walls it does."""
    browser, sealed, breached = runs
    assert not sealed.unit_reached(name), sealed.unit.get(name)
    shown(browser, name, reached=breached.unit_reached(name), said=breached.unit.get(name, ""))


@pytest.mark.parametrize("name", UNIT_LACKS)
async def test_a_unit_is_in_no_window(runs: tuple[str, Run, Run], name: str) -> None:
    """What only windows have is not there for a unit at all, walls or not."""
    _, sealed, breached = runs
    for run in (sealed, breached):
        assert not run.unit_reached(name)
        assert "Error" in run.unit[name]


async def test_a_greeting_in_the_bridges_name_is_not_answered(runs: tuple[str, Run, Run]) -> None:
    """The page gives its port to the bridge's frame only, whoever else says what a bridge says."""
    _, sealed, _ = runs
    assert sealed.found["greeting"] == "no error"


async def test_memory_ends_in_the_unit(runs: tuple[str, Run, Run]) -> None:
    """A unit that asks for more memory than a visitor lends has a MemoryError of its own."""
    _, sealed, _ = runs
    assert sealed.unit["memory"].startswith("MemoryError")

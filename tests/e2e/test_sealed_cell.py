"""A unit computes in a cell that nothing leads out of, even if it took over the cell itself.

Each attempt is made twice by the same code in the same browser: as Disio is, and with its walls taken down
(:mod:`tests.e2e.walls`). It has to succeed without them and to fail with them.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from disio.errors import BrowserError
from disio.testing import Grid, find_browser, open_browser
from tests.e2e.walls import ROUNDS, Lab

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

MEBIBYTES = 1536
HEARD_BY_STRANGER = (
    *("fetch", "xhr", "websocket", "events", "beacon", "image", "stylesheet", "import_rule", "background", "font"),
    *("script", "import", "modulepreload", "preload", "prefetch", "video", "object", "embed", "frame", "form", "ping"),
    *("popup", "fetch_nested", "worker_fetch", "worker_scripts", "worker_import"),
    *("top_location", "parent_location", "top_anchor", "own_location"),
)
GOT_HOLD_OF = (
    *("service_worker", "cookie", "storage", "database", "caches", "files"),
    *("bridge_document", "site_document", "site_cookie", "site_storage", "site_handle", "broadcast"),
)
UNIT_HEARD = ("fetch", "request", "websocket", "events", "font", "scripts", "worker", "worker_scripts", "worker_import")
UNIT_GOT = ("eval", "function", "database", "memory")
UNIT_NEVER = ("python_socket", "python_request", "page", "window", "parent", "peer", "shared_worker", "navigate")


@dataclass
class Run:
    """What became of all attempts in one browser."""

    heard: set[str]
    found: dict[str, Any]
    unit: dict[str, str]
    connected_silently: bool

    def reached(self, name: str) -> bool:
        """Whether an attempt in the cell's window got anywhere."""
        return f"cell-{name}" in self.heard or self.found.get(name) == "done"

    def unit_reached(self, name: str) -> bool:
        """Whether a unit's attempt got anywhere."""
        return f"unit-{name}" in self.heard or self.unit.get(name) == "done" or self.found.get(f"unit_{name}") == "done"


async def attack(browser: str, directory: Path, *, walls: bool) -> Run:
    """One browser on the site, until the cell was seized in every round and the unit was computed."""
    lab = Lab(walls=walls)
    async with lab.open(), Grid(directory, distributor_options=("--url", lab.url)) as grid:
        lab.pass_on(grid.distributors[0].port)
        async with open_browser(lab.page, browser=browser):
            await asyncio.wait_for(lab.over.wait(), 120)
        payload = {"stranger": lab.stranger, "mebibytes": MEBIBYTES}
        task = await grid.client.submit(Path(__file__).parent / "units" / "escape.py", {"payloads": [payload]})
        async with open_browser(lab.page, browser=browser):
            await grid.client.wait(task.id, timeout=120)
            [result] = [result async for result in grid.client.results(task.id)]
            if not walls:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(15):
                        while not {f"unit-{name}" for name in UNIT_HEARD} <= lab.heard:
                            await asyncio.sleep(0.1)
        return Run(lab.heard, lab.found, result.value, lab.connected_silently)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["chromium", "firefox", "webkit"])
async def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Run, Run]]:
    """All attempts in one browser, with walls and without."""
    try:
        find_browser(request.param)
    except BrowserError as error:
        pytest.skip(str(error))
    sealed = await attack(request.param, tmp_path_factory.mktemp("sealed"), walls=True)
    open_ = await attack(request.param, tmp_path_factory.mktemp("open"), walls=False)
    yield sealed, open_

"""What a unit may do to others, in each engine: to the next task, to the visit, to a visitor who has stopped it."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from disio.errors import BrowserError
from disio.testing import Grid, find_browser, open_browser
from tests.e2e.walls import Lab

from .conftest import open_volunteering

ENGINES = os.environ.get("DISIO_TEST_ENGINES", "chromium firefox").split()

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid for all engines."""
    async with Grid(tmp_path_factory.mktemp("grid")) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ENGINES)
async def grid(shared: Grid, request: pytest.FixtureRequest) -> AsyncIterator[Grid]:
    """The grid with one volunteer of this engine."""
    async with open_volunteering(shared.url, browser=request.param):
        yield shared


async def test_tasks_share_nothing(grid: Grid, units: Path) -> None:
    """A task finds what its own earlier payload left, which shows that it can be found; the next task finds nothing."""
    found = []
    for _ in range(2):
        task = await grid.client.submit(units / "marks.py", {"payloads": [1, 2]})
        await grid.client.wait(task.id, timeout=120)
        found.append(sorted([result.value async for result in grid.client.results(task.id)], key=len))
    assert found == [[[], ["python", "javascript", "file"]]] * 2


async def test_a_unit_that_speaks_for_its_worker(grid: Grid, units: Path) -> None:
    """What a unit says in its worker's name spoils its own payloads; the visit goes on, and others' tasks with it."""

    async def connections() -> str:
        text = await grid_metrics(grid)
        return next(line for line in text.splitlines() if line.startswith("disio_connections_total"))

    first = await grid.client.submit(units / "squares.py", {"count": 1})
    await grid.client.wait(first.id, timeout=120)  # so the browser is there
    before = await connections()
    wishes = ["for ever", "time", "memory", "held", "results", "shout"]
    forged = await grid.client.submit(units / "forger.py", {"payloads": wishes})
    honest = await grid.client.submit(units / "squares.py", {"count": 20})
    done = await grid.client.wait(honest.id, timeout=120)
    assert (done.state, done.accepted) == ("finished", 20)
    spoilt = await grid.client.wait(forged.id, timeout=150)
    assert spoilt.state == "finished-with-failures"
    messages = [failure.message async for failure in grid.client.failures(forged.id)]
    assert any("longer than" in message for message in messages), messages
    assert await connections() == before, "the visit ended and began anew"


async def grid_metrics(grid: Grid) -> str:
    """The distributor's numbers."""
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{grid.url}/metrics")).text


@pytest.mark.parametrize("browser", ENGINES)
async def test_nothing_goes_on_after_stop(tmp_path: Path, units: Path, browser: str) -> None:
    """A unit that never ends, and is heard while it computes (there are no walls here), is silent after a stop."""
    try:
        find_browser(browser)
    except BrowserError as error:
        pytest.skip(str(error))
    lab = Lab(walls=False)
    lab.over.set()  # nothing seizes this cell
    async with lab.open(), Grid(tmp_path, distributor_options=("--url", lab.url)) as grid:
        lab.pass_on(grid.distributors[0].port)
        await grid.client.submit(units / "heartbeat.py", {"payloads": [lab.stranger + "/beat"]})
        async with open_browser(lab.page, browser=browser):
            await asyncio.wait_for(lab.hears({"beat"}), 60)
            lab.stopping.set()
            await asyncio.wait_for(lab.stopped.wait(), 30)
            lab.heard.clear()
            await asyncio.sleep(2)  # forty beats
            assert "beat" not in lab.heard

"""What a unit may do to others, in each engine: to the next task, to the visit, to a visitor who has stopped it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from disio.errors import BrowserError
from disio.testing import Browser, Grid, find_browser, open_browser, open_site
from tests.e2e.walls import Lab

from .conftest import open_volunteering

if sys.platform == "linux":
    from resource import RLIMIT_DATA, prlimit

ENGINES = os.environ.get("DISIO_TEST_ENGINES", "chromium firefox").split()
APART = [name for name in ENGINES if name != "webkit"]
"""Engines that give a site and the frames of another one processes of their own."""
ROOM = 2 * 2**30
"""Bytes that each process of a browser gets, where a unit takes all it can: the machine has other things to do."""
HUNGRY = """
# /// script
# [tool.disio]
# error_rate = 1
# ///
import js

def run(payload):
    kept = js.Array.new()
    while True:
        kept.push(js.Uint8Array.new(2**26).fill(1))
"""
WATCHED = """<!doctype html><html lang="en"><title>A site that tells how it is</title><script>
  const born = Math.random();
  let beats = 0;
  setInterval(() => fetch("/status", { method: "POST", body: JSON.stringify({ born, beats: ++beats }) }), 200);
</script><script async src="HOME/disio.js" data-consent="granted" data-dedicated></script></html>"""

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


def limit_memory(browser: Browser) -> None:
    """Give each process of this browser, and those that it starts from now on, so much memory and no more."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(entry.name)) == browser.pid:
                prlimit(int(entry.name), RLIMIT_DATA, (ROOM, ROOM))
        except OSError:
            continue  # it ended while it was looked at


@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a browser's processes")
@pytest.mark.parametrize("engine", APART)
async def test_memory_of_javascript_is_the_cells(tmp_path: Path, units: Path, engine: str) -> None:
    """A unit that fills memory by ``js`` costs its own payload: the site's page lives, and computes the next task."""
    try:
        find_browser(engine)
    except BrowserError as error:
        pytest.skip(str(error))
    told: list[Any] = []
    async with (
        Grid(tmp_path) as grid,
        open_site(grid.url, html=WATCHED.replace("HOME", grid.url), on_status=told.append) as site,
        open_browser(site, browser=engine) as browser,
    ):
        first = await grid.client.submit(units / "squares.py", {"count": 1})
        await grid.client.wait(first.id, timeout=120)
        limit_memory(browser)
        hungry = await grid.client.submit(source=HUNGRY, payloads=[1])
        done = await grid.client.wait(hungry.id, timeout=150)
        assert (done.state, done.failed) == ("finished-with-failures", 1)
        honest = await grid.client.submit(units / "squares.py", {"count": 20})
        done = await grid.client.wait(honest.id, timeout=150)
        assert (done.state, done.accepted) == ("finished", 20)
        before = len(told)
        async with asyncio.timeout(30):
            while len(told) < before + 3:  # noqa: ASYNC110 - the page tells when it likes
                await asyncio.sleep(0.05)
        assert {one["born"] for one in told} == {told[0]["born"]}, "the site's page was loaded anew"

"""Renderers and tabs of a real Chromium die under a payload, as in a crash: it costs that payload, nobody else."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from disio.client import AsyncTask
from disio.task.poison import MANY, VANISHED_FREE
from disio.testing import Browser, Grid
from disio.wire.api import Volunteer

from .conftest import Command, Volunteers

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(sys.platform != "linux", reason="finds a browser's processes in /proc"),
]

HEAD = "# /// script\n# [tool.disio]\n# error_rate = 1\n# timeout = 600\n# ///\n"
DEADLY = (
    HEAD
    + """
def run(payload, ctx):
    if payload == "poison":
        ctx.emit("begun")
        while True:
            pass
    return payload * payload
"""
)
HUNGRY = (
    HEAD
    + """
import js

def run(payload):
    kept = js.Array.new()
    while True:
        kept.push(js.Array.new(2**20).fill(1.5))
"""
)
ABORTING = HEAD + "import os\n\ndef run(payload):\n    os.abort()\n"
SQUARES = HEAD + "def run(payload):\n    return payload * payload\n"


def renderers(browser: Browser, *, computing: bool) -> list[int]:
    """The processes of a browser that show its pages; those that have workers only, if ``computing``."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(entry.name)) != browser.pid or b"--type=renderer" not in (entry / "cmdline").read_bytes():
                continue
            threads = [(thread / "comm").read_text() for thread in (entry / "task").iterdir()]
        except OSError:
            continue  # it ended while it was looked at
        if not computing or any(name.startswith("DedicatedWorker") for name in threads):
            found.append(int(entry.name))
    return found


def kill(browser: Browser, *, computing: bool) -> None:
    """Kill these processes of one browser, by their ids."""
    found = renderers(browser, computing=computing)
    assert found
    for process in found:
        os.kill(process, signal.SIGKILL)


async def another(grid: Grid, *before: str) -> Volunteer:
    """Wait until exactly one volunteer is here, and is none of those."""
    async with asyncio.timeout(90):
        while True:
            volunteers = (await grid.client.grid()).volunteers
            if len(volunteers) == 1 and volunteers[0].id not in before:
                return volunteers[0]
            await asyncio.sleep(0.1)  # the page tells the grid of itself, nobody else


async def begun(events: AsyncIterator[object]) -> None:
    """Wait until the deadly payload is under way once more."""
    await asyncio.wait_for(anext(events), 90)


@pytest.mark.long
async def test_a_payload_under_which_tabs_die_is_set_aside(grid: Grid, volunteers: Volunteers) -> None:
    """The page whose cell died comes back; after six deaths the payload is set aside; all others are computed."""
    bad: AsyncTask = await grid.client.submit(source=DEADLY, payloads=["poison", *range(20)])
    events = bad.events()
    async with volunteers(grid.url) as (browser,):
        first = await another(grid)
        await begun(events)
        kill(browser, computing=True)
        await another(grid, first.id)
        await begun(events)
        kill(browser, computing=False)
    for _ in range(VANISHED_FREE + 1):
        async with volunteers(grid.url) as (browser,):
            await begun(events)
            assert (await bad.refresh()).failed == 0
            kill(browser, computing=False)
    good = await grid.client.submit(source=SQUARES, payloads=range(20))
    async with volunteers(grid.url):
        for task, state, failed in ((good, "finished", 0), (bad, "finished-with-failures", 1)):
            done = await grid.client.wait(task.id, timeout=100)
            assert (done.state, done.accepted, done.failed) == (state, 20, failed)
    [failure] = [line async for line in grid.client.failures(bad.id)]
    assert (failure.payload, failure.kind) == ("poison", "crash")
    assert "volunteers left while they computed this payload" in failure.message


async def test_a_page_whose_units_take_all_memory_comes_back(grid: Grid, volunteers: Volunteers) -> None:
    """The browser ends what computes, for memory that is JavaScript's; the same page then computes something else."""
    bad = await grid.client.submit(source=HUNGRY, payloads=[1])
    async with volunteers(grid.url) as (browser,):
        first = await another(grid)
        await another(grid, first.id)
        await bad.cancel()
        good = await grid.client.submit(source=SQUARES, payloads=range(20))
        assert (await grid.client.wait(good.id, timeout=100)).state == "finished"
        assert renderers(browser, computing=True)


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_a_unit_that_crashes_everywhere_is_paused_and_says_why(grid: Grid, volunteers: Volunteers) -> None:
    """The reason is shown by ``disio status``, the API and the dashboard; the other task is computed all the same."""
    bad = await grid.client.submit(source=ABORTING, payloads=range(200))
    reason = f"{MANY} payloads ended the interpreters"
    disio = Command(grid.client.url)
    async with volunteers(grid.url), httpx.AsyncClient(base_url=grid.client.url) as http:
        async with asyncio.timeout(200):
            view = await bad.refresh()
            while view.state == "running":
                view = await grid.client.task(bad.id, since=view.version, wait=20)
        good = await grid.client.submit(source=SQUARES, payloads=range(20))
        assert (await grid.client.wait(good.id, timeout=100)).state == "finished"
        assert view.state == "paused"
        assert reason in (await http.get(f"/api/tasks/{bad.id}")).json()["error"]
        assert reason in (await http.get(f"/tasks/{bad.id}")).text
        told = await disio("status", bad.id)
        assert reason in " ".join(told.stdout.split())

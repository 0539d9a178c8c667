"""What a site may do with a distributor's frames: drive them, ask for too much, listen. In each browser engine."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
import pytest_asyncio

from disio.errors import BrowserError
from disio.testing import Grid, find_browser
from tests.e2e.remote import RemotePage, open_remote
from tests.e2e.walls import ATTACKS

ENGINES = os.environ.get("DISIO_TEST_ENGINES", "chromium firefox").split()

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SOURCE = "def run(payload):\n    return 'the-result-of-' + payload[::-1]\n"
START = '{ type: "start", options: { workers: "64", dedicated: "" } }'
TOLD = {
    "type",
    "state",
    "reason",
    "message",
    "task",
    "payloads",
    "failed",
    "acknowledged",
    "seconds",
    "memory",
    "timings",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid whose volunteers are what the site makes of its visitor."""
    unlimited = ("--limit", "requests_per_second=0")  # what a hundred frames ask for is not what is looked at
    async with Grid(tmp_path_factory.mktemp("grid"), distributor_options=unlimited) as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ENGINES)
async def visitor(grid: Grid, request: pytest.FixtureRequest) -> AsyncIterator[RemotePage]:
    """A visitor of the hostile site, with this engine."""
    try:
        find_browser(request.param)
    except BrowserError as error:
        pytest.skip(str(error))
    text = (ATTACKS / "hostile.html").read_text().replace("HOME", grid.url)
    async with open_remote(text, request.param) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def page(grid: Grid, visitor: RemotePage) -> RemotePage:
    """The visitor's page as it is in the beginning."""
    await visitor.reload()
    await seen(grid, lambda count: count == 0)
    return visitor


async def seen(grid: Grid, fits: Callable[[int], bool]) -> int:
    """How many volunteers the distributor sees, once that fits."""
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(60):
        while True:
            count = int((await http.get(f"{grid.url}/health")).json()["volunteers"])
            if fits(count):
                return count
            await asyncio.sleep(0.1)


async def test_a_site_learns_counts_only(grid: Grid, page: RemotePage) -> None:
    """A site that drives the bridge by itself is told counts and states; no payload, no result, no source."""
    await page.evaluate(f"open('/bridge.html').then(frame => void drive(frame, {START}))")
    task = await grid.client.submit(source=SOURCE, params={"payloads": ["daolyap-eht"]}, name="public")
    await grid.client.wait(task.id, timeout=90)
    await page.until("heard.some(({ acknowledged }) => acknowledged > 0)")
    heard = await page.evaluate("heard")
    assert [result.value async for result in grid.client.results(task.id)] == ["the-result-of-the-payload"]
    said = json.dumps(heard)
    for secret in ("the-result", "daolyap", "the-payload", "def run"):
        assert secret not in said
    assert "public" in said, "it was not told what is computed"
    for status in heard:
        assert status["type"] != "status" or set(status) <= TOLD


async def test_a_hundred_frames_compute_as_one_machine(grid: Grid, page: RemotePage) -> None:
    """A hundred frames that ask for 64 workers each get as many interpreters as the machine has cores, together."""
    await page.evaluate(f"crowd(100, {START})")
    await page.until(
        "heard.filter(({ state, reason }) => state === 'failed' && reason === 'full').length >= "
        "100 - navigator.hardwareConcurrency"
    )
    cores = await page.evaluate("navigator.hardwareConcurrency")
    assert await seen(grid, lambda count: count > 0) <= cores


async def test_odd_messages_move_nothing(grid: Grid, page: RemotePage) -> None:
    """Odd parameters and messages start nothing, and a cell that is framed by a site answers nobody."""
    await page.evaluate(
        """(async () => {
          for (const path of ["/bridge.html?isolated=%00&x=../..", "/bridge.html#start"]) {
            const frame = await open(path);
            for (const message of ["start", null, { type: "connect" }, { type: "work", items: [] }, { type: "stop" }]) {
              drive(frame, message);
            }
            frame.contentWindow.postMessage({ type: "start" }, "*");
            frame.remove(); // it has its share of the cores, whether it computes or not
          }
          const cell = await open("/cell.html", 1000);
          heard.length = 0;
          for (const type of ["connect", "start", "file", "task"]) drive(cell, { type, snapshot: false, workers: 3 });
        })()"""
    )
    await page.evaluate(f"open('/bridge.html').then(frame => void (globalThis.port = drive(frame, {START})))")
    await page.until("heard.some(({ type }) => type === 'status')")
    await page.evaluate(
        "[null, 1, 'pause', {}, { type: 'task' }, { type: 'results' }].forEach(odd => port.postMessage(odd))"
    )
    task = await grid.client.submit(source=SOURCE, params={"payloads": ["x"]})
    done = await grid.client.wait(task.id, timeout=90)
    assert done.state == "finished"
    kinds = {message["type"] for message in await page.evaluate("heard.filter(Boolean)")}
    assert kinds <= {"here", "status", "size"}
    assert await seen(grid, lambda count: count == 1)

"""What a site may do with a distributor's frames: drive them, ask for too much, listen."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

from disio.errors import BrowserError
from disio.testing import Grid, find_browser
from disio.testing.browsers import chromium_flags
from tests.e2e.walls import ATTACKS, Server

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

SOURCE = "def run(payload):\n    return 'the-result-of-' + payload[::-1]\n"
START = {"type": "start", "options": {"workers": "64", "dedicated": ""}}
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
    async with Grid(tmp_path_factory.mktemp("grid")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def page(grid: Grid) -> AsyncIterator[Page]:
    """A visitor of the hostile site."""
    try:
        program = find_browser("chromium")
    except BrowserError as error:
        pytest.skip(str(error))
    text = (ATTACKS / "hostile.html").read_text().replace("HOME", grid.url).encode()

    async def answer(method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        return 200, {"content-type": "text/html; charset=utf-8"}, text

    async with Server(answer).open() as site, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(chromium_flags()))
        opened = await browser.new_page()
        await opened.goto(site.url)
        yield opened
        await browser.close()


async def volunteers(grid: Grid) -> int:
    """How many the distributor sees."""
    async with httpx.AsyncClient(trust_env=False) as http:
        return int((await http.get(f"{grid.url}/health")).json()["volunteers"])


async def test_a_site_learns_counts_only(grid: Grid, page: Page) -> None:
    """A site that drives the bridge by itself is told counts and states; no payload, no result, no source."""
    await page.evaluate("start => open('/bridge.html').then(frame => drive(frame, start))", START)
    task = await grid.client.submit(source=SOURCE, params={"payloads": ["daolyap-eht"]}, name="public")
    await grid.client.wait(task.id, timeout=90)
    await page.wait_for_function("heard.some(({ acknowledged }) => acknowledged > 0)", timeout=60_000)
    heard = await page.evaluate("heard")
    assert [result.value async for result in grid.client.results(task.id)] == ["the-result-of-the-payload"]
    said = json.dumps(heard)
    for secret in ("the-result", "daolyap", "the-payload", "def run"):
        assert secret not in said
    assert "public" in said, "it was not told what is computed"
    for status in heard:
        assert status["type"] != "status" or set(status) <= TOLD


async def test_a_hundred_frames_compute_as_one_machine(grid: Grid, page: Page) -> None:
    """A hundred frames that ask for 64 workers each get as many interpreters as the machine has cores, together."""
    await page.evaluate(
        "start => { for (let n = 0; n < 100; n++) open('/bridge.html', 90000).then(one => drive(one, start)) }", START
    )
    await page.wait_for_function(
        "heard.filter(({ state, message }) => state === 'failed' && message.includes('processors')).length >= "
        "100 - navigator.hardwareConcurrency",
        timeout=120_000,
    )
    cores = await page.evaluate("navigator.hardwareConcurrency")
    assert 0 < await volunteers(grid) <= cores


async def test_odd_messages_move_nothing(grid: Grid, page: Page) -> None:
    """Odd parameters and messages start nothing, and a cell that is framed by a site answers nobody."""
    await page.evaluate(
        """async () => {
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
        }"""
    )
    await page.evaluate("start => open('/bridge.html').then(frame => globalThis.port = drive(frame, start))", START)
    await page.wait_for_function("heard.some(({ type }) => type === 'status')", timeout=60_000)
    await page.evaluate(
        "() => [null, 1, 'pause', {}, { type: 'task' }, { type: 'results' }].forEach(odd => port.postMessage(odd))"
    )
    task = await grid.client.submit(source=SOURCE, params={"payloads": ["x"]})
    done = await grid.client.wait(task.id, timeout=90)
    assert done.state == "finished"
    kinds = {message["type"] for message in await page.evaluate("heard")}
    assert kinds <= {"here", "status", "size"}
    async with asyncio.timeout(30):
        while await volunteers(grid) != 1:
            pass

"""A guest's manners: a share of a core, an end at once, pauses by itself, a page that never waits, nothing left."""

import asyncio
import contextlib
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, CDPSession, Page
from websockets.asyncio.client import ClientConnection, connect

from disio.errors import BrowserError
from disio.testing import Grid, find_browser, open_browser, open_site
from disio.testing.cost import renderer_seconds

from .conftest import Visit, Visits

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]

GRANTED = {"data-consent": "granted"}
STEADY = {**GRANTED, "data-dedicated": ""}
ATTEMPTS = 3
"""What is timed may fail so often less one: the machine may be busy with other tests."""
LONG_TASK_MS = 50
ANIMATED = """<!doctype html><html lang="en"><title>An animated page</title><h1>o</h1><script>
  let n = 0;
  const step = () => {
    document.querySelector("h1").style.transform = `translateX(${n++ % 300}px)`;
    requestAnimationFrame(step);
  };
  step();
  const enter = (address) => {
    const tag = document.createElement("script");
    tag.src = address;
    tag.dataset.consent = "granted";
    tag.dataset.dedicated = "";
    document.body.append(tag);
    tag.onload = () => tag.remove();
  };
</script></html>"""


async def shares_used(visitor: Visit) -> tuple[float, float]:
    """Over some seconds: the part of a core that computing took by its own clock, and that of all renderers."""
    given, cpu, begin = (await visitor.status())["seconds"], renderer_seconds(os.getpid()), time.monotonic()
    await asyncio.sleep(4)  # what is measured is a share of time
    wall = time.monotonic() - begin
    computed = (await visitor.status())["seconds"] - given
    return computed / wall, (renderer_seconds(os.getpid()) - cpu) / wall


@pytest.mark.parametrize("share", [0.5, 0.2])
async def test_share_of_a_core(visit: Visits, share: float) -> None:
    """The time spent computing is the share that was asked for; `bench manners` shows how exactly.

    A busy machine spoils some seconds, a wrong share all of them.
    """
    seen = []
    async with visit(attributes={**STEADY, "data-cpu": str(share)}) as visitor:
        await visitor.computing()
        await visitor.until("status.acknowledged > 20")
        for _ in range(ATTEMPTS):
            seen.append(await shares_used(visitor))
            computed, used = seen[-1]
            if 0.6 * share < computed < 1.25 * share and used < 1.3 * share + 0.15:
                return
    pytest.fail(f"asked for {share}; computed and used, each time anew: {seen}")


async def test_stops_at_once(grid: Grid, visit: Visits) -> None:
    """A payload of almost a minute ends with "Stop": no renderer is busy any more; `bench manners` shows how soon."""
    unit = Path(__file__).parent / "units" / "spin.py"
    task = await grid.client.submit(unit, {"payloads": [55.0] * 3}, priority=9)
    try:
        async with visit(attributes=STEADY) as visitor:
            await visitor.until("status.state === 'computing' && status.task.startsWith('Computes for so many')")
            before = renderer_seconds(os.getpid())
            while renderer_seconds(os.getpid()) < before + 0.3:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.05)
            await visitor.page.evaluate("disio.stop()")
            async with asyncio.timeout(20):
                before, still = renderer_seconds(os.getpid()), False
                while not still:
                    await asyncio.sleep(1)  # processor time is measured over a second
                    now = renderer_seconds(os.getpid())
                    before, still = now, now - before < 0.15
    finally:
        await grid.client.cancel(task.id)


async def test_pauses_while_the_device_is_busy(visit: Visits) -> None:
    """What the browser tells of pressure (Compute Pressure API, set by DevTools) pauses computing."""
    sessions: list[CDPSession] = []

    async def calm(page: Page) -> None:
        sessions.append(await page.context.new_cdp_session(page))
        await sessions[0].send("Emulation.setPressureSourceOverrideEnabled", {"enabled": True, "source": "cpu"})
        await sessions[0].send("Emulation.setPressureStateOverride", {"source": "cpu", "state": "nominal"})

    async with visit(attributes=GRANTED, before=calm) as visitor:
        await visitor.computing()
        await sessions[0].send("Emulation.setPressureStateOverride", {"source": "cpu", "state": "serious"})
        await visitor.until("status.reason === 'pressure'")


async def told(page: Page, script: str) -> None:
    """Have every frame's browser say something that cannot be set from outside; and the device is never busy."""
    await page.add_init_script(script + "; delete window.PressureObserver")


async def test_pauses_on_a_low_battery(visit: Visits) -> None:
    """Below 0.4 without mains it pauses, and goes on with mains; `getBattery` is replaced: no battery can be set."""

    async def low(page: Page) -> None:
        battery = "Object.assign(new EventTarget(), { charging: false, level: 0.39 })"
        await told(page, f"window.battery = {battery}; navigator.getBattery = async () => window.battery")

    async with visit(attributes=GRANTED, before=low) as visitor:
        await visitor.until("status.reason === 'battery'")
        await visitor.bridge.evaluate("battery.charging = true; battery.dispatchEvent(new Event('chargingchange'))")
        await visitor.computing()


async def test_mains_power_is_a_promise(visit: Visits) -> None:
    """Where a site promises mains power, a browser that does not tell does not compute."""

    async def silent(page: Page) -> None:
        await told(page, "navigator.getBattery = undefined")

    async with visit(attributes={**GRANTED, "data-power": "mains"}, before=silent) as visitor:
        await visitor.until("status.reason === 'mains'")


async def test_data_saver(visit: Visits, grid: Grid) -> None:
    """While data is to be saved not even the runtime is downloaded; then computing begins.

    The property is replaced: DevTools cannot set it in a frame that shares its page's process.
    """

    async def saver(page: Page) -> None:
        await told(page, "Object.defineProperty(navigator.connection, 'saveData', { get: () => window.saver ?? true })")

    async with visit(attributes=GRANTED, before=saver) as visitor:
        await visitor.until("status.reason === 'saver'")
        assert not [url for url in visitor.requests if url.startswith(f"{grid.url}/files/")]
        await visitor.bridge.evaluate("window.saver = false")
        await visitor.computing()


class DevTools:
    """A DevTools connection to one tab of a browser that is otherwise left alone: Playwright keeps its tabs visible."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression in the tab's page."""
        self._number += 1
        params = {"expression": expression, "returnByValue": True}
        await self._socket.send(json.dumps({"id": self._number, "method": "Runtime.evaluate", "params": params}))
        while True:
            answer = json.loads(await self._socket.recv())
            if answer.get("id") == self._number:
                return answer["result"]["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression is true in the tab."""
        async with asyncio.timeout(60):
            while not await self.evaluate(expression):  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def tab(url: str) -> AsyncIterator[tuple[DevTools, httpx.AsyncClient, str]]:
    """A tab in a plainly started Chromium: its DevTools, the browser's HTTP end, the tab's id."""
    try:
        find_browser("chromium")
    except BrowserError as error:
        pytest.skip(str(error))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        flags = ("--remote-debugging-port=0", f"--user-data-dir={folder}", "--disable-features=ComputePressure")
        async with open_browser(url, flags=flags), asyncio.timeout(120):
            active = Path(folder) / "DevToolsActivePort"
            while not (active.exists() and active.read_text().strip()):  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.05)
            port = active.read_text().split()[0]
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
                tabs: list[dict[str, str]] = []
                while not tabs:
                    tabs = [one for one in (await http.get("/json")).json() if one["url"] == url]
                async with connect(tabs[0]["webSocketDebuggerUrl"], max_size=None, proxy=None) as socket:
                    yield DevTools(socket), http, tabs[0]["id"]


async def test_pauses_when_nobody_looks(grid: Grid) -> None:
    """A real tab that goes behind another pauses; when it is looked at again it goes on."""
    async with (
        open_site(grid.url, attributes=GRANTED) as site,
        tab(site) as (page, http, name),
    ):
        await page.until("window.disio?.status?.().acknowledged > 0")
        other = (await http.put("/json/new?about:blank")).json()
        await http.get(f"/json/activate/{other['id']}")
        await page.until("document.hidden && disio.status().reason === 'hidden'")
        await http.get(f"/json/activate/{name}")
        await page.until("!document.hidden && disio.status().state === 'computing'")


async def main_thread_tasks(browser: Browser, visitor: Visit) -> list[float]:
    """Processor time in milliseconds of each task on renderers' main threads, from the tag to a hundred results."""
    await browser.start_tracing(page=visitor.page, categories=["toplevel", "__metadata"])
    await visitor.page.evaluate("enter(loader)")
    await visitor.computing()
    await visitor.until("status.acknowledged > 100")
    events = json.loads(await browser.stop_tracing())["traceEvents"]
    names = [event for event in events if event["name"] == "thread_name"]
    threads = {(one["pid"], one["tid"]) for one in names if one["args"]["name"] == "CrRendererMain"}
    return [event["tdur"] / 1000 for event in events if "tdur" in event and (event["pid"], event["tid"]) in threads]


async def test_the_page_never_waits(grid: Grid, chromium: Browser, visit: Visits) -> None:
    """No task on any renderer's main thread takes 50 ms of processor time, from the tag to a hundred results.

    A task that is long by our own doing is so at each visit; one that a busy machine has stretched is not.
    """
    html = ANIMATED.replace("<script>", f"<script>const loader = '{grid.url}/disio.js';", 1)
    longest: list[float] = []
    while len(longest) < ATTEMPTS and min(longest, default=LONG_TASK_MS) >= LONG_TASK_MS:
        async with visit(html=html) as visitor:
            tasks = await main_thread_tasks(chromium, visitor)
            assert len(tasks) > 100, "nothing was traced"
            longest.append(max(tasks))
    assert min(longest) < LONG_TASK_MS, f"the longest of each visit, in ms: {longest}"


async def test_nothing_is_left_behind(grid: Grid, visit: Visits) -> None:
    """Put in and taken out again and again, the tag leaves no frames, listeners or memory in the page."""
    html = ANIMATED.replace("<script>", f"<script>const loader = '{grid.url}/disio.js';", 1)
    async with visit(html=html) as visitor:
        session = await visitor.page.context.new_cdp_session(visitor.page)
        await session.send("Performance.enable")

        async def left() -> dict[str, float]:
            await session.send("HeapProfiler.collectGarbage")
            found = (await session.send("Performance.getMetrics"))["metrics"]
            return {one["name"]: one["value"] for one in found}

        async def once() -> None:
            await visitor.page.evaluate("enter(loader)")
            await visitor.until("status.state !== 'idle' && status.timings?.ready > 0")
            await visitor.page.evaluate("disio.remove()")
            assert await visitor.page.evaluate("frames.length") == 0

        for _ in range(2):
            await once()
        before = await left()
        for _ in range(6):
            await once()
        after = await left()
        assert await visitor.page.locator("disio-badge, iframe").count() == 0
        assert after["JSEventListeners"] <= before["JSEventListeners"] + 2
        assert after["Nodes"] <= before["Nodes"] + 30
        assert after["Frames"] <= before["Frames"]
        assert after["JSHeapUsedSize"] <= before["JSHeapUsedSize"] + 300_000

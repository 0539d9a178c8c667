"""A project with work for ever, a real Chromium, and pages of sites that carry the tag."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Frame, Page, async_playwright

from disio.assets import asset
from disio.errors import BrowserError
from disio.testing import Grid, find_browser, open_site
from disio.testing.browsers import chromium_flags

WAIT = 60_000
"""Milliseconds; the machine may be busy with other tests."""
STEADY = {"data-dedicated": "", "data-cpu": "0.3"}
"""Pauses by themselves, on a busy machine, are no part of these tests."""


@dataclass
class Visit:
    """A page of a site in a browser, and what happened in it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    """Errors and warnings in its console."""

    @property
    def bridge(self) -> Frame:
        """The frame with badge and panel."""
        return next(frame for frame in self.page.frames if "/bridge.html" in frame.url)

    def hear(self, message: ConsoleMessage) -> None:
        """Keep what a site owner would worry about."""
        if message.type in ("error", "warning"):
            self.said.append(message.text)

    async def status(self) -> dict[str, Any]:
        """What the site is told."""
        status: dict[str, Any] = await self.page.evaluate("window.disio.status()")
        return status

    async def until(self, condition: str) -> None:
        """Wait for a JavaScript expression, in which ``status`` is the status."""
        text = f"(() => {{ const status = window.disio?.status?.(); return Boolean(status && ({condition})); }})()"
        async with asyncio.timeout(WAIT / 1000):  # not wait_for_function: that needs 'unsafe-eval'
            while not await self.page.evaluate(text):  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.05)

    async def computing(self) -> None:
        """Wait until results of this visit are safe."""
        await self.until("status.acknowledged > 0")
        await self.bridge.locator(".pill, .panel").first.wait_for(state="attached", timeout=WAIT)

    async def close_panel(self) -> None:
        """Have the badge only."""
        await self.bridge.locator(".pill, .panel").first.wait_for(state="attached", timeout=WAIT)
        if await self.bridge.locator(".panel").is_visible():
            await self.bridge.locator(".hide").click()
        await self.bridge.locator(".pill").wait_for(timeout=WAIT)

    async def open_panel(self) -> None:
        """Click the badge."""
        await self.bridge.locator(".pill").click(timeout=WAIT)
        await self.bridge.locator(".panel").wait_for(timeout=WAIT)


Visits = Callable[..., AbstractAsyncContextManager[Visit]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid whose work does not end in a test's time."""
    async with Grid(tmp_path_factory.mktemp("grid")) as opened:
        await opened.client.submit(
            asset("workunits") / "pi_digits.py", {"start": 800, "digits": 10_000_000, "chunk": 2}
        )
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for the tests of a module."""
    try:
        program = find_browser("chromium")
    except BrowserError as error:
        pytest.skip(str(error))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(chromium_flags()))
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def visit(grid: Grid, chromium: Browser) -> Visits:
    """Open a page of a site in a fresh profile: keywords are those of ``open_site``, and of a browser context."""

    @contextlib.asynccontextmanager
    async def opened(
        *,
        distributor: str = grid.url,
        attributes: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        html: str = "",
        before: Callable[[Page], Awaitable[None]] | None = None,
        **context: Any,
    ) -> AsyncIterator[Visit]:
        async with open_site(distributor, attributes=attributes, headers=headers, html=html) as site:
            profile = await chromium.new_context(**{"locale": "en-GB", **context})
            page = await profile.new_page()
            page.set_default_timeout(WAIT)
            found = Visit(page)
            page.on("request", lambda request: found.requests.append(request.url))
            page.on("console", found.hear)
            page.on("pageerror", lambda error: found.said.append(str(error)))
            if before is not None:
                await before(page)
            await page.goto(site)
            try:
                yield found
            finally:
                await profile.close()

    return opened


def project_root() -> Path:
    """The checkout."""
    return Path(__file__).parents[3]


def question(visit: Visit) -> Any:
    """The card that asks."""
    return visit.page.locator("disio-badge section")


async def loader(visit: Visits) -> str:
    """The address of the loader."""
    async with visit() as visitor:
        address: str = await visitor.page.evaluate("document.querySelector('script[src]').src")
        return address

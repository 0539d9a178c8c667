"""A visitor is asked, in words that say what for; agrees, refuses, withdraws; all within reach of everyone."""

import asyncio
import json
import re

import pytest
from playwright.async_api import Page, Route

from disio.assets import asset
from disio.bundle import load
from disio.bundle.snapshot import SNAPSHOT
from disio.testing import Grid

from .conftest import STEADY, Visits, question

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


async def test_nothing_but_the_loader_before_yes(visit: Visits, grid: Grid) -> None:
    """The question says what for, how much and how long, and until it is answered nothing else is downloaded."""
    async with visit() as visitor:
        await question(visitor).wait_for()
        text = await question(visitor).inner_text()
        for part in ("Hexadecimal digits of pi", "50% of a processor core", "90 days", "Stop at any time"):
            assert part in text
        await visitor.page.wait_for_load_state("networkidle")
        ours = [url for url in visitor.requests if url.startswith(grid.url)]
        assert ours == [f"{grid.url}/disio.js"]
        assert await visitor.page.evaluate("[document.cookie, localStorage.length, frames.length]") == ["", 0, 0]
        assert await visitor.page.evaluate("Object.keys(window).filter((name) => /disio/i.test(name))") == ["disio"]


async def test_yes_is_remembered_and_withdrawn_with_one_click(visit: Visits) -> None:
    """After a yes the next page computes at once; after "Stop" nothing is left, and the next page does not ask."""
    async with visit(attributes=STEADY) as visitor:
        await question(visitor).get_by_role("button", name="Start").click()
        await visitor.computing()
        assert await question(visitor).count() == 0
        assert (await visitor.page.evaluate("localStorage.disio")).startswith("yes ")
        await visitor.page.reload()
        await visitor.computing()
        await visitor.open_panel()
        await visitor.bridge.get_by_role("button", name="Stop").click()
        await visitor.until("status.state === 'idle'")
        assert await visitor.page.locator("disio-badge").count() == 0
        assert await visitor.page.evaluate("frames.length") == 0
        await visitor.page.reload()
        await visitor.until("status.state === 'idle'")
        assert await visitor.page.locator("disio-badge").count() == 0
        await visitor.page.evaluate("disio.ask()")
        await question(visitor).wait_for()


async def test_the_status_after_stop(visit: Visits) -> None:
    """Stopped while it computes or loads, the handle says so at once and for good: nothing of before is left."""
    idle = {"state": "idle", "reason": "", "acknowledged": 0}
    async with visit(attributes={**STEADY, "data-consent": "granted"}) as visitor:
        await visitor.page.evaluate(
            "window.told = []; for (const name of ['state', 'reason', 'acknowledged'])"
            " disio.addEventListener(name, ({ detail }) => told.push(detail.state))"
        )
        await visitor.computing()
        for _ in range(2):
            assert (await visitor.status())["state"] != "idle"
            stopped = "(disio.stop(), told.length = 0, [disio.status(), disio.status().state, frames.length])"
            assert await visitor.page.evaluate(stopped) == [idle, "idle", 0]
            await visitor.page.evaluate(
                "new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 500)))"
            )
            assert await visitor.page.evaluate("[disio.status(), told]") == [idle, []]
            await visitor.page.evaluate("disio.start()")


async def test_no_is_remembered_until_its_time_is_over(visit: Visits) -> None:
    """Who has refused is not asked again on the next page, but when the answer has lost its force."""
    async with visit(attributes={"data-remember": "7"}) as visitor:
        await question(visitor).get_by_role("button", name="No, thanks").click()
        assert await visitor.page.locator("disio-badge").count() == 0
        kept = await visitor.page.evaluate("localStorage.disio.split(' ')[1] - Date.now()")
        assert 6.9 < kept / 86_400_000 <= 7
        await visitor.page.reload()
        await visitor.until("status.state === 'idle'")
        assert await question(visitor).count() == 0
        await visitor.page.evaluate("localStorage.disio = `no ${Date.now() - 1}`")
        await visitor.page.reload()
        await question(visitor).wait_for()


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "ja", "zh"])
async def test_languages(visit: Visits, grid: Grid, language: str) -> None:
    """The browser's language decides; a tag that names one gets it, by the loader alone."""
    words = json.loads((asset("worker") / f"words/{language}.json").read_text())["question"]
    async with visit(locale=language) as visitor:
        await question(visitor).wait_for()
        assert await question(visitor).locator("h2").inner_text() == words["title"]
        assert await question(visitor).get_attribute("lang") == language
    async with visit(attributes={"data-language": language}, locale="pt") as visitor:
        await question(visitor).wait_for()
        assert await question(visitor).locator("button").first.inner_text() == words["start"]
        ours = {url for url in visitor.requests if url.startswith(grid.url)}
        assert ours <= {f"{grid.url}/disio.js", f"{grid.url}/disio.js?lang={language}&"}


async def test_the_panel_speaks_the_language(visit: Visits) -> None:
    """What follows the question is in its language, and says what is computed and what was given."""
    async with visit(attributes={**STEADY, "data-consent": "granted"}, locale="de") as visitor:
        await visitor.computing()
        await visitor.open_panel()
        text = await visitor.bridge.locator(".panel").inner_text()
        for part in ("Rechnet", "Digits of pi", "Ergebnisse von Ihnen", "Gespendete Zeit", "30 %", "Beenden"):
            assert part in text.replace("\u00a0", " "), text


async def test_a_link_to_the_project(visit: Visits) -> None:
    """The panel links to the page that the unit names, in a tab that learns nothing; no script is an address."""
    attributes = {**STEADY, "data-consent": "granted"}
    async with visit(attributes={**attributes, "data-link": "javascript:parent.ran=1"}) as visitor:
        await visitor.computing()
        await visitor.open_panel()
        link = visitor.bridge.get_by_role("link", name="About the project")
        await link.wait_for()
        assert await link.evaluate("(link) => [link.target, link.rel, link.href]") == [
            "_blank",
            "noopener noreferrer",
            "https://en.wikipedia.org/wiki/Bailey%E2%80%93Borwein%E2%80%93Plouffe_formula",
        ]
    async with visit(attributes={**attributes, "data-link": "https://example.org/why"}) as visitor:
        await visitor.computing()
        await visitor.open_panel()
        link = visitor.bridge.get_by_role("link", name="About the project")
        assert await link.get_attribute("href") == "https://example.org/why"


async def test_the_panel_says_what_failed(visit: Visits) -> None:
    """Where the runtime does not come, the visitor reads so in their language, and the site gets more in English."""

    async def broken(page: Page) -> None:
        await page.route("**/bundle.json", lambda route: route.fulfill(body="<p>A proxy's page</p>"))

    words = json.loads((asset("worker") / "words/de.json").read_text())["panel"]
    async with visit(attributes={**STEADY, "data-consent": "granted"}, locale="de", before=broken) as visitor:
        await visitor.until("status.state === 'failed' && status.reason === 'files'")
        assert "JSON" in (await visitor.status())["message"]
        await visitor.open_panel()
        assert await visitor.bridge.locator(".why").inner_text() == words["files"]


async def test_a_first_visit_shows_how_far_it_is(visit: Visits) -> None:
    """While the runtime comes, badge and panel say how much of it is here; then they do not any more."""
    come = asyncio.Event()

    async def hold(route: Route) -> None:
        await come.wait()
        await route.continue_()

    snapshot = load(only=()).manifest.files[SNAPSHOT].sha256
    async with visit(attributes=STEADY, before=lambda page: page.route(f"**/files/{snapshot}", hold)) as visitor:
        await question(visitor).locator("button").first.click()
        badge = visitor.page.frame_locator("disio-badge iframe")  # which comes a little after the click
        await badge.locator(".pill .count").filter(has_text=re.compile(r"^[1-9]\d?%$")).wait_for()
        bar = visitor.bridge.get_by_role("progressbar", name="Getting ready")
        assert not await bar.is_visible()
        await visitor.open_panel()
        assert 0 < await bar.evaluate("bar => bar.value") < 1
        come.set()
        await visitor.computing()
        assert not await bar.is_visible()


async def test_a_live_picture(visit: Visits) -> None:
    """While the panel is open it shows what the unit makes of a result, as an image that the browser has drawn."""
    async with visit(attributes={**STEADY, "data-consent": "granted"}) as visitor:
        await visitor.computing()
        await visitor.open_panel()
        image = visitor.bridge.locator("figure img")
        await image.wait_for()
        drawn = "(image) => image.decode().then(() => [image.naturalWidth > 0, image.src.slice(0, 5)])"
        assert await image.evaluate(drawn) == [True, "blob:"]
        first = await image.get_attribute("src")
        await visitor.bridge.wait_for_function(
            "(first) => document.querySelector('figure img').src !== first", arg=first
        )


async def test_a_site_chooses_its_tasks(visit: Visits, grid: Grid) -> None:
    """A site that names a task computes for it alone; one that names another one that does not run waits."""
    async with visit(attributes={**STEADY, "data-consent": "granted", "data-tasks": "Digits of pi, x"}) as visitor:
        await visitor.computing()
        assert "Hexadecimal digits" in (await visitor.status())["task"]
    async with visit(attributes={**STEADY, "data-consent": "granted", "data-tasks": "moths"}) as visitor:
        await visitor.until("status.state === 'waiting'")
        assert (await visitor.status())["payloads"] == 0


async def test_a_site_that_asks_itself(visit: Visits) -> None:
    """``granted`` starts without a question and stores nothing; ``manual`` waits for the site."""
    async with visit(attributes={**STEADY, "data-consent": "granted"}) as visitor:
        await visitor.computing()
        assert await visitor.page.evaluate("localStorage.length") == 0
    async with visit(attributes={**STEADY, "data-consent": "manual"}) as visitor:
        await visitor.until("status.state === 'idle'")
        assert await visitor.page.locator("disio-badge").count() == 0
        await visitor.page.evaluate("disio.start()")
        await visitor.computing()


async def test_a_no_holds_where_the_site_has_asked(visit: Visits) -> None:
    """After a stop, ``granted`` starts nothing by itself; ``disio.start()`` does, and the no is forgotten."""
    async with visit(attributes={**STEADY, "data-consent": "granted"}) as visitor:
        await visitor.computing()
        await visitor.open_panel()
        await visitor.bridge.get_by_role("button", name="Stop").click()
        await visitor.until("status.state === 'idle'")
        await visitor.page.reload()
        await visitor.until("status.state === 'idle'")
        assert await visitor.page.evaluate("[frames.length, localStorage.disio.slice(0, 3)]") == [0, "no "]
        await visitor.page.evaluate("disio.start()")
        await visitor.computing()
        assert await visitor.page.evaluate("localStorage.length") == 0
        await visitor.page.reload()
        await visitor.computing()


async def test_events(visit: Visits) -> None:
    """``state``, ``reason`` and ``acknowledged`` are sent when they change; the status is as documented."""
    listening = (
        "window.told = []; for (const name of ['state', 'reason', 'acknowledged'])"
        " disio.addEventListener(name, ({ detail }) => told.push([name, detail[name]]))"
    )
    names = ["state", "reason", "message", "task", "payloads", "failed", "acknowledged", "seconds", "memory", "timings"]
    async with visit(attributes={**STEADY, "data-consent": "granted"}) as visitor:
        await visitor.computing()
        assert sorted(await visitor.status()) == sorted(names)
        await visitor.page.evaluate(listening)
        await visitor.page.evaluate("disio.pause()")
        await visitor.until("status.reason === 'visitor'")
        await visitor.page.evaluate("disio.resume()")
        await visitor.until("status.reason === ''")
        told = await visitor.page.evaluate("told.filter(([name]) => name === 'reason')")
        assert told == [["reason", "visitor"], ["reason", ""]]
        await visitor.page.evaluate("disio.pause()")
        await visitor.until("status.reason === 'visitor'")
        await visitor.page.evaluate("told.length = 0; disio.stop(); disio.stop()")
        assert await visitor.page.evaluate("told") == [["state", "idle"], ["reason", ""], ["acknowledged", 0]]


@pytest.mark.parametrize("query", ["?v=3", "?v=3&x=a%2Fb"])
async def test_an_address_of_ones_own_and_a_language(visit: Visits, grid: Grid, query: str) -> None:
    """``data-language`` is the language of the question also where the tag's address has a query, which is kept."""
    page = f'<!doctype html><title>x</title><body><script src="{grid.url}/disio.js{query}" data-language="de"></script>'
    async with visit(html=page) as visitor:
        await visitor.page.get_by_role("button", name="Starten").wait_for()
        assert f"{grid.url}/disio.js?lang=de&{query[1:]}" in visitor.requests


async def test_a_tag_taken_out_before_its_script_came(visit: Visits) -> None:
    """An application that takes its tag out at once is left alone, whatever the tag said."""
    async with visit(attributes={"data-consent": "manual"}) as visitor:
        await visitor.until("status.state === 'idle'")
        await visitor.page.evaluate(
            """async () => {
                disio.remove();
                const tag = document.createElement("script");
                tag.src = document.querySelector("script[src*='disio.js']").src;
                tag.dataset.consent = "granted";
                const loaded = new Promise((resolve) => (tag.onload = resolve));
                document.body.append(tag);
                tag.remove();
                await loaded;
            }"""
        )
        assert (await visitor.status())["state"] == "idle"
        assert await visitor.page.locator("disio-badge").count() == 0
        assert await visitor.page.evaluate("frames.length") == 0

"""The pages in a real browser: live, and clean under their own policy."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright, expect

from disio.errors import BrowserError
from disio.testing import Grid, find_browser
from disio.testing.browsers import chromium_flags
from disio.testing.volunteer import PythonVolunteer

from .conftest import UNIT

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page(grid: Grid) -> AsyncIterator[Page]:
    """A browser's page on the dashboard; whatever its console says is an error of the test."""
    try:
        program = find_browser("chromium")
    except BrowserError as error:
        pytest.skip(str(error))
    assert grid.dashboard is not None
    said: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=list(chromium_flags()))
        context = await browser.new_context(base_url=grid.dashboard.ready["url"])
        opened = await context.new_page()
        opened.set_default_timeout(15_000)
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        yield opened
        await browser.close()
    assert said == []


async def test_a_task_from_form_to_answer(page: Page, volunteer: PythonVolunteer) -> None:
    """A person pastes a unit, submits it, and sees figures, results, failures and answer without reloading."""
    await page.goto("/new")
    await page.get_by_label("Work unit").fill(UNIT)
    await page.get_by_label("Parameters").fill('{"count": 60}')
    await page.get_by_label("File name").fill("squares.py")
    await page.get_by_label("Name (optional)").fill("from a browser")
    await page.get_by_role("button", name="Submit").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("from a browser")
    await expect(page.locator("#task-now .badge")).to_have_text("finished with failures")
    await expect(page.locator("#result-4")).to_contain_text("16")
    await expect(page.locator("#failure-7")).to_contain_text("seven <is> odd")
    await expect(page.get_by_role("progressbar")).to_have_js_property("value", 59)  # of 60: one has failed
    await page.get_by_role("link", name="Next page").click()
    await expect(page.locator("#result-30")).to_contain_text("900")
    await page.get_by_role("link", name="First page").click()
    await expect(page.locator("#result-0")).to_be_visible()


@pytest.mark.usefixtures("volunteer")
async def test_a_result_is_traced_to_its_votes(page: Page, grid: Grid) -> None:
    """A click on a result's number, or the form, shows who gave the answer and why that is believed."""
    task = await grid.client.submit(source=UNIT, params={"count": 5})
    await grid.client.wait(task.id, timeout=60)
    await page.goto(f"/tasks/{task.id}")
    await page.locator("#result-4").get_by_role("link", name="4", exact=True).click()
    votes = page.locator("#votes-of")
    await expect(votes).to_contain_text("Payload 4. Accepted: a volunteer of the operator's own gave this answer")
    await expect(votes.get_by_role("row")).to_have_count(2)
    await expect(votes).to_contain_text("trusted")
    await expect(page.locator("#votes")).to_be_in_viewport()
    await expect(page.locator("#result-4")).to_contain_text("16")
    await page.get_by_label("Payload", exact=True).fill("5")
    await page.get_by_role("button", name="Show its votes").click()
    await expect(votes).to_contain_text("has no payload 5; its payloads so far are 0 to 4")


async def test_cancel_asks_first(page: Page, grid: Grid) -> None:
    """The cancel button asks, does nothing if refused, and cancels if agreed; the page follows by itself."""
    task = await grid.client.submit(source=UNIT.replace("range(", "iter(int, "), params={})
    await page.goto(f"/tasks/{task.id}")
    page.once("dialog", lambda dialog: dialog.dismiss())
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#task-now .badge")).to_have_text("running")
    await grid.client.cancel(task.id)
    await expect(page.locator("#task-now .badge")).to_have_text("cancelled")
    await expect(page.get_by_role("button", name="Cancel")).to_have_count(0)


async def test_the_overview_follows(page: Page, grid: Grid) -> None:
    """A task that somebody else submits appears on the open overview."""
    await page.goto("/")
    task = await grid.client.submit(source=UNIT, params={"count": 1}, name="by somebody else")
    await expect(page.locator(f"#task-{task.id}")).to_contain_text("by somebody else")


@pytest.mark.usefixtures("volunteer")
async def test_nothing_is_cut_off_on_a_phone(page: Page, grid: Grid) -> None:
    """At a phone's width neither a page nor a table in it is wider than the screen."""
    task = await grid.client.submit(source=UNIT, params={"count": 3}, name="seen on a phone")
    await grid.client.wait(task.id, timeout=60)
    before = page.viewport_size
    await page.set_viewport_size({"width": 360, "height": 740})
    for path in ("/", "/new", "/api", f"/tasks/{task.id}"):
        await page.goto(path)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        wider = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.outerHTML.slice(0, 300))"
        assert await page.locator("html, .scroll").evaluate_all(wider) == [], path
    assert before is not None
    await page.set_viewport_size(before)

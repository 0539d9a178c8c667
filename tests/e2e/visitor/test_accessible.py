"""Everyone can answer: by keyboard, with a screen reader, on a small screen, in any direction of writing."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Frame, Page

from disio.assets import asset
from disio.testing import Grid

from .conftest import STEADY, Visit, Visits, loader, project_root, question

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


async def test_by_keyboard_alone(visit: Visits) -> None:
    """Tab and Enter lead from the question to the panel and out of it; the focus is never lost."""
    async with visit(attributes=STEADY) as visitor:
        await question(visitor).wait_for()
        press = visitor.page.keyboard.press
        await press("Tab")
        assert await visitor.page.evaluate("document.activeElement.shadowRoot.activeElement.textContent") == "Start"
        await press("Enter")
        await visitor.computing()
        await visitor.page.wait_for_function("document.activeElement?.shadowRoot?.activeElement?.tagName === 'IFRAME'")
        await visitor.bridge.wait_for_function("document.hasFocus()")  # the frame is another process's, and told later
        await press("Tab")
        await visitor.bridge.wait_for_function("document.activeElement.className === 'pill'")
        await press("Enter")
        await visitor.bridge.locator(".panel").wait_for()
        assert await visitor.bridge.evaluate("document.activeElement.className") == "hide"
        await press("Escape")
        await visitor.bridge.locator(".pill").wait_for()
        assert await visitor.bridge.evaluate("document.activeElement.className") == "pill"


async def violations(frame: Page | Frame) -> list[str]:
    """What axe-core finds in a document, its open shadow roots included."""
    await frame.evaluate((project_root() / "worker/node_modules/axe-core/axe.min.js").read_text())
    found = await frame.evaluate("axe.run(document, { iframes: false })")
    return [
        f"{one['id']}: {node['html']}: {node['failureSummary']}" for one in found["violations"] for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(visit: Visits, scheme: str) -> None:
    """Question, badge and panel, computing and paused, are accessible by the rules of axe-core; on a phone."""
    if not (project_root() / "worker/node_modules/axe-core").is_dir():
        pytest.skip("axe-core is not installed (needs npm, then make setup)")
    phone = {"viewport": {"width": 360, "height": 640}, "color_scheme": scheme}
    async with visit(attributes={**STEADY, "data-link": "https://example.org"}, **phone) as visitor:
        await question(visitor).wait_for()
        assert await violations(visitor.page) == []
        await question(visitor).locator("button").first.click()
        await visitor.computing()
        assert await violations(visitor.bridge) == []
        await visitor.open_panel()
        assert await violations(visitor.bridge) == []
        assert await visitor.bridge.evaluate("document.getAnimations().length") == 0
        await visitor.bridge.get_by_role("button", name="Pause").click()
        await visitor.until("status.state === 'paused' && status.reason === 'visitor'")
        assert await violations(visitor.bridge) == []
        assert await violations(visitor.page) == []
        box = await visitor.page.locator("disio-badge iframe").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert box["height"] > 250
        assert await visitor.bridge.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def violations_in_both_schemes(visit: Visit) -> list[str]:
    """What axe-core finds in badge and panel, by day and by night; the panel is open afterwards."""
    found = []
    for look in (visit.close_panel, visit.open_panel):
        await look()
        for scheme in ("light", "dark"):
            await visit.page.emulate_media(color_scheme=scheme)
            found += await violations(visit.bridge)
    return found


async def test_axe_finds_nothing_where_it_cannot_compute(visit: Visits, tmp_path: Path) -> None:
    """Badge and panel are accessible without a place to compute, in the page's language, and without a connection."""
    if not (project_root() / "worker/node_modules/axe-core").is_dir():
        pytest.skip("axe-core is not installed (needs npm, then make setup)")
    attributes = {**STEADY, "data-consent": "granted", "data-workers": "100%"}
    async with Grid(tmp_path) as grid, visit(distributor=grid.url, attributes=attributes, locale="fr") as first:
        await first.until("['waiting', 'computing'].includes(status.state)")
        second = Visit(await first.page.context.new_page())
        second.page.on("console", second.hear)
        await second.page.goto(first.page.url)
        await second.until("status.state === 'failed' && status.reason === 'full'")
        assert await violations_in_both_schemes(second) == []
        words = json.loads((asset("worker") / "words/fr.json").read_text())["panel"]
        assert await second.bridge.locator(".why").inner_text() == words["full"]
        await first.page.close()
        await second.bridge.locator("button.first").click()
        await second.until("status.state === 'waiting'")
        await grid.distributors[0].kill()
        await second.until("status.state === 'offline'")
        assert await violations_in_both_schemes(second) == []
        assert await second.bridge.locator(".title").inner_text() == words["offline"]


async def test_what_can_be_clicked_looks_so(visit: Visits) -> None:
    """Over both buttons of the question the pointer is a hand."""
    async with visit() as visitor:
        await question(visitor).wait_for()
        cursors = "(buttons) => buttons.map((button) => getComputedStyle(button).cursor)"
        assert await question(visitor).locator("button").evaluate_all(cursors) == ["pointer", "pointer"]


async def test_where_the_text_runs_from_right_to_left(visit: Visits) -> None:
    """On a page that is written from right to left, question and badge stay whole and on the screen."""
    page = '<!doctype html><html lang="ar" dir="rtl"><title>x</title><script src="LOADER"></script></html>'
    async with visit(html=page.replace("LOADER", await loader(visit))) as visitor:
        await question(visitor).wait_for()
        box = await question(visitor).bounding_box()
        assert box is not None
        assert box["width"] == 340
        assert await question(visitor).evaluate("(section) => getComputedStyle(section).direction") == "ltr"


@pytest.mark.parametrize(("width", "height"), [(640, 300), (320, 256)])
async def test_the_question_on_a_small_screen(visit: Visits, width: int, height: int) -> None:
    """However little room there is, the question is on the screen and its buttons can be reached."""
    purpose = "the folding of proteins that matter for malaria and for other neglected diseases, " * 4
    async with visit(attributes={"data-purpose": purpose}, viewport={"width": width, "height": height}) as visitor:
        await question(visitor).wait_for()
        box = await question(visitor).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
        for name in ("Start", "No, thanks"):
            button = question(visitor).get_by_role("button", name=name)
            await button.scroll_into_view_if_needed()
            found = await button.bounding_box()
            assert found is not None
            assert found["y"] >= box["y"]
            assert found["y"] + found["height"] <= box["y"] + box["height"]
        await question(visitor).get_by_role("button", name="No, thanks").click()
        await visitor.until("status.state === 'idle'")

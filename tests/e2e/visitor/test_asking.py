"""A visitor is asked, in words that say what for; agrees, refuses, withdraws; all within reach of everyone."""

import html
import json
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Frame, Page

from disio.assets import asset
from disio.distributor.loader import Loader
from disio.testing import Grid

from .conftest import Visit, Visits, project_root

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]

STEADY = {"data-dedicated": "", "data-cpu": "0.3"}
"""Pauses by themselves, on a busy machine, are no part of these tests."""


def question(visit: Visit) -> Any:
    """The card that asks."""
    return visit.page.locator("disio-badge section")


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


async def loader(visit: Visits) -> str:
    """The address of the loader."""
    async with visit() as visitor:
        address: str = await visitor.page.evaluate("document.querySelector('script[src]').src")
        return address


@pytest.mark.parametrize(
    ("attributes", "share", "days"),
    [
        ({"data-workers": "abc", "data-cpu": "abc", "data-remember": "x"}, "50", "90"),
        ({"data-workers": "9999", "data-cpu": "7"}, "ALL", "90"),
        ({"data-workers": "9999%", "data-cpu": "1"}, "ALL", "90"),
        ({"data-workers": "-3", "data-cpu": "-1", "data-remember": "-1"}, "1", "90"),
        ({"data-workers": "", "data-cpu": "", "data-consent": "", "data-badge": "", "data-words": ""}, "50", "90"),
        ({"data-cpu": "0", "data-remember": "7"}, "1", "7"),
    ],
)
async def test_the_question_tells_what_would_be(
    visit: Visits, attributes: dict[str, str], share: str, days: str
) -> None:
    """However wrong an option is, the question names what would be taken, and an answer holds."""
    async with visit(attributes=attributes) as visitor:
        await question(visitor).wait_for()
        cores = await visitor.page.evaluate("navigator.hardwareConcurrency")
        text = await question(visitor).inner_text()
        assert f"up to {100 * cores if share == 'ALL' else share}% of a processor core" in text
        assert f"kept for {days} days" in text
        await visitor.page.evaluate("disio.stop()")
        await visitor.page.reload()
        await visitor.until("status.state === 'idle'")
        assert await question(visitor).count() == 0


async def test_the_question_and_the_bridge_read_alike(visit: Visits) -> None:
    """No more is taken than the question names, and no less is named than the site meant, whatever numbers it gives."""
    read = """async ([source, cases, cores]) => {
      Object.defineProperty(navigator, "hardwareConcurrency", { value: cores, configurable: true });
      const { readOptions } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
      return cases.map((given) => {
        disio.push({ workers: undefined, cpu: undefined, dedicated: undefined }, given);
        disio.ask();
        const text = document.querySelector("disio-badge").shadowRoot.querySelector("p").textContent;
        const [, named] = /(\\d+)%/.exec(text);
        const { workers, share } = readOptions(given, cores, () => {});
        return [Number(named), Math.ceil((share ?? 0.5) * Math.min(cores, workers) * 100), JSON.stringify(given)];
      });
    }"""
    workers = [
        "",
        " ",
        "3",
        " 3 ",
        "1e1",
        "0x3",
        "50%",
        " 50 %",
        "1%",
        "900%",
        "0",
        "-2",
        "x",
        "2.9",
        "2 x",
        "3,5",
        2,
        None,
    ]
    shares = [
        "",
        " ",
        "0.3",
        "0,3",
        "20%",
        "20 %",
        "250%",
        "7",
        "1e-1",
        "0",
        "-1",
        ".5",
        "half",
        "Infinity",
        0.25,
        0,
        None,
    ]
    dedicated: list[dict[str, str | None]] = [{}, {"dedicated": ""}, {"dedicated": None}]
    cases = [{"workers": each, "cpu": cpu, **more} for each in workers for cpu in shares for more in dedicated]
    source = (asset("worker") / "options.js").read_text()
    async with visit() as visitor:
        await question(visitor).wait_for()
        for cores in (1, 3, 8):
            found = await visitor.page.evaluate(read, [source, cases, cores])
            assert [case for case in found if case[0] != case[1]] == []


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


def told(visit: Visit) -> list[str]:
    """Errors and warnings, but for that of the site's own icon, which it has none of."""
    return [line for line in visit.said if "404" not in line]


@pytest.mark.parametrize(
    ("option", "given", "wanted"),
    [
        ("words", "{title: 'Help?'}", 'JSON like {"start":"Go"}'),
        ("words", '{"title": "Help?", "text": 7}', 'JSON like {"start":"Go"}'),
        ("words", '["Help?"]', 'JSON like {"start":"Go"}'),
        ("badge", "#nowhere", "a corner or selector"),
        ("badge", "bottem-right", "a corner or selector"),
        ("badge", "..", "a corner or selector"),
        ("consent", "grant", "ask, granted or manual"),
    ],
)
async def test_a_wrong_option_is_told_once(visit: Visits, option: str, given: str, wanted: str) -> None:
    """What cannot be used is told in one line of the console; the tag asks and computes as if it had not been said."""
    async with visit(attributes={**STEADY, f"data-{option}": html.escape(given)}) as visitor:
        await question(visitor).wait_for()
        assert await question(visitor).locator("h2").inner_text() == "Lend a little computing time?"
        assert await question(visitor).get_attribute("lang") == "en"
        box, view = await question(visitor).bounding_box(), visitor.page.viewport_size
        assert box is not None
        assert view is not None
        assert (box["x"] + box["width"], box["y"] + box["height"]) == (view["width"] - 16, view["height"] - 16)
        await question(visitor).get_by_role("button", name="Start").click()
        await visitor.computing()
        await visitor.page.evaluate("disio.ask()")
        assert told(visitor) == [f'disio: data-{option}="{given}" is ignored: give {wanted}']


async def test_what_is_wrong_is_told_where_the_site_asks(visit: Visits) -> None:
    """Options that only computing needs are told of when it begins, and words that no question needed."""
    wrong = {"data-workers": "two", "data-theme": "blue", "data-words": "{"}
    async with visit(attributes={**STEADY, "data-consent": "granted", **wrong}) as visitor:
        await visitor.computing()
        assert [line.partition(" is ignored")[0] for line in told(visitor)] == [
            'disio: data-workers="two"',
            'disio: data-theme="blue"',
            'disio: data-words="{"',
        ]


async def test_every_word_of_the_question_can_be_given(visit: Visits, grid: Grid) -> None:
    """Also what for, where no task says so, and that the project cannot be reached."""
    words = json.dumps({"research": "stars", "unreachable": "Nobody there", "refuse": "Not now"})

    async def unreachable(page: Page) -> None:
        await page.clock.install()
        await page.route("**/bridge.html", lambda route: route.abort())

    pinned = Loader.read(asset("worker")).pinned["en"].sha256
    page = (
        f"<!doctype html><title>x</title><body><script src='{grid.url}/files/{pinned}' data-words='{words}'></script>"
    )
    async with visit(html=page, before=unreachable) as visitor:
        await question(visitor).wait_for()
        assert "help to compute: stars. It takes" in await question(visitor).inner_text()
        assert await question(visitor).locator("button").all_inner_texts() == ["Start", "Not now"]
        await question(visitor).get_by_role("button", name="Start").click()
        await visitor.page.clock.fast_forward("00:31")
        await visitor.until("status.state === 'failed'")
        assert await question(visitor).locator("h2").inner_text() == "Nobody there"


async def test_an_element_that_comes_after_the_tag(visit: Visits, grid: Grid) -> None:
    """The tag waits for the whole page before it looks for the element that it was told."""
    page = f"""<!doctype html><title>x</title><body><script src="{grid.url}/disio.js" data-badge="main aside"></script>
    <main><aside></aside></main>"""
    async with visit(html=page) as visitor:
        await visitor.page.locator("main aside disio-badge section").wait_for()
        assert told(visitor) == []


async def test_a_purpose_cannot_rewrite_the_question(visit: Visits) -> None:
    """What a purpose says stays what it says: the share and the days are told by the question alone."""
    async with visit(attributes={"data-purpose": "sums of {1} things for {2} years, {0}"}) as visitor:
        await question(visitor).wait_for()
        text = await question(visitor).inner_text()
        assert "compute: sums of {1} things for {2} years, {0}. It takes up to 50% of a processor core" in text
        assert "kept for 90 days" in text


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

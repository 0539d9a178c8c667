"""What a site says with its tag: the question names what would be taken, and what is of no use is told."""

import html
import json

import pytest
from playwright.async_api import Page

from disio.assets import asset
from disio.distributor.loader import Loader
from disio.testing import Grid

from .conftest import STEADY, Visit, Visits, question

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]


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

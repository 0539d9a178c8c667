"""The guide for site owners: each of its examples is opened in a browser, and its policies are tried on real pages."""

import asyncio
import re

import pytest
from playwright.async_api import Page, Route

from disio.assets import asset
from disio.distributor.loader import Loader
from disio.testing import Grid

from .conftest import Visits, project_root

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.browser]

GUIDE = (project_root() / "docs" / "site-owners.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```html example\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)
POLICY = re.findall(r"^```\n(script-src DISTRIBUTOR.*?)\n```$", GUIDE, re.MULTILINE)
STEADY = {"data-dedicated": "", "data-cpu": "0.3", "data-consent": "granted"}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>A site</title><link rel="icon" href="data:,">
<body><h1>A site</h1>{}</body></html>"""


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
async def test_examples(visit: Visits, grid: Grid, number: int) -> None:
    """As it is copied from the guide, the example asks its visitor (or starts, if it says so), without an error."""
    example = EXAMPLES[number].replace("DISTRIBUTOR", grid.url)
    async with visit(html=PAGE.format(example)) as visitor:
        if "manual" in example:
            await visitor.page.get_by_role("button", name="Lend computing time").click()
        await visitor.until("status.state !== 'idle'")
        if "granted" in example:
            await visitor.bridge.locator(".pill").wait_for()
        else:
            await visitor.page.locator("disio-badge section button").first.click()
            await visitor.until("!['asking', 'idle', 'failed'].includes(status.state)")
        if "leave" in example:
            await visitor.page.evaluate("leave()")
            await visitor.until("status.state === 'idle'")
            await visitor.page.evaluate("enter()")
            await visitor.until("status.state !== 'idle'")
        assert visitor.said == []


async def test_who_leaves_while_the_panel_comes_hears_nothing(visit: Visits, grid: Grid) -> None:
    """A tag that is taken away again at once leaves no warning of what it was still loading."""
    asked = asyncio.Event()

    async def never(_: Route) -> None:
        asked.set()

    async def hold(page: Page) -> None:
        await page.route("**/worker/*/words/*.json", never)

    attributes = {"data-consent": "granted"}
    async with visit(attributes=attributes, before=hold) as visitor:
        async with asyncio.timeout(60):
            await asked.wait()
        await visitor.page.evaluate("disio.remove()")
        await visitor.page.evaluate("new Promise((done) => setTimeout(done, 500))")
        assert visitor.said == []


async def test_there_are_examples() -> None:
    """What the tests look for in the guide is found."""
    assert len(EXAMPLES) >= 7
    assert len(POLICY) == 1


async def test_strict_policy(visit: Visits, grid: Grid) -> None:
    """With the directives of the guide and nothing else allowed, the whole way works and nothing is reported."""
    policy = f"default-src 'none'; {POLICY[0].replace('DISTRIBUTOR', grid.url)}; img-src data:; base-uri 'none'"
    extra = "; require-trusted-types-for 'script'; trusted-types 'none'"
    headers = {"Content-Security-Policy": policy + extra}
    html = PAGE.format(f'<script async src="{grid.url}/disio.js?lang=en" data-dedicated data-cpu="0.3"></script>')
    async with visit(html=html, headers=headers) as visitor:
        await visitor.page.locator("disio-badge section button").first.click()
        await visitor.computing()
        await visitor.open_panel()
        assert visitor.said == []
        assert await visitor.page.locator("disio-badge iframe").bounding_box() is not None


async def test_nonce(visit: Visits, grid: Grid) -> None:
    """A nonce does instead of the distributor in script-src, also where the tag names another language."""
    headers = {"Content-Security-Policy": f"default-src 'none'; script-src 'nonce-abc'; frame-src {grid.url}"}
    tag = f'<script nonce="abc" async src="{grid.url}/disio.js" data-language="de"></script>'
    async with visit(html=PAGE.format(tag), headers=headers) as visitor:
        await visitor.page.get_by_role("button", name="Starten").wait_for()


async def test_isolated(visit: Visits) -> None:
    """On a cross-origin isolated page it computes as anywhere."""
    headers = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
    async with visit(attributes={**STEADY, "crossorigin": "anonymous"}, headers=headers) as visitor:
        assert await visitor.page.evaluate("crossOriginIsolated")
        await visitor.computing()


@pytest.mark.parametrize("policy", ["require-corp", "credentialless"])
async def test_an_embedder_policy_alone(visit: Visits, policy: str) -> None:
    """On a page that has an embedder policy without being isolated it computes as anywhere."""
    headers = {"Cross-Origin-Embedder-Policy": policy}
    async with visit(attributes={**STEADY, "crossorigin": "anonymous"}, headers=headers) as visitor:
        assert not await visitor.page.evaluate("crossOriginIsolated")
        await visitor.computing()


async def test_integrity(visit: Visits, grid: Grid) -> None:
    """The pinned loader passes its integrity check, in every language, and computes; other bytes do not run."""
    loader = Loader.read(asset("worker"))

    def tag(language: str, integrity: str) -> str:
        address = f"{grid.url}/files/{loader.pinned[language].sha256}"
        attributes = 'data-consent="granted" data-dedicated data-language="de"'
        return PAGE.format(f'<script async crossorigin src="{address}" integrity="{integrity}" {attributes}></script>')

    async with visit(html=tag("de", loader.integrity("de"))) as visitor:
        await visitor.computing()
    async with visit(html=tag("de", loader.integrity("en"))) as visitor:
        await visitor.page.wait_for_load_state("load")
        assert await visitor.page.evaluate("typeof disio") == "undefined"
        assert any("integrity" in line for line in visitor.said)


async def test_one_handle_before_and_after(visit: Visits, grid: Grid) -> None:
    """What is pushed before the script has come and after it is done alike, and later options win."""
    before = "window.disio = [{ purpose: 'moths', workers: 2 }, (disio) => { window.early = disio.status().state }];"
    html = PAGE.format(
        f'<script>{before}</script><script async src="{grid.url}/disio.js" data-purpose="bees"></script>'
    )
    async with visit(html=html) as visitor:
        section = visitor.page.locator("disio-badge section")
        await section.wait_for()
        assert "help to compute: moths. It takes up to 100% of" in await section.inner_text()
        assert await visitor.page.evaluate("early") == "idle"
        script = "disio.push({ purpose: 'ants', theme: 'dark', badge: 'top-left' }, (disio) => disio.ask())"
        await visitor.page.evaluate(script)
        assert "ants" in await section.inner_text()
        box = await section.bounding_box()
        assert box is not None
        assert (box["x"], box["y"]) == (16, 16)
        assert await section.evaluate("(one) => getComputedStyle(one).backgroundColor") == "rgb(17, 34, 51)"


async def test_pause_and_resume(visit: Visits) -> None:
    """By script as by click: a pause gives its reason, and computing goes on after it."""
    async with visit(attributes=STEADY) as visitor:
        await visitor.computing()
        await visitor.page.evaluate("disio.pause()")
        await visitor.until("status.state === 'paused' && status.reason === 'visitor'")
        paused = (await visitor.status())["payloads"]
        await visitor.page.evaluate("disio.resume()")
        await visitor.until(f"status.state === 'computing' && status.payloads > {paused} + 5")

"""Makes the pictures of README and docs: the tutorial's figure, and the dashboard and a page while it is computed.

A real grid and real browsers: ``make pictures``.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from disio.testing import Grid, find_browser, open_site, open_volunteers
from disio.testing.browsers import chromium_flags

DOCS = Path(__file__).parent
TUTORIAL = DOCS / "tutorial"
IMAGES = DOCS / "images"
SCHEMES = ("light", "dark")


async def main() -> None:
    """Make all of them anew."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="disio-pictures-") as made:
        folder = Path(made)
        async with Grid(folder) as grid, async_playwright() as playwright:
            chromium = await playwright.chromium.launch(
                executable_path=str(find_browser("chromium")), args=list(chromium_flags())
            )
            async with open_volunteers(f"{grid.url}/?consent=granted"):
                work = shutil.copytree(TUTORIAL, folder / "study")
                study = asyncio.create_task(_study(work, grid.client.url))
                task = await _half_done(grid, study)
                for scheme in SCHEMES:
                    await _dashboard(chromium, f"{grid.client.url}/tasks/{task}", scheme)
                async with open_site(grid.url) as site:
                    for scheme in SCHEMES:
                        await _badge(chromium, site, scheme)
                await study
            shutil.copy(work / "ising.svg", IMAGES)
            await chromium.close()
    for picture in sorted(IMAGES.iterdir()):
        print(f"{picture.relative_to(DOCS.parent)}  {picture.stat().st_size / 1024:.0f} KiB")


async def _study(folder: Path, url: str) -> None:
    environment = {**os.environ, "DISIO_URL": url, "MPLBACKEND": "agg"}
    child = await asyncio.create_subprocess_exec(sys.executable, "study.py", cwd=folder, env=environment)
    if await child.wait():
        raise SystemExit("the study failed: no figure")


async def _half_done(grid: Grid, study: asyncio.Task[None]) -> str:
    """The task's id, once half of it is computed."""
    while not (tasks := await grid.client.tasks()):
        await asyncio.sleep(0.2)
        if study.done():
            study.result()
    task = tasks[0]
    while task.accepted < 24 and not task.ended:
        task = await grid.client.task(task.id, since=task.version, wait=5)
    return str(task.id)


async def _dashboard(chromium: Browser, url: str, scheme: str) -> None:
    page = await chromium.new_page(
        viewport={"width": 1080, "height": 556}, color_scheme="dark" if scheme == "dark" else "light"
    )
    await page.goto(url)
    await page.wait_for_timeout(1500)  # its chart draws itself
    await page.screenshot(path=IMAGES / f"dashboard-{scheme}.png")
    await page.close()


async def _badge(chromium: Browser, site: str, scheme: str) -> None:
    page = await chromium.new_page(
        viewport={"width": 900, "height": 640}, color_scheme="dark" if scheme == "dark" else "light"
    )
    await page.goto(site)
    await page.wait_for_function("window.disio !== undefined")
    await page.wait_for_timeout(800)
    await page.screenshot(path=IMAGES / f"consent-{scheme}.png")
    await page.close()


if __name__ == "__main__":
    asyncio.run(main())

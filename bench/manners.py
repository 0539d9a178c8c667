"""What a site's visitor feels of it: the share of a core, how soon it stops, whether the page ever waits.

Processor time is that of all of Chromium's renderer processes, from /proc: the page, the frames, the worker with its
garbage collector and compilers. The work is a real unit: digits of pi.
"""

import argparse
import asyncio
import os
import time
from pathlib import Path

from playwright.async_api import Page, async_playwright
from rich.console import Console

from bench.report import Report
from disio.assets import asset
from disio.testing import Grid, find_browser, open_site
from disio.testing.browsers import chromium_flags
from disio.testing.cost import renderer_seconds

PAGE = Path(__file__).parent / "pages" / "visitor.html"
SPIN = Path(__file__).parent / "units" / "spin.py"
SHARES = (0.25, 0.5)
STILL_SECONDS = 0.03
"""Renderers that use less in a second compute nothing."""


async def measure(options: argparse.Namespace, console: Console) -> Report:
    """Shares over 30 seconds (8 with ``--quick``); the rest once."""
    seconds = 8 if options.quick else 30
    report = Report(f"manners: Chromium, one worker, shares measured over {seconds} s")
    async with Grid() as grid, async_playwright() as playwright:
        await grid.client.submit(asset("workunits") / "pi_digits.py", {"start": 3000, "digits": 10_000_000, "chunk": 4})
        browser = await playwright.chromium.launch(
            executable_path=find_browser("chromium"), args=list(chromium_flags())
        )
        html = PAGE.read_text().replace("{{distributor}}", grid.url)
        async with open_site(grid.url, html=html) as site:
            page = await browser.new_page()
            await page.goto(f"{site}?still")  # an animation is computing too
            full = await _used(console, page, 1.0, seconds)
            report.add("whole_core_used", full)
            for share in SHARES:
                used = await _used(console, page, share, seconds)
                report.add(f"share_{share:g}_used", used)
                report.add(f"share_{share:g}_error_ratio", abs(used / (share * full) - 1), ("<=", 0.10))
            report.notes.append("shares are held against what a whole core gave on this machine at the same time")
            console.print("the page's own thread, animated", style="dim")
            await page.goto(site)
            await _enter(page, cpu=1)
            await asyncio.sleep(seconds / 2)
            report.add("long_tasks_of_the_page", await page.evaluate("longTasks.length"), ("<=", 0))
            report.notes.append(
                "long tasks: more than 50 ms on the page's thread, from the tag on, as the page is told"
            )
            await page.goto(f"{site}?still")
            console.print("stop, in the middle of a payload of many seconds", style="dim")
            await grid.client.submit(SPIN, {"loops": 50_000_000, "count": 4}, priority=9)
            await _enter(page, cpu=1, task="Pure Python arithmetic")
            await asyncio.sleep(2)
            report.add("stop_ms", await _stop_ms(page), ("<=", 200))
        await browser.close()
    return report


async def _enter(page: Page, *, cpu: float, task: str = "Hexadecimal digits") -> None:
    """Put the tag in, and wait until the task is computed."""
    await page.evaluate("(cpu) => enter(cpu)", cpu)
    wanted = f"window.disio?.status?.().state === 'computing' && disio.status().task.startsWith({task!r})"
    await page.wait_for_function(wanted, timeout=60_000)
    await asyncio.sleep(1)


async def _used(console: Console, page: Page, share: float, seconds: float) -> float:
    """The part of a core that is used where ``share`` is asked for."""
    console.print(f"a share of {share:g} of a core", style="dim")
    await _enter(page, cpu=share)
    used, begin = renderer_seconds(os.getpid()), time.monotonic()
    await asyncio.sleep(seconds)
    found = (renderer_seconds(os.getpid()) - used) / (time.monotonic() - begin)
    await page.evaluate("disio.remove()")
    return found


async def _stop_ms(page: Page) -> float:
    """From "stop" until the last look at which renderers had computed since the one before."""
    used = renderer_seconds(os.getpid())
    begin = last = time.monotonic()
    await page.evaluate("disio.stop()")
    while time.monotonic() - last < 1.0 and last - begin < 10.0:
        await asyncio.sleep(0.02)
        now = renderer_seconds(os.getpid())
        if now - used > STILL_SECONDS:
            used, last = now, time.monotonic()
        used = min(used, now)  # what a process had used is gone with it
    return (last - begin) * 1000

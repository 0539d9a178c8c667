"""Tasks are cancelled, paused and deleted while a real Chromium computes them."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import pytest

from disio.testing import Browser, Grid

from .conftest import Command, Volunteers

pytestmark = pytest.mark.browser

ENDLESS = """
# /// script
# [tool.disio]
# timeout = 3600
# ///
def run(payload):
    while True:
        pass
"""
SQUARES = "def run(payload):\n    return payload * payload\n"
LIMIT_SECONDS = 1.0
UNDER_LOAD = 10.0
"""The machine that runs the tests may be busy: the limit is so many times longer there, and the figure is printed.

Without the command these workers would go on for an hour."""


def spinning(browser: Browser) -> dict[int, int]:
    """Threads of a browser that run workers, and how much processor time each has had, in clock ticks."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(entry.name)) != browser.pid:
                continue
            for thread in (entry / "task").iterdir():
                if (thread / "comm").read_text().startswith("DedicatedWorker"):
                    fields = (thread / "stat").read_text().rpartition(")")[2].split()
                    found[int(thread.name)] = int(fields[11]) + int(fields[12])
        except (OSError, ValueError):
            continue  # it ended while it was looked at
    return found


async def busy_workers(browser: Browser) -> set[int]:
    """Wait until workers compute without end; their threads."""
    async with asyncio.timeout(60):
        while True:
            before = spinning(browser)
            await asyncio.sleep(1)  # processor time is measured over a second
            busy = {thread for thread, ticks in spinning(browser).items() if ticks - before.get(thread, ticks) > 30}
            if busy:
                return busy


async def at_rest(browser: Browser, threads: set[int], began: float) -> float:
    """Wait until these threads have ended, or compute no more; for how long they did.

    On a busy machine an interpreter in reserve that was just starting may be among them: it stays, and rests.
    """
    last, used = time.monotonic(), spinning(browser)
    async with asyncio.timeout(30):
        while (left := threads & used.keys()) and time.monotonic() - last < 1.5:
            await asyncio.sleep(0.02)
            now = spinning(browser)
            if any(now.get(thread) != used[thread] for thread in left):
                last = time.monotonic()
            used = now
    return last - began


@pytest.mark.skipif(sys.platform != "linux", reason="looks at threads in /proc")
async def test_cancel_and_pause_end_the_workers(grid: Grid, volunteers: Volunteers, tmp_path: Path) -> None:
    """However long a payload would take, its worker has ended soon after the command; what is next is computed."""
    unit = tmp_path / "endless.py"
    unit.write_text(ENDLESS)
    async with volunteers(grid.url) as (browser,):
        for move in (grid.client.cancel, grid.client.pause):
            task = await grid.client.submit(unit, {"stop": 64})
            threads = await busy_workers(browser)
            began = time.monotonic()
            moved = await move(task.id)
            took = await at_rest(browser, threads, began)
            print(f"{moved.state}: workers ended after {took:.2f} s")
            assert took < LIMIT_SECONDS * UNDER_LOAD
        sound = await grid.client.submit(source="def run(payload):\n    return payload\n", params={"stop": 20})
        assert (await grid.client.wait(sound.id, timeout=60)).accepted == 20
        resumed = await grid.client.resume(task.id)
        assert resumed.state == "running"
        await busy_workers(browser)


async def test_pause_resume_and_delete_from_the_command_line(grid: Grid, volunteers: Volunteers) -> None:
    """A paused task keeps what it has and rests, goes on, is deleted when it has ended, and says what that freed."""
    disio = Command(grid.client.url)
    # An open task: however slow this machine is, it does not end before the pause.
    opened = await grid.client.submit(source=SQUARES, open=True)
    await opened.add(range(60))
    task = opened.id
    async with volunteers(grid.url):
        view = await grid.client.task(task)
        while view.accepted < 20:
            view = await grid.client.task(task, since=view.version, wait=20)
        told = await disio("pause", task)
        assert (told.returncode, "paused" in told.stdout) == (0, True), told.stderr
        adding = asyncio.create_task(opened.add(range(60, 100)))  # a paused task takes none yet
        told = await disio("delete", task)
        assert (told.returncode, "cancel it first" in told.stderr) == (1, True)
        view = await grid.client.task(task)
        assert (view.state, 20 <= view.accepted <= 60) == ("paused", True), "what was added in the pause rests"
        told = await disio("resume", task, "--json")
        assert json.loads(told.stdout)["state"] == "running"
        await adding
        await opened.close()
        done = await grid.client.wait(task, timeout=120)
        assert (done.state, done.accepted) == ("finished", 100)
        assert [line.value async for line in grid.client.results(task)] == [number**2 for number in range(100)]
    told = await disio("delete", task)
    assert (told.returncode, "freed" in told.stdout) == (0, True), told.stderr
    told = await disio("delete", task)
    assert (told.returncode, told.stdout) == (0, f"{task} is gone already: it was deleted before\n"), told.stderr
    assert (await disio("status", task)).returncode == 1
    assert await grid.client.tasks() == []

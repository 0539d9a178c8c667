"""A distributor that never comes back loses nothing but leases: another one finishes the task without it."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from disio.manager.leases import GRACE_SECONDS
from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer

COUNT = 600
UNIT = """
# /// script
# [tool.disio]
# error_rate = 1
# ///
import time

def run(payload):
    time.sleep(0.01)
    return payload * payload
"""
UNDER_LOAD = 20.0
"""Seconds for what is computed and started anew meanwhile, on a machine that does other things as well."""


@contextlib.asynccontextmanager
async def computing(url: str, window: int) -> AsyncIterator[PythonVolunteer]:
    """A volunteer at one distributor, which is gone without a word afterwards."""
    one = PythonVolunteer(url, window=window)
    running = asyncio.create_task(one.run())
    try:
        yield one
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that a volunteer here is told."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a volunteer counts, and tells nobody
            await asyncio.sleep(0.02)


async def lose(directory: Path, *, spooled: bool) -> float:
    """Kill a distributor and remove all that it had; for how long the task then takes by the other one, in seconds."""
    loop = asyncio.get_running_loop()
    async with Grid(directory, distributors=2) as grid:
        lost, stays = grid.distributors
        task = await grid.client.submit(source=UNIT, payloads=range(COUNT))
        async with computing(str(lost.ready["url"]), window=100) as one:
            await until(lambda: one.acknowledged >= 50)
            if spooled:
                await until(lambda: one.holding >= 60)
                await grid.managers[0].kill()
                before = one.acknowledged
                # What was under way to the manager is acknowledged by the spool alone.
                await until(lambda: one.acknowledged >= before + 20)
            await lost.kill()
        data = directory / "distributor-0"
        assert (data / "spool.sqlite3").is_file()
        shutil.rmtree(data)
        if spooled:
            await grid.restart(grid.managers[0])
        view = await grid.client.task(task.id)
        assert 0 < view.accepted < COUNT
        began = loop.time()
        async with computing(str(stays.ready["url"]), window=100):
            done = await grid.client.wait(task.id, timeout=120)
            took = loop.time() - began
        assert (done.state, done.accepted, done.failed) == ("finished", COUNT, 0)
        results = [(line.index, line.value) async for line in grid.client.results(task.id)]
        assert results == [(number, number**2) for number in range(COUNT)]
    return took


async def test_a_distributor_that_never_comes_back(tmp_path: Path) -> None:
    """With results in its spool and without: the task is done when the time of grace is over and all is computed."""
    cases = {"without": False, "with": True}
    for name in cases:
        (tmp_path / name).mkdir()
    took = await asyncio.gather(*(lose(tmp_path / name, spooled=spooled) for name, spooled in cases.items()))
    for name, seconds in zip(cases, took, strict=True):
        print(f"{name} a spool: done after {seconds:.1f} s")
        assert seconds < GRACE_SECONDS + UNDER_LOAD

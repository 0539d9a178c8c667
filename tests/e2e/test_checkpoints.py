"""A payload that takes long is finished though nobody stays long: each tab goes on where the one before was closed."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from disio.testing import Grid
from disio.unit.codec import decode

from .conftest import Volunteers

pytestmark = pytest.mark.browser

STEPS = 80
STEP_SECONDS = 0.1
UNIT = f"""
# /// script
# [tool.disio]
# error_rate = 1
# ///
import time

def run(payload, ctx):
    step, begun = (ctx.state or (0, []))[:2]
    begun = [*begun, step]
    while step < payload:
        end = time.perf_counter() + {STEP_SECONDS}
        while time.perf_counter() < end:  # never at rest: no message can come in, and states go out all the same
            pass
        step += 1
        ctx.checkpoint((step, begun, time.time()))
    return begun
"""


def last_state(grid: Grid) -> tuple[int, list[int], float]:
    """The last state that the manager has: steps done, where each tab began, and when it was kept."""
    file = grid.directory / "manager-0" / "manager.sqlite3"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        found = database.execute("SELECT data FROM checkpoints").fetchone()
    state: Any = decode(found[0]) if found else (0, [], 0.0)
    return state


async def test_a_tab_closed_three_times(grid: Grid, volunteers: Volunteers, tmp_path: Path) -> None:
    """Four tabs compute one payload, one after the other, and not more than 1.3 times the steps that it has."""
    unit = tmp_path / "long.py"
    unit.write_text(UNIT)
    task = await grid.client.submit(unit, {"payloads": [STEPS]})
    computed = float(STEPS)
    for goal in (15, 35, 55):
        async with volunteers(grid.url) as (tab,):
            async with asyncio.timeout(90):
                while last_state(grid)[0] < goal:  # noqa: ASYNC110 - the database tells nobody
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.3)  # closed in the midst of something, as people do
            at = last_state(grid)[2]
            closed = time.time()
            await tab.close()
            # A step takes a tenth of a second at least, so no more than these were computed in vain.
            computed += (closed - at) / STEP_SECONDS
    async with volunteers(grid.url):
        done = await grid.client.wait(task.id, timeout=120)
    assert (done.state, done.accepted) == ("finished", 1)
    [result] = [line async for line in grid.client.results(task.id)]
    begun = result.value
    print(f"tabs began at steps {begun}; {computed:.0f} steps computed at most, {STEPS} needed")
    assert len(begun) == 4
    assert begun[0] == 0 < begun[1] < begun[2] < begun[3]
    assert computed <= 1.3 * STEPS

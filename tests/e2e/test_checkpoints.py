"""A payload that takes long is finished though nobody stays long: each tab goes on where the one before was closed."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from disio.client import Task
from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer
from disio.unit.codec import decode

from .conftest import Volunteers

pytestmark = pytest.mark.browser

STEPS = 80
FEW_STEPS = 50
STEP_SECONDS = 0.1
UNIT = f"""
# /// script
# [tool.disio]
# error_rate = 1
# ///
import time

def run(payload, ctx):
    step = ctx.state[0] if ctx.state else 0
    ctx.emit(step)
    while step < payload:
        end = time.perf_counter() + {STEP_SECONDS}
        while time.perf_counter() < end:  # never at rest: no message can come in, and states go out all the same
            pass
        step += 1
        ctx.checkpoint((step, time.time()))
    return step
"""


def last_state(grid: Grid) -> tuple[int, float]:
    """The last state that the manager has: steps done, and when it was kept."""
    file = grid.directory / "manager-0" / "manager.sqlite3"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        found = database.execute("SELECT data FROM checkpoints").fetchone()
    state: Any = decode(found[0]) if found else (0, 0.0)
    return state


async def got_to(grid: Grid, goal: int) -> None:
    """Wait until so many steps are done, and kept."""
    async with asyncio.timeout(90):
        while last_state(grid)[0] < goal:  # noqa: ASYNC110 - the database tells nobody
            await asyncio.sleep(0.05)


async def begun(grid: Grid, task: str) -> dict[str, int]:
    """At which step each volunteer began."""
    return {event.volunteer: event.value async for event in grid.client.events(task)}


async def test_a_tab_closed_three_times(grid: Grid, volunteers: Volunteers, tmp_path: Path) -> None:
    """Four tabs compute one payload, one after the other, and not more than 1.3 times the steps that it has."""
    unit = tmp_path / "long.py"
    unit.write_text(UNIT)
    task = await grid.client.submit(unit, {"payloads": [STEPS]})
    computed = float(STEPS)
    for goal in (15, 35, 55):
        async with volunteers(grid.url) as (tab,):
            await got_to(grid, goal)
            await asyncio.sleep(0.3)  # closed in the midst of something, as people do
            at = last_state(grid)[1]
            closed = time.time()
            await tab.close()
            # A step takes a tenth of a second at least, so no more than these were computed in vain.
            computed += (closed - at) / STEP_SECONDS
    async with volunteers(grid.url):
        done = await grid.client.wait(task.id, timeout=120)
    assert (done.state, done.accepted) == ("finished", 1)
    assert [line.value async for line in grid.client.results(task.id)] == [STEPS]
    steps = list((await begun(grid, task.id)).values())
    print(f"tabs began at steps {steps}; {computed:.0f} steps computed at most, {STEPS} needed")
    assert len(steps) == 4
    assert steps[0] == 0 < steps[1] < steps[2] < steps[3]
    assert computed <= 1.3 * STEPS


async def test_a_vote_of_two_tabs(tmp_path: Path, volunteers: Volunteers) -> None:
    """Where answers are checked: what one tab began and another finished is one vote of both; another confirms it."""
    unit = tmp_path / "long.py"
    unit.write_text(UNIT)
    checking = {"error_rate": 0.05, "assume_bad": 0.1, "check_share": 0.0}  # two votes, also if one is of two tabs
    async with Grid(tmp_path, trust_loopback=False, distributor_options=("--network-prefix", "off")) as grid:
        task = await grid.client.submit(unit, {"payloads": [FEW_STEPS]}, checking=checking)
        async with volunteers(grid.url) as (tab,):
            await got_to(grid, 2)
            [first] = (await grid.client.grid()).volunteers
            await tab.close()
        async with asyncio.timeout(90):
            while (await grid.client.grid()).volunteers:  # noqa: ASYNC110 - who leaves tells nobody else
                await asyncio.sleep(0.05)
        async with volunteers(grid.url):
            seen: Task = task
            async with asyncio.timeout(90):
                while not seen.executions:
                    seen = await grid.client.task(task.id, since=seen.version, wait=5)
            [vote] = (await task.votes(0)).votes
            assert vote.rests_on == [first.id]
            assert vote.volunteer != first.id
            assert (seen.accepted, vote.standing, vote.trusted) == (0, "good", False)
        confirming = asyncio.create_task(PythonVolunteer(grid.url, window=1).run())
        done = await grid.client.wait(task.id, timeout=90)
        confirming.cancel()
        await asyncio.gather(confirming, return_exceptions=True)
        assert (done.state, done.accepted, done.executions, done.blacklisted) == ("finished", 1, 2, 0)
        both, alone = (await task.votes(0)).votes
        assert (both.volunteer, both.rests_on, both.stands, both.counts) == (vote.volunteer, [first.id], True, True)
        assert (alone.rests_on, alone.stands) == ([], True)
        assert alone.volunteer not in (first.id, vote.volunteer)
        steps = await begun(grid, task.id)
        assert steps[first.id] == steps[alone.volunteer] == 0
        assert 2 <= steps[both.volunteer] < FEW_STEPS

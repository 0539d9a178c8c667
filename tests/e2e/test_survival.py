"""Any process may be killed in the middle: nothing acknowledged is lost, nothing is counted twice."""

import asyncio
from pathlib import Path

import pytest

from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer
from disio.wire.api import Task

from .conftest import Volunteers

pytestmark = pytest.mark.browser

COUNT = 600
LOOPS = 100_000
"""Some milliseconds of work a payload: the task lasts long enough to be disturbed."""


async def until_accepted(grid: Grid, task: Task, count: int) -> Task:
    """Wait until the task has so many accepted payloads."""
    view = task
    while view.accepted < count:
        view = await grid.client.task(task.id, since=view.version, wait=20)
        assert not view.ended, f"the task ended as {view.state} too early"
    return view


async def assert_all_right(grid: Grid, task: Task) -> None:
    """Every payload has exactly one accepted answer, and it is right."""
    done = await grid.client.wait(task.id, timeout=120)
    assert done.state == "finished"
    results = [line async for line in grid.client.results(task.id)]
    assert [line.index for line in results] == list(range(COUNT))
    assert all(line.value == line.index**2 for line in results)


async def test_a_tab_closed_in_the_middle(grid: Grid, volunteers: Volunteers, units: Path) -> None:
    """What a closed tab held goes out again at once, to another volunteer."""
    task = await grid.client.submit(units / "squares.py", {"count": COUNT, "loops": LOOPS})
    async with volunteers(grid.url, count=2) as (first, _):
        await until_accepted(grid, task, 60)
        await first.close()
        await assert_all_right(grid, task)


async def test_a_manager_killed_and_restarted(grid: Grid, volunteers: Volunteers, units: Path) -> None:
    """Volunteers stay busy while the manager is away, their results are spooled, and delivered when it is back."""
    task = await grid.client.submit(units / "squares.py", {"count": COUNT, "loops": LOOPS})
    async with volunteers(grid.url):
        before = await until_accepted(grid, task, 60)
        await grid.managers[0].kill()
        await asyncio.sleep(2)  # the time that the manager is away is what is tested, not waited for
        await grid.restart(grid.managers[0])
        after = await grid.client.task(task.id, since=0, wait=20)
        assert after.accepted >= before.accepted, "acknowledged results were lost"
        await assert_all_right(grid, task)


async def test_a_distributor_killed_and_restarted(grid: Grid, volunteers: Volunteers, units: Path) -> None:
    """The tab comes back by itself, sends what was not acknowledged again, and the task goes on."""
    task = await grid.client.submit(units / "squares.py", {"count": COUNT, "loops": LOOPS})
    async with volunteers(grid.url):
        await until_accepted(grid, task, 60)
        await grid.distributors[0].kill()
        await grid.restart(grid.distributors[0])
        await assert_all_right(grid, task)


async def test_two_managers_and_two_distributors_find_each_other(
    tmp_path: Path, volunteers: Volunteers, units: Path
) -> None:
    """With no address given, all find each other by zeroconf, and tasks of both managers are computed by both."""
    async with Grid(tmp_path, managers=2, distributors=2, discover=True) as grid:
        assert grid.dashboard is not None
        await everyone_linked(grid, managers=2, distributors=2)
        submitted = [
            await grid.client.submit(units / "squares.py", {"count": 100}, manager=process.ready["id"])
            for process in grid.managers
        ]
        assert {task.manager for task in submitted} == {process.ready["id"] for process in grid.managers}
        second = PythonVolunteer(str(grid.distributors[1].ready["url"]), window=20)
        running = asyncio.create_task(second.run())
        async with volunteers(grid.url):
            for task in submitted:
                assert (await grid.client.wait(task.id, timeout=60)).state == "finished"
        running.cancel()


async def everyone_linked(grid: Grid, *, managers: int, distributors: int) -> None:
    """Wait until the dashboard sees all managers, and these all distributors."""
    async with asyncio.timeout(30):
        while True:
            seen = await grid.client.grid()
            linked = [len(each.managers) for each in seen.distributors]
            if len([m for m in seen.managers if m.reachable]) == managers and linked == [managers] * distributors:
                return
            await asyncio.sleep(0.1)

"""Distributors die: volunteers go on with the others, and take along what was not acknowledged."""

import asyncio
from collections.abc import Container
from pathlib import Path

import pytest

from disio.testing import VOLUNTEERING, Grid, open_browser, open_site
from disio.wire.api import Task

from .conftest import Volunteers
from .test_survival import LOOPS, assert_all_right, until_accepted

pytestmark = pytest.mark.browser

COUNT = 600


async def volunteer_at(grid: Grid, distributors: Container[str], seconds: float) -> None:
    """Wait until the grid's one volunteer is connected to one of these distributors."""
    async with asyncio.timeout(seconds):
        while not any(one.distributor in distributors for one in (await grid.client.grid()).volunteers):  # noqa: ASYNC110 - another process tells nothing of itself
            await asyncio.sleep(0.1)


async def test_two_of_three_distributors_die(tmp_path: Path, volunteers: Volunteers, units: Path) -> None:
    """A tab whose distributor is killed is with another one within seconds, twice; no result is lost or wrong."""
    async with Grid(tmp_path, distributors=3) as grid:
        task: Task = await grid.client.submit(units / "squares.py", {"count": COUNT, "loops": LOOPS})
        async with volunteers(grid.url):
            await until_accepted(grid, task, 60)
            left = {process.ready["id"]: process for process in grid.distributors}
            for _ in range(2):
                [volunteer] = (await grid.client.grid()).volunteers
                before = await grid.client.task(task.id)
                await left.pop(volunteer.distributor).kill()
                await volunteer_at(grid, left, 80)
                await until_accepted(grid, task, before.accepted + 50)
            await assert_all_right(grid, task)


async def test_a_page_that_starts_with_a_dead_distributor(tmp_path: Path, units: Path) -> None:
    """Of the distributors that the tag names, the next one is tried when the first does not answer."""
    async with Grid(tmp_path, distributors=2) as grid:
        dead, alive = (str(process.ready["url"]) for process in grid.distributors)
        await grid.distributors[0].kill()
        task = await grid.client.submit(units / "squares.py", {"count": 10})
        tag = {**VOLUNTEERING, "data-distributors": f"{dead} {alive}"}
        async with open_site(alive, attributes=tag) as site, open_browser(site):
            assert (await grid.client.wait(task.id, timeout=60)).state == "finished"


async def test_a_distributor_that_freezes_is_left(tmp_path: Path, volunteers: Volunteers, units: Path) -> None:
    """One that says nothing any more, with its connections still open, is left for another one too."""
    async with Grid(tmp_path, distributors=2) as grid:
        task: Task = await grid.client.submit(units / "squares.py", {"count": COUNT, "loops": LOOPS})
        async with volunteers(grid.url):
            await until_accepted(grid, task, 60)
            grid.distributors[0].freeze()
            try:
                await volunteer_at(grid, [grid.distributors[1].ready["id"]], 100)
                await assert_all_right(grid, task)
            finally:
                grid.distributors[0].thaw()

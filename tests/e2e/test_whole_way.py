"""From a Python module to checked answers in a database, through real processes and a real Chromium."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from disio.testing import Grid

from .conftest import Volunteers

pytestmark = pytest.mark.browser


async def test_a_unit_is_computed_in_a_browser_and_kept(grid: Grid, volunteers: Volunteers, units: Path) -> None:
    """A visitor's browser computes every payload; answers and the reduced answer are right and in the database."""
    async with volunteers(grid.url):
        task = await grid.client.submit(units / "squares.py", {"count": 500})
        task = await grid.client.wait(task.id, timeout=60)
    assert task.state == "finished"
    assert task.accepted == task.payloads == 500
    results = [line async for line in grid.client.results(task.id)]
    assert [line.value for line in results] == [number * number for number in range(500)]
    assert [line.payload[0] for line in results] == list(range(500))
    assert await grid.client.answer(task.id) == sum(number * number for number in range(500))
    database = grid.directory / "manager-0" / "manager.sqlite3"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT count(*) FROM verdicts WHERE state = 1").fetchone() == (500,)


async def test_several_units_one_after_another_in_one_tab(grid: Grid, volunteers: Volunteers, units: Path) -> None:
    """One tab serves several tasks, each in a fresh interpreter."""
    async with volunteers(grid.url):
        first = await grid.client.submit(units / "squares.py", {"count": 40})
        second = await grid.client.submit(units / "stateful.py", {"start": 0, "stop": 3})
        third = await grid.client.submit(units / "stateful.py", {"start": 0, "stop": 3})
        for task in (first, second, third):
            assert (await grid.client.wait(task.id, timeout=60)).state == "finished"
    for task in (second, third):
        seen = sorted([line.value async for line in grid.client.results(task.id)])
        assert seen[0] == 1, "the first payload of a task found what another task had left"


async def test_a_unit_that_raises_ends_as_finished_with_failures(
    grid: Grid, volunteers: Volunteers, units: Path
) -> None:
    """Payloads that raise are set aside with the researcher's own traceback; all others are answered."""
    async with volunteers(grid.url):
        task = await grid.client.submit(units / "raises.py", {"start": 0, "stop": 10})
        task = await grid.client.wait(task.id, timeout=60)
    assert task.state == "finished-with-failures"
    assert (task.accepted, task.failed) == (5, 5)
    failures = [line async for line in grid.client.failures(task.id)]
    assert [line.index for line in failures] == [1, 3, 5, 7, 9]
    assert failures[0].message == "ValueError: 1 is odd"
    assert 'File "raises.py", line 7, in check' in failures[0].traceback
    assert 'raise ValueError(f"{number} is odd")' in failures[0].traceback
    assert failures[0].log == "looking at 1\n"


async def test_a_unit_that_never_ends_is_stopped(grid: Grid, volunteers: Volunteers, units: Path) -> None:
    """A payload over its time limit costs itself alone; the worker is replaced and the rest is answered."""
    async with volunteers(grid.url):
        task = await grid.client.submit(units / "endless.py", {"start": 0, "stop": 20})
        task = await grid.client.wait(task.id, timeout=90)
    assert task.state == "finished-with-failures"
    assert (task.accepted, task.failed) == (19, 1)
    (failure,) = [line async for line in grid.client.failures(task.id)]
    assert (failure.index, failure.kind) == (3, "timeout")
    assert "1.5" in failure.message

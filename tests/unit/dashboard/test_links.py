"""Links to managers that come, go, and are several; with real manager processes."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from disio.client import AsyncClient
from disio.errors import NotFoundError, UnreachableError
from disio.testing import Grid

UNIT = "def run(payload):\n    return payload\n"


@pytest.fixture
async def grid(tmp_path: Path) -> AsyncIterator[Grid]:
    """Two managers and a dashboard."""
    async with Grid(tmp_path, managers=2, distributors=0) as opened:
        yield opened


async def reachable(client: AsyncClient, manager: str) -> bool:
    """Whether the dashboard reaches a manager."""
    return next(one.reachable for one in (await client.grid()).managers if one.id == manager)


async def test_tasks_go_to_the_least_busy_manager_or_to_the_one_named(grid: Grid) -> None:
    """Submissions spread over managers, and all tasks stand in one list."""
    first, second = (str(manager.ready["id"]) for manager in grid.managers)
    named = await grid.client.submit(source=UNIT, params={"payloads": [1, 2, 3]}, manager=second)
    assert named.manager == second
    while (await grid.client.task(named.id)).ready < 3:
        pass
    await grid.client.tasks()
    assert (await grid.client.submit(source=UNIT, params={"payloads": [1]})).manager == first
    assert {task.manager for task in await grid.client.tasks()} == {first, second}
    with pytest.raises(NotFoundError, match="nobody"):
        await grid.client.submit(source=UNIT, manager="nobody")


async def test_a_manager_that_is_away_is_told_and_found_again(grid: Grid) -> None:
    """While its manager is away, a task is shown as last seen; asked for, it is a clear 503; then all is well again."""
    lost = grid.managers[0]
    manager = str(lost.ready["id"])
    task = await grid.client.submit(source=UNIT, params={"payloads": [1]}, manager=manager)
    assert grid.dashboard is not None
    url = str(grid.dashboard.ready["url"])
    while task.id not in {seen.id for seen in await grid.client.tasks()}:
        pass
    await lost.kill()
    while await reachable(grid.client, manager):
        pass
    (shown,) = [seen for seen in await grid.client.tasks() if seen.id == task.id]
    assert not shown.reachable
    with pytest.raises(UnreachableError, match=f"manager {manager} at .* does not answer; nothing is lost"):
        await grid.client.task(task.id)
    async with httpx.AsyncClient(base_url=url) as http:
        page = await http.get(f"/tasks/{task.id}")
        assert page.status_code == 200
        assert "manager away" in page.text
        assert (await http.get(f"/api/tasks/{task.id}/results")).status_code == 503
    other = await grid.client.submit(source=UNIT, params={"payloads": [1]})
    assert other.manager == grid.managers[1].ready["id"]
    await grid.restart(lost)
    while not await reachable(grid.client, manager):
        pass
    assert (await grid.client.task(task.id)).reachable


async def test_without_any_manager_it_says_what_to_do(tmp_path: Path) -> None:
    """A dashboard that knows no manager lists nothing, and tells a submitter how to start one."""
    async with Grid(tmp_path, managers=0, distributors=0) as alone:
        assert await alone.client.tasks() == []
        with pytest.raises(UnreachableError, match="disio manager"):
            await alone.client.submit(source=UNIT)


async def test_a_manager_that_is_found_by_itself_may_move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by zeroconf, a manager that stops stays listed as away with its tasks, and is found at its new port."""
    monkeypatch.setenv("DISIO_GRID", secrets.token_hex(4))
    async with Grid(tmp_path, distributors=0, discover=True) as grid:
        (manager,) = grid.managers
        task = await grid.client.submit(source=UNIT, params={"payloads": [1]})
        while not await grid.client.tasks():
            pass
        await manager.stop()
        while await reachable(grid.client, task.manager):
            pass
        (shown,) = await grid.client.tasks()
        assert (shown.id, shown.reachable) == (task.id, False)
        moved = await grid.spawn(["manager", "--port", "0", "--data", str(tmp_path / "manager-0")], "moved")
        while not await reachable(grid.client, task.manager):
            pass
        (seen,) = (await grid.client.grid()).managers
        assert seen.address == moved.ready["address"]
        assert (await grid.client.task(task.id)).reachable

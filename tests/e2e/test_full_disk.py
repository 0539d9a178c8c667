"""A distributor whose disk is full while its manager is away: nothing is acknowledged that is not durable."""

import asyncio
import resource
from pathlib import Path

import httpx

from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer
from disio.wire.api import Task

COUNT = 300
UNIT = """
def run(payload):
    for _ in range(100_000):
        pass
    return bytes([payload % 256]) * 30_000
"""


async def until(grid: Grid, task: Task, accepted: int) -> None:
    """Wait until the task has so many accepted payloads."""
    view = task
    while view.accepted < accepted:
        view = await grid.client.task(task.id, since=view.version, wait=20)


async def complained(log: Path, url: str, text: str) -> None:
    """Wait until a distributor has logged this; meanwhile it answers."""
    async with httpx.AsyncClient(base_url=url) as http, asyncio.timeout(30):
        while text not in log.read_text():
            assert (await http.get("/health")).json()["status"] == "ok"


async def test_a_distributor_whose_disk_is_full_loses_nothing(tmp_path: Path) -> None:
    """While the spool takes nothing, volunteers keep their results; when the manager is back all of them arrive.

    The limit on the size of files, which can be set on a running process, stands for the disk.
    """
    async with Grid(tmp_path) as grid:
        volunteer = PythonVolunteer(grid.url, window=100)
        running = asyncio.create_task(volunteer.run())
        task = await grid.client.submit(source=UNIT, params={"stop": COUNT})
        await until(grid, task, 20)
        (distributor,) = grid.distributors
        largest = max(path.stat().st_size for path in (*(tmp_path / "distributor-0").iterdir(), distributor.log))
        _, hard = resource.prlimit(distributor.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(distributor.pid, resource.RLIMIT_FSIZE, (largest + 200_000, hard))
        await grid.managers[0].kill()
        await complained(distributor.log, grid.url, "results are not acknowledged for now")
        acknowledged = volunteer.acknowledged
        assert acknowledged < COUNT
        await grid.restart(grid.managers[0])
        done = await grid.client.wait(task.id, timeout=60)
        assert (done.state, done.accepted) == ("finished", COUNT)
        values = [result.value async for result in grid.client.results(task.id)]
        assert values == [bytes([number % 256]) * 30_000 for number in range(COUNT)]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

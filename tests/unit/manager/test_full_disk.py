"""A manager whose disk is full."""

import resource
from pathlib import Path

from disio.wire import grid

from .scripted import ScriptedDistributor, started

UNIT = '"""Long answers."""\ndef run(payload):\n    return "x" * 100_000\n'


async def test_manager_with_a_full_disk_acknowledges_nothing_and_loses_nothing(tmp_path: Path) -> None:
    """While nothing can be written it says so, grants nothing, and answers calls; then everything is there.

    The limit on the size of files, which can be set on a running process, stands for the disk.
    """
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        await one.hello()
        await one.join("v1", "v2")
        task = await one.submit(UNIT, {"stop": 200})
        held = await one.leases("v1", 30)
        largest = max(path.stat().st_size for path in tmp_path.iterdir())
        pid = process.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest + 200_000, hard))

        await one.answer("v1", held, lambda _: "x" * 100_000)
        beats = sum(isinstance(message, grid.Beat) for message in one.messages)
        await one.until(lambda: sum(isinstance(message, grid.Beat) for message in one.messages) >= beats + 2)
        assert one.acked == {}
        view = await one.task(task.task)
        assert view.state == "running"
        await one.want("v2", 5)
        failure = await one.call(grid.SubmitTask(source=UNIT, filename="unit.py", params=b'{"stop":1}'), grid.Failure)
        assert failure.code == "store"
        assert "cannot write its database" in failure.message
        assert "v2" not in one.held

        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        await one.until(lambda: len(one.acked) == 30)
        await one.until(lambda: len(one.held.get("v2", ())) == 5)
        assert one.rejected == {}
        assert len(await one.results(task.task)) == 30


async def test_task_that_cannot_be_stored_is_withdrawn(tmp_path: Path) -> None:
    """Who is told that a submission failed may submit again: the first one is never computed."""
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        await one.hello()
        pid = process.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (max(path.stat().st_size for path in tmp_path.iterdir()), hard))
        source = UNIT + "#" * 500_000
        failure = await one.call(grid.SubmitTask(source=source, filename="unit.py", params=b'{"stop":1}'), grid.Failure)
        assert failure.code == "store"
        assert "withdrawn" in failure.message
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
        (task,) = (await one.call(grid.ListTasks(), grid.TaskList)).tasks
        assert task.state == "cancelled"

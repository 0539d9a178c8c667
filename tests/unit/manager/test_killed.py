"""A manager that is killed in the middle, and started again."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from disio.unit.codec import decode
from disio.wire import grid

from .scripted import ScriptedDistributor, eventually, started

ITERATOR = """
def run(payload):
    return payload * 2

def reduce(results, params):
    return sum(results)
"""
GENERATED = ITERATOR + "\ndef split(params):\n    yield from range(params)\n"


async def half_done(data: Path, source: str, params: object, count: int) -> tuple[str, dict[int, int]]:
    """A task of which some is done when the manager is killed: its id, and how often each lease was acknowledged."""
    async with started(data) as process, ScriptedDistributor(process.address) as one:
        await one.hello()
        await one.join("v1")
        task = await one.submit(source, params)
        async with one.working(["v1"], lambda x: x * 2):
            await one.until(lambda: len(one.acked) >= count)
            await process.kill()
        return task.task, one.acked


async def test_killed_manager_goes_on_where_it_was(tmp_path: Path) -> None:
    """After SIGKILL every acknowledged result is there once, and the rest is computed; split goes on too."""
    for source, params in ((GENERATED, 30_000), (ITERATOR, {"stop": 30_000})):
        task, acked = await half_done(tmp_path, source, params, 2000)
        async with started(tmp_path, grace=0.2) as process, ScriptedDistributor(process.address) as one:
            await one.hello()
            await one.join("v1", "v2")
            before = await one.task(task)
            assert before.executions >= len(acked)
            async with one.working(["v1", "v2"], lambda x: x * 2):
                view = await one.ended(task)
            assert (view.payloads, view.accepted, view.executions) == (30_000, 30_000, 30_000)
            answer = await one.call(grid.GetAnswer(task), grid.Answer)
            assert decode(answer.data) == sum(2 * number for number in range(30_000))


async def test_leases_outlive_the_manager(tmp_path: Path) -> None:
    """Results of leases that were given before the kill are taken, from volunteers that are announced again."""
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        await one.hello()
        await one.join("v1")
        task = await one.submit(ITERATOR, {"stop": 20})
        held = await one.leases("v1", 5)
        await one.answer("v1", held[:1], lambda x: x * 2)
        await one.until(lambda: bool(one.acked))
        await process.kill()
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        await one.send(grid.Beat())
        await one.until(lambda: any(isinstance(message, grid.WhoAreYou) for message in one.messages))
        await one.hello()
        await one.join("v1", holding={task.task: [lease.lease for lease in held[1:]]})
        await one.answer("v1", held, lambda x: x * 2)
        await one.until(lambda: len(one.acked) == 5)
        view = await one.task(task.task)
        assert (view.executions, view.leased) == (5, 0)
        assert one.rejected == {}


async def test_killed_between_commit_and_acknowledgement(tmp_path: Path) -> None:
    """Results that were committed and never acknowledged are sent again: acknowledged, and counted once."""
    async with started(tmp_path) as process:
        async with ScriptedDistributor(process.address) as one:
            await one.hello()
            await one.join("v1")
            task = await one.submit(ITERATOR, {"stop": 20})
            held = await one.leases("v1", 5)
        async with ScriptedDistributor(process.address) as one:
            await one.hello()
            await one.join("v1", holding={task.task: [lease.lease for lease in held]})
            await one.answer("v1", held, lambda x: x * 2)
            with closing(sqlite3.connect(f"file:{tmp_path}/manager.sqlite3?mode=ro", uri=True)) as database:
                await eventually(lambda: database.execute("SELECT count(*) FROM results").fetchone() == (5,))
            await process.kill()
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        await one.hello()
        await one.join("v1", holding={task.task: [lease.lease for lease in held]})
        await one.answer("v1", held, lambda x: x * 2)
        await one.until(lambda: len(one.acked) == 5)
        view = await one.task(task.task)
        assert (view.accepted, view.executions, view.leased, one.rejected) == (5, 5, 0, {})


async def test_volunteers_that_do_not_come_back_lose_their_leases(tmp_path: Path) -> None:
    """After a restart, leases of volunteers that nobody announces go out again after the time of grace."""
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        await one.hello()
        await one.join("v1")
        task = await one.submit(ITERATOR, {"stop": 20})
        (lease,) = await one.leases("v1", 1)
        await process.kill()
    async with started(tmp_path, grace=0.2) as process, ScriptedDistributor(process.address) as one:
        await one.hello()
        await one.join("v2")
        await one.when(task.task, lambda view: view.leased == 0)
        async with one.working(["v2"], lambda x: x * 2):
            view = await one.ended(task.task)
        assert (view.accepted, view.executions) == (20, 20)
        assert lease.index in {item.index for item in await one.results(task.task)}


async def test_failures_are_remembered_over_a_restart(tmp_path: Path) -> None:
    """A payload that had failed twice before the kill is set aside by its next failure."""
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        await one.hello()
        await one.join("v1", "v2")
        task = await one.submit(ITERATOR, {"payloads": ["bad"]})
        for volunteer in ("v1", "v2"):
            (lease,) = await one.leases(volunteer, 1)
            await one.answer(volunteer, [lease], None)
            await one.until(lambda lease=lease: lease.lease in one.acked)  # type: ignore[misc]
        await process.kill()
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        await one.hello()
        await one.join("v3")
        (lease,) = await one.leases("v3", 1)
        await one.answer("v3", [lease], None)
        view = await one.ended(task.task, "finished-with-failures")
        assert (view.failed, view.executions) == (1, 3)
        page = await one.call(grid.GetFailures(task=task.task), grid.FailurePage)
        assert page.items[0].volunteers == ["v1", "v2", "v3"]


async def test_split_that_does_not_repeat_itself_ends_its_task(tmp_path: Path) -> None:
    """A random split cannot be gone on with after a restart; the task says so."""
    source = ITERATOR + "\ndef split(params):\n    import os\n    while True:\n        yield os.urandom(8)\n"
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        task = await one.submit(source, None)
        await one.when(task.task, lambda view: view.ready > 0)
        await process.kill()
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        view = await one.ended(task.task, "failed")
        assert "split gave other payloads than before" in view.error


async def test_what_a_killed_manager_leaves_in_the_temporary_directory_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of a split that ran is gone when the manager has started again; those of others stay."""
    source = ITERATOR + "\ndef split(params):\n    yield 1\n    while True:\n        pass\n"
    temporary = tmp_path / "temporary"
    others = temporary / "disio-unit-other0-abc"
    others.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(temporary))
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        task = await one.submit(source, None)
        await one.when(task.task, lambda view: view.ready > 0)
        await process.kill()
    (left,) = temporary.glob(f"disio-unit-{task.manager}-*")
    async with started(tmp_path):
        assert not left.exists()
        assert others.is_dir()

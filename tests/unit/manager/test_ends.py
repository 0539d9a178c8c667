"""Tasks are paused, go on, and are deleted: nothing is lost by the first two, nothing is left by the last."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from disio.unit.codec import decode
from disio.wire import grid

from .scripted import ScriptedDistributor, linked, manager, started

DOUBLE = '"""Doubles."""\ndef run(payload):\n    return payload * 2\n'
SPLIT = DOUBLE + "def split(params):\n    for number in range(params['stop']):\n        yield number\n"


def double(payload: int) -> int:
    """What the unit computes."""
    return payload * 2


async def all_right(one: ScriptedDistributor, task: str, count: int) -> None:
    """Every payload has its one right answer."""
    assert [decode(item.data) for item in await one.results(task)] == [2 * number for number in range(count)]


@pytest.mark.parametrize("source", [DOUBLE, SPLIT], ids=["range", "split"])
async def test_a_paused_task_rests_and_goes_on(tmp_path: Path, source: str) -> None:
    """What is out is called back, late answers are used, nothing is handed out; resumed, it finishes."""
    async with linked(tmp_path, "v1") as one:
        task = (await one.submit(source, {"stop": 30_000})).task
        held = await one.leases("v1", 10)
        view = await one.call(grid.PauseTask(task), grid.TaskView)
        assert (view.state, view.leased, view.error) == ("paused", 0, "")
        assert (await one.call(grid.PauseTask(task), grid.TaskView)).state == "paused"
        await one.until(lambda: any(isinstance(message, grid.Revoke) for message in one.messages))
        [revoke] = [message for message in one.messages if isinstance(message, grid.Revoke)]
        assert (revoke.volunteer, set(revoke.leases)) == ("v1", {lease.lease for lease in held})
        await one.want("v1", 10)
        await one.until(lambda: "v1" in one.dry)
        await one.answer("v1", held[:4], double)
        await one.until(lambda: len(one.acked) == 4)
        assert (await one.task(task)).accepted == 4
        view = await one.call(grid.ResumeTask(task), grid.TaskView)
        assert view.state == "running"
        assert (await one.call(grid.ResumeTask(task), grid.TaskView)).state == "running"
        async with one.working(["v1"], double):
            await one.ended(task)
        await all_right(one, task, 30_000)


async def test_a_split_goes_on_where_it_was_however_often_it_is_paused(tmp_path: Path) -> None:
    """Pausing and resuming at any moment of the split loses no payload and makes none twice."""
    async with linked(tmp_path, "v1") as one:
        task = (await one.submit(SPLIT, {"stop": 60_000})).task
        for _ in range(5):
            await one.when(task, lambda view: view.payloads > 0)
            for request in (grid.PauseTask(task), grid.ResumeTask(task), grid.PauseTask(task), grid.ResumeTask(task)):
                await one.call(request, grid.TaskView)
        async with one.working(["v1"], double):
            view = await one.ended(task)
        assert view.payloads == 60_000
        await all_right(one, task, 60_000)


async def test_a_pause_survives_a_kill(tmp_path: Path) -> None:
    """A killed manager comes back with the task paused; who comes back with its leases is told to stop."""
    async with started(tmp_path) as first, ScriptedDistributor(first.address) as one:
        await one.hello()
        await one.join("v1")
        task = (await one.submit(SPLIT, {"stop": 50})).task
        held = await one.leases("v1", 8)
        await one.call(grid.PauseTask(task), grid.TaskView)
        await first.kill()
    async with started(tmp_path) as second, ScriptedDistributor(second.address) as one:
        await one.hello()
        await one.join("v1", holding={task: [lease.lease for lease in held]})
        await one.until(lambda: any(isinstance(message, grid.Revoke) for message in one.messages))
        view = await one.task(task)
        assert (view.state, view.leased, view.payloads) == ("paused", 0, 50)
        await one.answer("v1", held[:3], double)
        await one.when(task, lambda view: view.accepted == 3)
        await one.call(grid.ResumeTask(task), grid.TaskView)
        async with one.working(["v1"], double):
            await one.ended(task)
        await all_right(one, task, 50)


async def test_a_task_answered_to_the_end_during_its_pause_finishes_when_it_goes_on(tmp_path: Path) -> None:
    """Late answers may settle everything; the pause holds until it is ended."""
    async with linked(tmp_path, "v1", "v2") as one:
        task = (await one.submit(DOUBLE, {"stop": 2})).task
        held = [*await one.leases("v1", 1), *await one.leases("v2", 1)]
        await one.call(grid.PauseTask(task), grid.TaskView)
        for lease, volunteer in zip(held, ("v1", "v2"), strict=True):
            await one.answer(volunteer, [lease], double)
        view = await one.when(task, lambda view: view.accepted == 2)
        assert view.state == "paused"
        await one.call(grid.ResumeTask(task), grid.TaskView)
        await one.ended(task)


async def test_only_what_runs_is_paused_and_only_what_is_paused_goes_on(tmp_path: Path) -> None:
    """Everything else is a conflict that says why; a paused task can be cancelled."""
    async with linked(tmp_path) as one:
        task = (await one.submit(DOUBLE, {"stop": 0})).task
        await one.ended(task)
        for request in (grid.PauseTask(task), grid.ResumeTask(task)):
            failure = await one.call(request, grid.Failure)
            assert (failure.code, "finished" in failure.message) == ("conflict", True)
        task = (await one.submit(DOUBLE, {"stop": 5})).task
        await one.call(grid.PauseTask(task), grid.TaskView)
        assert (await one.call(grid.CancelTask(task), grid.TaskView)).state == "cancelled"


async def test_volunteers_of_a_task_that_was_cancelled_while_they_were_away_are_told(tmp_path: Path) -> None:
    """Who comes back with leases of an ended task, or of none, stops computing them at once."""
    async with linked(tmp_path, "v1") as one:
        task = (await one.submit(DOUBLE, {"stop": 10})).task
        held = await one.leases("v1", 5)
        await one.send(grid.Left("v1"))
        await one.call(grid.CancelTask(task), grid.TaskView)
        one.messages.clear()
        gone = f"{one.welcome.manager}-77" if one.welcome else ""
        await one.join("v1", holding={task: [lease.lease for lease in held], gone: [1]})
        told = lambda: {m.task for m in one.messages if isinstance(m, grid.Revoke) and m.volunteer == "v1"}  # noqa: E731
        await one.until(lambda: told() == {task, gone})


def rows(data: Path) -> dict[str, int]:
    """How many rows each table of a manager's database has."""
    tables = ("tasks", "files", "payloads", "leases", "results", "verdicts", "answers")
    database = sqlite3.connect(f"file:{data / 'manager.sqlite3'}?mode=ro", uri=True)
    try:
        return {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
    finally:
        database.close()


async def test_a_deleted_task_leaves_nothing_and_frees_its_space(tmp_path: Path) -> None:
    """Only the other task's rows remain, the file is smaller, and its number is not used again."""
    source = DOUBLE + "def reduce(results, params):\n    return sum(results)\n"
    file = tmp_path / "manager.sqlite3"
    async with linked(tmp_path, "v1") as one:
        kept = (await one.submit(DOUBLE, {"stop": 20})).task
        gone = (await one.submit(source, {"payloads": [10**2000 + number for number in range(4000)]})).task
        async with one.working(["v1"], double):
            await one.ended(kept)
            await one.ended(gone)
        before = file.stat().st_size
        deletion = await one.call(grid.DeleteTask(task=gone, wait=20), grid.Deletion)
        assert deletion.done
        assert deletion.freed > 4000 * 2 * 800
        assert before - file.stat().st_size > deletion.freed * 0.9
        assert (await one.call(grid.DeleteTask(task=gone), grid.Deletion)).freed == deletion.freed
        failure = await one.call(grid.GetTask(task=gone), grid.Failure)
        assert failure.code == "not_found"
        assert rows(tmp_path) == {
            "tasks": 1, "files": 1, "payloads": 20, "leases": 0, "results": 20, "verdicts": 20, "answers": 0
        }  # fmt: skip
        await all_right(one, kept, 20)
    async with linked(tmp_path) as one:
        failure = await one.call(grid.DeleteTask(task=gone), grid.Failure)
        assert failure.code == "not_found"
        new = (await one.submit(DOUBLE, {"stop": 1})).task
        assert new not in (kept, gone)


async def test_a_task_that_has_not_ended_is_deleted_by_force_only(tmp_path: Path) -> None:
    """Without force that is a conflict; with it the task is cancelled first, and what comes late is rejected."""
    async with linked(tmp_path, "v1") as one:
        task = (await one.submit(SPLIT, {"stop": 10_000_000})).task
        held = await one.leases("v1", 5)
        failure = await one.call(grid.DeleteTask(task=task), grid.Failure)
        assert failure.code == "conflict"
        assert "--force" in failure.message
        assert (await one.call(grid.DeleteTask(task=task, force=True, wait=20), grid.Deletion)).done
        await one.answer("v1", held, double)
        await one.until(lambda: len(one.rejected) == 5)
        assert set(rows(tmp_path).values()) == {0}


async def test_a_deletion_goes_on_after_a_kill(tmp_path: Path) -> None:
    """A manager that is killed in the midst of it deletes the rest when it is back."""
    async with started(tmp_path) as first, ScriptedDistributor(first.address) as one:
        await one.hello()
        await one.join("v1")
        task = (await one.submit(DOUBLE, {"stop": 60_000})).task
        async with one.working(["v1"], double):
            await one.when(task, lambda view: view.accepted >= 20_000)
        await one.call(grid.CancelTask(task), grid.TaskView)
        await one.call(grid.DeleteTask(task=task), grid.Deletion)
        await first.kill()
    async with started(tmp_path) as second, ScriptedDistributor(second.address) as one:
        async with asyncio.timeout(20):
            while (await one.call(grid.ListTasks(), grid.TaskList)).tasks:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.05)
        assert set(rows(tmp_path).values()) == {0}


async def test_others_go_on_while_a_task_is_deleted(tmp_path: Path) -> None:
    """Deleting a large task holds no round up for long: answers to others are acknowledged within half a second."""
    async with manager(tmp_path) as address, ScriptedDistributor(address) as one:
        await one.hello()
        await one.join("v1")
        large = (await one.submit(DOUBLE, {"payloads": [b"x" * 100_000] * 40})).task
        async with one.working(["v1"], lambda payload: payload + payload):
            await one.ended(large)
        small = (await one.submit(DOUBLE, {"stop": 200})).task
        deleting = asyncio.create_task(one.call(grid.DeleteTask(task=large, wait=20), grid.Deletion))
        loop, slowest, done = asyncio.get_running_loop(), 0.0, 0
        while not deleting.done() or done < 5:
            lease = await one.leases("v1", 1)
            began = loop.time()
            await one.answer("v1", lease, double)
            await one.until(lambda number=lease[0].lease: number in one.acked)  # type: ignore[misc]
            slowest, done = max(slowest, loop.time() - began), done + 1
        assert (await deleting).freed > 40 * 300_000
        assert slowest < 0.5 * 4, "the limit is four times what is promised, for a machine under load"
        assert (await one.task(small)).accepted == done

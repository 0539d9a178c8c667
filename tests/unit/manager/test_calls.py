"""What dashboards ask: submitting, looking, cancelling, and everything that can be wrong with it."""

import asyncio
from pathlib import Path

import pytest

from disio.unit.codec import decode, encode
from disio.wire import grid

from .scripted import ScriptedDistributor, linked, manager

DOUBLE = '"""Doubles."""\ndef run(payload):\n    return payload * 2\n'
PACKAGES = '# /// script\n# dependencies = ["numpy"]\n# ///\n' + DOUBLE


@pytest.mark.parametrize(
    ("source", "params", "message"),
    [
        ("def run(payload:\n", {"stop": 1}, "line 1"),
        ("x = 1\n", {"stop": 1}, "no function run"),
        (DOUBLE, {}, "name no payloads"),
        (DOUBLE, {"stop": "many"}, "must be a whole number"),
        (DOUBLE, {"stop": 10**30}, "more than 9,007,199,254,740,992 payloads"),
        (PACKAGES, {"stop": 1}, "needs packages (numpy)"),
    ],
)
async def test_unit_that_cannot_be_used_is_refused_at_once(
    tmp_path: Path, source: str, params: object, message: str
) -> None:
    """Nothing is stored of a unit that cannot work; the error says what is wrong with it."""
    async with linked(tmp_path) as one:
        request = grid.SubmitTask(source=source, filename="unit.py", params=encode(params))
        failure = await one.call(request, grid.Failure)
        assert failure.code == "unit"
        assert message in failure.message
        assert (await one.call(grid.ListTasks(), grid.TaskList)).tasks == []


async def test_parameters_that_are_no_value_are_refused(tmp_path: Path) -> None:
    """Parameters are codec bytes; anything else is an error."""
    async with linked(tmp_path) as one:
        request = grid.SubmitTask(source=DOUBLE, filename="unit.py", params=b"{nonsense")
        failure = await one.call(request, grid.Failure)
        assert (failure.code, "parameters" in failure.message) == ("unit", True)


@pytest.mark.parametrize(
    "request_",
    [
        grid.GetTask(task="nobody-1"),
        grid.GetResults(task="nobody-1"),
        grid.GetFailures(task="x"),
        grid.GetAnswer(""),
        grid.CancelTask("nobody--1"),
    ],
)
async def test_unknown_task_is_a_clear_error(tmp_path: Path, request_: grid.Request) -> None:
    """Every call about a task says when there is none of that name."""
    async with linked(tmp_path) as one:
        failure = await one.call(request_, grid.Failure)
        assert failure.code == "not_found"
        assert "there is no task" in failure.message


async def test_split_that_raises_ends_the_task_with_its_traceback(tmp_path: Path) -> None:
    """What was made before is taken back, and the researcher is shown their own file and line."""
    source = DOUBLE + "def split(params):\n    yield 1\n    yield 1 / 0\n"
    async with linked(tmp_path, "v1") as one:
        await one.want("v1", 5)
        task = await one.submit(source, None)
        view = await one.ended(task.task, "failed")
        assert 'File "unit.py", line 6' in view.error
        assert "ZeroDivisionError" in view.error
        assert view.finished is not None
        failure = await one.call(grid.GetAnswer(task.task), grid.Failure)
        assert failure.code == "not_found"


async def test_split_that_hangs_ends_the_task(tmp_path: Path) -> None:
    """A split that never gives anything ends its task, and no other."""
    source = DOUBLE + "def split(params):\n    while True:\n        pass\n"
    async with linked(tmp_path, "v1", split_timeout=3) as one:
        bad = await one.submit(source, None)
        good = await one.submit(DOUBLE, {"stop": 20})
        async with one.working(["v1"], lambda x: x * 2):
            await one.ended(good.task)
        view = await one.ended(bad.task, "failed")
        assert "split gave no payload for 3 s" in view.error


async def test_ten_million_payloads_fill_the_hot_window_only(tmp_path: Path) -> None:
    """A huge task is split as far as is needed; it can be worked on and cancelled at any time."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, {"stop": 10_000_000})
        view = await one.when(task.task, lambda view: view.ready >= 20_000)
        assert view.ready < 25_000
        assert (view.payloads, view.split_done) == (10_000_000, True)
        async with one.working(["v1"], lambda x: x * 2):
            await one.when(task.task, lambda view: view.accepted >= 1000)
        cancelled = await one.call(grid.CancelTask(task.task), grid.TaskView)
        assert cancelled.state == "cancelled"


async def test_reduce_that_raises_leaves_the_results(tmp_path: Path) -> None:
    """The task has failed, says what went wrong in reduce, and its results can be taken."""
    source = DOUBLE + "def reduce(results, params):\n    return list(results)[99]\n"
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(source, {"stop": 3})
        async with one.working(["v1"], lambda x: x * 2):
            view = await one.ended(task.task, "failed")
        assert view.state == "failed"
        assert "IndexError" in view.error
        assert 'File "unit.py", line 5' in view.error
        assert not view.has_answer
        assert [decode(item.data) for item in await one.results(task.task)] == [0, 2, 4]
        failure = await one.call(grid.GetAnswer(task.task), grid.Failure)
        assert "IndexError" in failure.message


async def test_task_without_payloads_is_finished_at_once(tmp_path: Path) -> None:
    """Nothing to do is done; reduce still makes its answer."""
    source = DOUBLE + "def reduce(results, params):\n    return sum(results)\n"
    async with linked(tmp_path) as one:
        task = await one.submit(source, {"stop": 0})
        view = await one.ended(task.task)
        assert (view.payloads, view.has_answer) == (0, True)


async def test_answer_of_a_running_task_is_a_conflict(tmp_path: Path) -> None:
    """An answer that is not there yet is told from one that there will never be."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, {"stop": 1})
        failure = await one.call(grid.GetAnswer(task.task), grid.Failure)
        assert (failure.code, "still running" in failure.message) == ("conflict", True)
        async with one.working(["v1"], lambda x: x * 2):
            await one.ended(task.task)
        failure = await one.call(grid.GetAnswer(task.task), grid.Failure)
        assert (failure.code, "no reduce" in failure.message) == ("not_found", True)


async def test_cancelled_task_is_taken_back_everywhere(tmp_path: Path) -> None:
    """Distributors are told to forget the task; what comes later is rejected; cancelling twice is harmless."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, {"stop": 100})
        held = await one.leases("v1", 5)
        for _ in range(2):
            view = await one.call(grid.CancelTask(task.task), grid.TaskView)
            assert (view.state, view.ready, view.leased) == ("cancelled", 0, 0)
        await one.until(lambda: any(isinstance(message, grid.Revoke) for message in one.messages))
        await one.answer("v1", held, lambda x: x * 2)
        await one.until(lambda: len(one.rejected) == 5)
        assert set(one.rejected.values()) == {"the task is cancelled"}
        await one.want("v1", 5)
        await one.until(lambda: "v1" in one.dry)


async def test_news_come_when_there_are_some_and_not_before(tmp_path: Path) -> None:
    """A request that waits is answered by the next change, and one about the past at once."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, {"stop": 10})
        view = await one.when(task.task, lambda view: view.split_done and view.ready == 10)
        listed = await one.call(grid.ListTasks(), grid.TaskList)
        assert listed.version >= view.version
        waiting = asyncio.create_task(one.call(grid.ListTasks(since=listed.version, wait=15), grid.TaskList))
        quiet = await one.call(grid.GetTask(task=task.task, since=view.version, wait=0.3), grid.TaskView)
        assert quiet.version == view.version
        assert not waiting.done()
        await one.leases("v1", 1)
        assert (await waiting).version > listed.version


async def test_tasks_are_listed_newest_first_and_results_by_page(tmp_path: Path) -> None:
    """Lists have an order; pages say whether there is more."""
    async with linked(tmp_path, "v1") as one:
        first = await one.submit(DOUBLE, {"stop": 25}, name="first")
        second = await one.submit(DOUBLE, {"stop": 1}, name="second", priority=3)
        listed = await one.call(grid.ListTasks(), grid.TaskList)
        assert [view.name for view in listed.tasks] == ["second", "first"]
        async with one.working(["v1"], lambda x: x * 2):
            await one.ended(first.task)
            await one.ended(second.task)
        page = await one.call(grid.GetResults(task=first.task, after=4, limit=10), grid.ResultPage)
        assert ([item.index for item in page.items], page.more) == (list(range(5, 15)), True)
        page = await one.call(grid.GetResults(task=first.task, after=14, limit=10), grid.ResultPage)
        assert ([item.index for item in page.items], page.more) == (list(range(15, 25)), False)


async def test_port_in_use_is_a_clear_error(tmp_path: Path) -> None:
    """A second manager on the same port says so, and does not keep its directory."""
    async with manager(tmp_path / "one") as address:
        port = int(address.rpartition(":")[2])
        with pytest.raises(Exception, match="in use"):
            async with manager(tmp_path / "two", port=port):
                pass
        async with manager(tmp_path / "two") as other, ScriptedDistributor(other) as one:
            await one.hello()


async def test_no_call_ends_the_manager(tmp_path: Path) -> None:
    """Numbers that no database can hold are not understood, ids are matched to the letter, and the manager goes on."""
    async with linked(tmp_path) as one:
        task = await one.submit(DOUBLE, {"stop": 3})
        for after in (2**63, 2**64 - 1, -(2**63)):
            await one.send(grid.Call(1, grid.GetResults(task=task.task, after=after)))
            await one.send(grid.Call(2, grid.GetFailures(task=task.task, after=after)))
        number = task.task.partition("-")[2]
        other = task.task.replace(f"-{number}", f"-0{number}")
        assert (await one.call(grid.GetTask(task=other), grid.Failure)).code == "not_found"
        assert (await one.call(grid.GetTask(task=task.task), grid.TaskView)).task == task.task

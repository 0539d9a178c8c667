"""Tasks in a researcher's hands: open ones, payloads from iterables, results as they come, on a real grid."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator

import pytest

from disio.client import AsyncTask, Client, PayloadsFailedError, TaskFailedError
from disio.errors import CodecError, ConflictError, UnreachableError, UsageError
from disio.testing import Grid

pytestmark = pytest.mark.asyncio(loop_scope="module")

SQUARES = '''
"""Squares."""
def run(payload):
    if payload == 3:
        raise ValueError("no three")
    if payload % 2:
        print("odd", payload)
    return payload * payload
'''
SUM = SQUARES + "def reduce(results, params): return sum(results)\n"


async def test_an_open_task_takes_payloads_until_it_is_closed(grid: Grid) -> None:
    """Payloads that are added later are computed at once; the task ends once it is closed."""
    task = await grid.client.submit(source=SUM, open=True)
    assert (task.open, task.state, task.split_done) == (True, "running", False)
    assert repr(task) == f"<AsyncTask {task.id} 'unit': running, 0 of 0 payloads so far accepted>"
    await task.add([1, 2])
    results = task.results()
    assert [(await anext(results)).value, (await anext(results)).value] == [1, 4]
    await task.add(range(4, 6))
    assert (await anext(results)).payload == 4
    await task.close()
    await task.close()
    assert [result.value async for result in results] == [25]
    assert await task.result(timeout=30) == 1 + 4 + 16 + 25
    assert (task.open, task.state, task.payloads) == (False, "finished", 4)
    with pytest.raises(ConflictError, match="finished; it takes no more"):
        await task.add([1])


async def test_an_open_task_takes_its_first_payloads_and_more(grid: Grid) -> None:
    """What ``submit`` is given comes first, however slowly; the task stays open until it is closed."""

    async def slowly() -> AsyncIterator[int]:
        for number in (4, 5):
            await asyncio.sleep(0.05)
            yield number

    task = await grid.client.submit(source=SUM, payloads=slowly(), open=True)
    results = task.results()
    assert [(await anext(results)).payload, (await anext(results)).payload] == [4, 5]
    assert (await task.refresh()).open
    await task.add([6])
    assert await (await task.close()).result(timeout=30) == 16 + 25 + 36
    fast = await grid.client.submit(source=SUM, payloads=slowly(), open=True)
    await fast.add([6, 7])
    assert await (await fast.close()).result(timeout=30) == 16 + 25 + 36 + 49
    assert [result.payload async for result in fast.results()] == [4, 5, 6, 7]


async def test_first_payloads_that_break_are_told_by_what_follows(grid: Grid) -> None:
    """An iterable that raises cancels an open task as any other; who adds more or closes is told its error."""

    def broken() -> Iterator[object]:
        yield 1
        raise RuntimeError("the disk is gone")

    task = await grid.client.submit(source=SUM, payloads=broken(), open=True)
    with pytest.raises(RuntimeError, match="the disk is gone"):
        await task.add([2])
    with pytest.raises(RuntimeError, match="the disk is gone"):
        await task.close()
    assert (await task.refresh()).state == "cancelled"


async def test_an_answer_that_is_not_whole_is_an_error(grid: Grid) -> None:
    """Where payloads failed, ``result`` raises with the first failure; ``partial`` takes what there is."""
    for source, partial in ((SQUARES, [1, 4]), (SUM, 5)):
        task = await grid.client.submit(source=source, payloads=[1, 3, 2])
        with pytest.raises(
            PayloadsFailedError, match=r"(?s)1 of 3 payloads of task .*\bpayload 1 failed.*no three"
        ) as told:
            await task.result(timeout=30)
        assert told.value.failure is not None
        assert (told.value.failure.index, told.value.failure.payload) == (1, 3)
        assert await task.result(partial=True) == partial
    task = await grid.client.submit(source=SQUARES, payloads=[3, 3])
    with pytest.raises(PayloadsFailedError, match="2 of 2 payloads"):
        await task.result(timeout=30)
    assert await task.result(partial=True) == []


async def test_payloads_come_from_an_iterable_as_they_are_computed(grid: Grid) -> None:
    """An endless iterable is taken from only as far as the task has room; each payload is computed once, in order."""
    taken = 0

    def numbers() -> Iterator[int]:
        nonlocal taken
        for number in itertools.count(4):
            taken = number
            yield number

    task = await grid.client.submit(source=SQUARES, payloads=numbers())
    seen = []
    async for result in task.results():
        seen.append(result.payload)
        if len(seen) == 3000:
            break
    assert seen == list(range(4, 3004))
    assert taken < 60_000, "payloads were taken without end"
    await task.cancel()


async def test_payloads_from_an_async_iterable(grid: Grid) -> None:
    """The client for asyncio takes payloads from an async generator as well."""

    async def numbers() -> AsyncIterator[int]:
        for number in range(4, 8):
            await asyncio.sleep(0)
            yield number

    task = await grid.client.submit(source=SUM, payloads=numbers())
    assert await task.result(timeout=30) == 16 + 25 + 36 + 49


async def test_what_an_iterable_raises_is_raised_where_the_task_is_waited_for(grid: Grid) -> None:
    """A broken iterable cancels its task; its own error is what the researcher sees."""

    def broken() -> Iterator[object]:
        yield 1
        raise RuntimeError("the disk is gone")

    task = await grid.client.submit(source=SQUARES, payloads=broken())
    with pytest.raises(RuntimeError, match="the disk is gone"):
        await task.wait(timeout=30)
    assert task.state == "cancelled"
    task = await grid.client.submit(source=SQUARES, payloads=[1, object()])
    with pytest.raises(CodecError, match="object"):
        _ = [result async for result in task.results()]


async def test_results_in_order_wait_for_each_and_as_completed_do_not(grid: Grid) -> None:
    """Both orders give all accepted results once; a payload that is set aside is left out and told by failures."""
    task = await grid.client.submit(source=SQUARES, params={"payloads": list(range(10))})
    ordered = [result.index async for result in task.results()]
    assert ordered == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    completed = [result async for result in task.results(order="completed")]
    assert sorted(result.index for result in completed) == ordered
    assert {result.index: result.value for result in completed} == {n: n * n for n in ordered}
    (failure,) = [failure async for failure in task.failures()]
    assert (failure.index, failure.kind) == (3, "exception")
    assert {log.index: log.text async for log in task.logs()} == {n: f"odd {n}\n" for n in (1, 5, 7, 9)}
    seen = [(one.index, one.settled) async for one in task.outcomes()]
    assert [settled for _, settled in seen] == sorted({settled for _, settled in seen})
    again = [one.index async for one in task.outcomes(after=seen[4][1])]
    assert again == [index for index, _ in seen[5:]]


async def test_a_bad_end_is_an_error(grid: Grid) -> None:
    """Results of a task that failed or was cancelled end with an error, not as if they were all."""
    failing = await grid.client.submit(source=SQUARES + "def split(params): raise OSError('no split')")
    with pytest.raises(TaskFailedError, match="no split"):
        _ = [result async for result in failing.results()]
    with pytest.raises(TaskFailedError, match="no split"):
        await failing.result(timeout=30)


async def test_what_is_sent_twice_is_added_once(grid: Grid) -> None:
    """A batch that is repeated, as after a lost answer, adds what is new; a gap is refused."""
    http = grid.client._http
    task = await grid.client.submit(source=SUM, open=True)
    path = f"/api/tasks/{task.id}/payloads"
    assert (await http.post(path, json={"first": 0, "payloads": [1, 2]})).json() == {"stored": 2}
    assert (await http.post(path, json={"first": 0, "payloads": [1, 2, 4]})).json() == {"stored": 3}
    gap = await http.post(path, json={"first": 7, "payloads": [5]})
    assert (gap.status_code, gap.json()["error"]) == (409, "conflict")
    bad = await http.post(path, json={"first": 3, "payloads": 5})
    assert bad.status_code == 400
    await task.close()
    assert await task.result(timeout=30) == 1 + 4 + 16


async def test_open_tasks_and_their_readers_live_through_restarts(grid: Grid) -> None:
    """A manager that is killed goes on with an open task; who adds and who reads wait for it, and nothing is lost."""
    task = await grid.client.submit(source=SUM, open=True)
    await task.add(range(4, 104))
    reader = asyncio.create_task(_payloads(task))
    await grid.managers[0].kill()
    adding = asyncio.create_task(task.add(range(104, 204)))
    await grid.restart(grid.managers[0])
    await adding
    await task.close()
    assert await reader == list(range(4, 204))
    assert await task.result(timeout=60) == sum(n * n for n in range(4, 204))


async def test_the_end_of_an_iterable_waits_for_a_manager_that_is_away(grid: Grid) -> None:
    """Killed when all payloads are stored and the task is about to be closed, the manager is waited for."""
    stored = asyncio.Event()

    async def numbers() -> AsyncIterator[int]:
        for number in (1, 2, 4):
            yield number
        await stored.wait()

    task = await grid.client.submit(source=SUM, payloads=numbers())
    while (await grid.client.task(task.id)).payloads < 3:  # noqa: ASYNC110 - told by nothing but asking
        await asyncio.sleep(0.02)
    await grid.managers[0].kill()
    while (await grid.client.grid()).managers[0].reachable:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    stored.set()
    with pytest.raises(UnreachableError):
        await grid.client.close_task(task.id)
    await grid.restart(grid.managers[0])
    assert await task.result(timeout=60) == 1 + 4 + 16


async def _payloads(task: AsyncTask) -> list[int]:
    return [result.payload async for result in task.results()]


async def test_the_blocking_client_does_the_same(grid: Grid) -> None:
    """Without asyncio: open tasks, iterables, results in both orders, result; closing waits for iterables."""

    def work() -> None:
        with Client(grid.client.url) as client:
            task = client.submit(source=SUM, open=True)
            assert task.add([1, 2]).close().result(timeout=30) == 5
            task = client.submit(source=SUM, payloads=(time.sleep(0.01) or n for n in (4, 5)), open=True)
            assert task.add([6]).close().result(timeout=30) == 16 + 25 + 36
            task = client.submit(source=SUM, payloads=[3, 4])
            with pytest.raises(PayloadsFailedError, match="1 of 2 payloads"):
                task.result(timeout=30)
            assert task.result(partial=True) == 16
            slow = client.submit(source=SUM, payloads=(time.sleep(0.01) or n for n in range(4, 24)))
        with Client(grid.client.url) as client:
            slow = client.task(slow.id)
            assert [result.payload for result in slow.results()] == list(range(4, 24))
            assert sorted(result.index for result in slow.results(order="completed")) == list(range(20))
            assert slow.progress().state == "finished"
            with pytest.raises(ConflictError):
                slow.add([1])

    await asyncio.to_thread(work)


EMITS = """
def run(payload, ctx):
    for step in range(payload):
        ctx.emit({"at": ctx.index, "step": (step,)})
    return payload
"""


async def test_events_are_followed_as_they_come(grid: Grid) -> None:
    """What units emit arrives in order with its exact value, can be gone on with, and the stream ends with the task."""
    task = await grid.client.submit(source=EMITS, open=True)
    events = task.events()
    await task.add([2])
    first, second = await anext(events), await anext(events)
    assert [first.value, second.value] == [{"at": 0, "step": (0,)}, {"at": 0, "step": (1,)}]
    assert (first.index, first.at < second.at) == (0, True)
    await task.add([1])
    await task.close()
    assert [(event.index, event.value) async for event in events] == [(1, {"at": 1, "step": (0,)})]
    later = [event.at async for event in task.events(after=first.at)]
    assert (later[0], len(later)) == (second.at, 2)


async def test_events_are_bounded(grid: Grid) -> None:
    """A unit that tells too much is computed all the same: what is too often is lost, what is too large its error."""
    task = await grid.client.submit(source=EMITS, payloads=[5000])
    assert await task.result(timeout=60) == [5000]
    assert 1 <= len([event async for event in task.events()]) <= 100
    source = "def run(payload, ctx): ctx.emit('x' * 20_000)"
    task = await grid.client.submit(source=source, payloads=[0])
    await task.wait(timeout=60)
    (failure,) = [failure async for failure in task.failures()]
    assert "at most 16,384" in failure.message


async def test_a_task_for_some_sites_waits_for_their_visitors(grid: Grid) -> None:
    """The volunteer of the site "test" computes what is for its site, and nothing else; bad names are told."""
    other = await grid.client.submit(source=SUM, payloads=[1], sites=["museum.example"])
    own = await grid.client.submit(source=SUM, payloads=[2], sites=["museum.example", "test"])
    assert own.sites == ["museum.example", "test"]
    assert await own.result(timeout=30) == 4
    assert (await other.refresh()).accepted == 0
    await other.cancel()
    with pytest.raises(UsageError, match="sites"):
        await grid.client.submit(source=SUM, payloads=[1], sites=["https://museum.example/page"])

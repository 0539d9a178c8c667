"""Brings payloads into the hot windows: new ones from ``split``, and those that wait again from the database."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from disio.errors import UnitError
from disio.manager.ledger import Ledger
from disio.manager.sandbox import Code, Limits, Made, Total, reduce, split
from disio.manager.tasks import Task
from disio.task.model import TaskState
from disio.task.schedule import TaskQueue

COLD_ITEMS: Final = 2000


async def code_of(ledger: Ledger, task: Task) -> Code:
    """A task's unit and parameters, for the sandbox."""
    source = await ledger.store.file(task.unit)
    assert source is not None  # noqa: S101 - stored in the same transaction as the task
    return Code(source=source.decode(), filename=task.filename, params=task.params, has_split=task.has_split)


async def make_payloads(ledger: Ledger, task: Task, limits: Limits) -> None:
    """Run a task's ``split`` to its end, or until it is paused, as its hot window has room.

    The task fails if ``split`` does.
    """
    try:
        code = await code_of(ledger, task)
        async with aclosing(split(code, limits, skip=task.stored, digest=task.split_digest)) as made:
            async for batch in made:
                if task.state is not TaskState.RUNNING:
                    return
                if isinstance(batch, Total):
                    task.total = batch.count
                    ledger.tasks.changed(task)
                else:
                    await _add(ledger, task, batch)
    except UnitError as error:
        if task.state is TaskState.RUNNING:
            ledger.fail(task, str(error))
        return
    if task.state is TaskState.RUNNING:
        complete(ledger, task)


def complete(ledger: Ledger, task: Task) -> None:
    """A task has all its payloads."""
    task.open = False
    task.split_done = task.queue.complete = True
    task.total = task.stored
    ledger.tasks.changed(task)
    ledger.settle(task)
    ledger.links.wake_all()
    ledger.due.set()


async def _add(ledger: Ledger, task: Task, made: Made) -> None:
    task.split_digest = made.digest
    await add(ledger, task, made.payloads)
    await room(ledger, task)


async def add(ledger: Ledger, task: Task, data: Sequence[bytes]) -> None:
    """Further payloads of a task, in codec bytes: handed out once they are durable."""
    payloads = list(enumerate(data, task.stored))
    ledger.store.group.payloads.extend((task.number, index, one) for index, one in payloads)
    task.stored += len(payloads)
    ledger.tasks.changed(task)
    await ledger.committed()
    if task.state.under_way:
        task.queue.add(payloads)
    if task.state is TaskState.RUNNING:
        ledger.work_came()


async def room(ledger: Ledger, task: Task) -> None:
    """Wait until a task's hot window has room, or the task does not run any more."""
    while task.state is TaskState.RUNNING and not task.queue.room(len(ledger.links.volunteers)):
        task.room.clear()
        await task.room.wait()


async def warm(ledger: Ledger) -> None:
    """Read the bytes of payloads that wait again, forever."""
    while True:
        await ledger.cold.wait()
        ledger.cold.clear()
        for queue in list(ledger.schedule.queues.values()):
            await warm_queue(ledger, queue)


async def warm_queue(ledger: Ledger, queue: TaskQueue) -> None:
    """Read the bytes of one task's payloads that wait again, as long as there is room for them."""
    while room := queue.room(len(ledger.links.volunteers), cold=True):
        named = queue.next_cold(min(room, COLD_ITEMS))
        if not named:
            return
        payloads = await ledger.store.payloads(queue.number, named)
        queue.warm(named, payloads, asyncio.get_running_loop().time())
        ledger.work_came()


async def make_answer(ledger: Ledger, task: Task, limits: Limits) -> None:
    """Run a task's ``reduce``; if that fails, the task fails with the error, and keeps its results."""
    code = await code_of(ledger, task)
    await ledger.committed()
    try:
        async with aclosing(ledger.store.all_results(task.number)) as results:
            answer = await reduce(code, limits, results)
    except UnitError as failure:
        if task.state is TaskState.REDUCING:
            ledger.fail(task, str(failure))
        return
    if task.state is TaskState.REDUCING:
        ledger.finish(task, answer)

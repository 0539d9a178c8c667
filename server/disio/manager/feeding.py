"""Brings what is needed into memory: payloads from ``split``, or from the database; votes that are judged again."""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from disio.errors import UnitError
from disio.manager.belief import Doubts
from disio.manager.granting import keep_promise
from disio.manager.ledger import Ledger, Promise
from disio.manager.restoring import recall
from disio.manager.sandbox import Code, Limits, Made, Total, reduce, split
from disio.manager.tasks import Task
from disio.task.model import TaskState

STATES_BYTES: Final = 8 * 1024 * 1024
"""About how many bytes of states go with one grant."""


async def code_of(ledger: Ledger, task: Task) -> Code:
    """A task's unit and parameters, for the sandbox."""
    source = await ledger.store.file(task.unit)
    assert source is not None  # noqa: S101 - stored in the same transaction as the task
    return Code(
        source=source.decode(),
        filename=task.filename,
        params=task.params,
        has_split=task.has_split,
        shelf=await ledger.files.shelf(task.kit),
        owner=ledger.store.manager,
    )


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


async def keep_promises(ledger: Ledger) -> None:
    """Read the payloads of leases whose bytes were not in memory, and grant them; forever."""
    while True:
        promise = await ledger.promises.get()
        await fill(ledger, promise)
        keep_promise(ledger, promise)


async def fill(ledger: Ledger, promise: Promise) -> None:
    """Read the missing payloads and states of a promise."""
    task, _, _, indexes, data, states, keepers = promise
    places = {index: place for place, index in enumerate(indexes) if data[place] is None}
    while places:
        read = await ledger.store.payloads(task.number, list(places))
        task.queue.keep(read)
        for index, payload in read:
            data[places.pop(index)] = payload
    size = 0
    for place, index in enumerate(indexes):
        if states[place] is None:
            # A grant of nothing but states would be no use to anybody: what is too much begins anew.
            small = size < STATES_BYTES
            state = await ledger.store.checkpoint(task.number, index, keepers[place]) if small else None
            states[place] = state or b""
            size += len(states[place] or b"")


async def judge_anew(ledger: Ledger) -> None:
    """Judge stored votes again of which some were withdrawn, or for which less speaks; forever."""
    while True:
        doubts = await ledger.belief.doubts.get()
        await judge_doubts(ledger, doubts)


async def judge_doubts(ledger: Ledger, doubts: Doubts) -> None:
    """Judge again what these volunteers, and these stints, had a part in."""
    task = doubts.task
    await ledger.committed()  # the newest votes may be in the group that is being written
    for volunteer, stint in [*((name, None) for name in doubts.volunteers), *doubts.stints]:
        if task.state.under_way:
            await recall(ledger, task, await ledger.store.votes_of(task.number, volunteer, stint))
    task.doubts -= 1
    ledger.settle(task)
    ledger.due.set()


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

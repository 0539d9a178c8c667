"""Open tasks: their payloads come from outside, in order, each once, only as fast as they are computed."""

import asyncio
import contextlib
from typing import Final

from disio.errors import CodecError, ConflictError
from disio.figures import counted
from disio.manager.feeding import add, complete, room
from disio.manager.ledger import Ledger
from disio.manager.tasks import Task
from disio.task.model import TaskState
from disio.unit.codec import check
from disio.wire.grid import Added, AddPayloads

MAX_WAIT_SECONDS: Final = 60.0


async def add_payloads(ledger: Ledger, task: Task, request: AddPayloads) -> Added:
    """Add what is new of the payloads; answers when they are durable, or when no room has come in time.

    Raises:
        ConflictError: the task is not open, or payloads before these are missing.
        CodecError: a payload is no encoded value.
    """
    _refuse(task, request.first)
    for index, data in enumerate(request.payloads, request.first):
        try:
            check(data)
        except CodecError as error:
            raise CodecError(f"payload {index}: {error}") from None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(min(request.wait, MAX_WAIT_SECONDS)):
            while task.state is TaskState.PAUSED:
                task.room.clear()
                await task.room.wait()
            await room(ledger, task)
    _refuse(task, request.first)
    new = request.payloads[task.stored - request.first :]
    if new and task.state is TaskState.RUNNING and task.queue.room(len(ledger.links.volunteers)):
        await add(ledger, task, new)
    else:
        await ledger.committed()
    return Added(task.stored)


async def close(ledger: Ledger, task: Task) -> None:
    """There will be no more payloads; idempotent.

    Raises:
        ConflictError: the task was never open, or has ended.
    """
    if task.open:
        complete(ledger, task)
    elif task.state.under_way and not task.split_done:
        raise ConflictError(f"task {task.id} is not open: its payloads are made by split")
    await ledger.committed()


def _refuse(task: Task, first: int) -> None:
    if task.state.ended:
        raise ConflictError(f"task {task.id} is {task.state}; it takes no more payloads")
    if not task.open:
        raise ConflictError(f"task {task.id} is closed; submit an open task to add payloads")
    if first > task.stored:
        raise ConflictError(
            f"task {task.id} has {counted(task.stored, 'payload')}, so the next one cannot have index {first:,}"
        )

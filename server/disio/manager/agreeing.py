"""Has a unit's ``agree`` say which answers count as the same, before they are votes.

Answers with the same bytes agree. Others are compared, in one subprocess for each task, with the first answer of each
group that there is; what agrees with it gets its digest. Results are durable and acknowledged meanwhile.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import NamedTuple

from disio.errors import UnitError
from disio.manager.belief import Answer
from disio.manager.feeding import code_of
from disio.manager.ledger import Ledger
from disio.manager.sandbox import Comparer, Limits
from disio.manager.tasks import Task


class _Lane(NamedTuple):
    """The answers of one task that wait, and who compares them."""

    waiting: asyncio.Queue[Answer]
    job: asyncio.Task[None]


async def compare_answers(ledger: Ledger, limits: Limits) -> None:
    """Compare what is to be compared, each task by itself; forever."""
    lanes: dict[int, _Lane] = {}
    async with asyncio.TaskGroup() as group:
        while True:
            task, answer = await ledger.belief.uncompared.get()
            lane = lanes.get(task.number)
            if lane is None or lane.job.done():
                waiting = asyncio.Queue[Answer]()
                lane = lanes[task.number] = _Lane(waiting, group.create_task(_compare(ledger, task, limits, waiting)))
            lane.waiting.put_nowait(answer)
            for number in [number for number, other in lanes.items() if other.job.done()]:
                del lanes[number]


async def _compare(ledger: Ledger, task: Task, limits: Limits, waiting: asyncio.Queue[Answer]) -> None:
    """Compare the answers of one task until it ends, or ``agree`` fails it."""
    ended = asyncio.create_task(ledger.tasks.end_of(task))
    try:
        async with AsyncExitStack() as stack:
            comparer: Comparer | None = None
            while task.state.under_way:
                taking = asyncio.create_task(waiting.get())
                await asyncio.wait((taking, ended), return_when=asyncio.FIRST_COMPLETED)
                if not taking.done():
                    taking.cancel()
                    return
                answer = taking.result()
                if comparer is None:
                    comparer = await stack.enter_async_context(Comparer(await code_of(ledger, task), limits))
                digest = await _digest(ledger, task, answer, comparer)
                if task.state.under_way:
                    ledger.belief.believe(task, answer._replace(digest=digest), compared=True)
                    ledger.due.set()
                    ledger.settle(task)
    except UnitError as error:
        if task.state.under_way:
            ledger.fail(task, str(error))
    finally:
        ended.cancel()


async def _digest(ledger: Ledger, task: Task, answer: Answer, comparer: Comparer) -> bytes:
    """What stands for an answer: its own digest, or that of the first answer that it agrees with."""
    rivals = task.queue.arbiter.answers(answer.payload)
    if answer.digest in rivals:
        return answer.digest
    await ledger.committed()
    (own,) = await ledger.store.answer_bytes([answer.lease])
    for digest, lease in rivals.items():
        for other in await ledger.store.answer_bytes([lease]):
            try:
                if await comparer.agree(other, own):
                    return digest
            except UnitError as error:
                raise UnitError(f"two answers to payload {answer.payload} cannot be compared: {error}") from None
    return answer.digest

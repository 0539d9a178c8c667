"""Has a unit's ``agree`` say which answers count as the same, before they are votes.

Answers with the same bytes agree. Others are compared, in one subprocess for each task, with the first answer of each
group that there is; what agrees with it gets its digest. Results are durable and acknowledged meanwhile.
"""

import asyncio
from typing import Final, NamedTuple, Self

from disio.errors import UnitError
from disio.manager.belief import Answer
from disio.manager.feeding import code_of
from disio.manager.ledger import Ledger
from disio.manager.sandbox import Comparer, Limits
from disio.manager.tasks import Task
from disio.task.reliance import Reliance

_UNLIKE: Final = "they count as different, and so do others like them"


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
        async with _Comparing(ledger, task, limits) as comparing:
            while task.state.under_way:
                taking = asyncio.create_task(waiting.get())
                await asyncio.wait((taking, ended), return_when=asyncio.FIRST_COMPLETED)
                if not taking.done():
                    taking.cancel()
                    return
                answer = taking.result()
                digest = await comparing.digest(answer)
                if task.state.under_way:
                    ledger.belief.believe(task, answer._replace(digest=digest), compared=True)
                    ledger.due.set()
                    ledger.settle(task)
    except UnitError as error:
        if task.state.under_way:
            ledger.fail(task, str(error))
    finally:
        ended.cancel()


class _Comparing:
    """Where a task's answers are compared: in a subprocess, begun anew when it fails. A context manager."""

    def __init__(self, ledger: Ledger, task: Task, limits: Limits) -> None:
        self._ledger = ledger
        self._task = task
        self._limits = limits
        self._reliance = Reliance()
        self._comparer: Comparer | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def digest(self, answer: Answer) -> bytes:
        """What stands for an answer: its own digest, or that of the first answer that it agrees with.

        Raises:
            UnitError: ``agree`` is not to be relied on at all.
        """
        ledger = self._ledger
        rivals = self._task.queue.arbiter.answers(answer.payload)
        if answer.digest in rivals:
            return answer.digest
        await ledger.committed()
        (own,) = await ledger.store.answer_bytes([answer.lease])
        for digest, lease in rivals.items():
            for other in await ledger.store.answer_bytes([lease]):
                if await self._agree(answer, lease, other, own):
                    return digest
        return answer.digest

    async def _agree(self, answer: Answer, lease: int, other: bytes, own: bytes) -> bool:
        pair = await self._networks(answer.lease, lease)
        if self._reliance.hopeless(pair):
            return False
        try:
            same = await (await self._ready()).agree(other, own)
        except UnitError as error:
            await self._stop()
            why = f"two answers to payload {answer.payload} cannot be compared: {error}"
            if self._reliance.failed(pair):
                raise UnitError(why) from None
            self._warn(why)
            return False
        self._reliance.compared(pair)
        return same

    def _warn(self, why: str) -> None:
        """Tell of the first such answers, once for a task."""
        if not any(_UNLIKE in warning for warning in self._task.warnings):
            self._task.warnings.append(f"{why}; {_UNLIKE}")
            self._ledger.tasks.changed(self._task)

    async def _networks(self, *leases: int) -> set[str]:
        """Where answers come from: networks, or volunteers of none."""
        store, task = self._ledger.store, self._task.number
        names = {volunteer for _, volunteer in (await store.answered(leases)).values()}
        return {voter.network or f"volunteer {voter.volunteer}" for voter in await store.voters(task, names)}

    async def _ready(self) -> Comparer:
        if self._comparer is None:
            comparer = Comparer(await code_of(self._ledger, self._task), self._limits)
            self._comparer = await comparer.__aenter__()
        return self._comparer

    async def _stop(self) -> None:
        comparer, self._comparer = self._comparer, None
        if comparer is not None:
            await comparer.__aexit__()

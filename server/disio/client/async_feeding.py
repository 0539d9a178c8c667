"""Adds payloads to an open task from an asyncio task of its own; the twin of ``feeding``, method for method."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from disio.client.streams import QUEUE_ITEMS, Patience, Supply
from disio.errors import DisioError, UnreachableError

if TYPE_CHECKING:
    from disio.client.asynchronous import AsyncClient

T = TypeVar("T")


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What a request that may be made twice gives; a dashboard or manager that is away for a minute is waited for.

    Raises:
        DisioError: what it raises, if that is something else or goes on for longer.
    """
    patience = Patience()
    while True:
        try:
            return await ask()
        except UnreachableError as error:
            await asyncio.sleep(patience.pause(error, time.monotonic()))


class AsyncFeeding:
    """Sends what is put into it as soon as it can: batches form by themselves while a request is under way.

    A dashboard or manager that is away for a minute is waited for.

    Args:
        client: by which it sends.
        task: the open task.
        first: the index that the first payload gets.
    """

    def __init__(self, client: "AsyncClient", task: str, first: int) -> None:
        self._client = client
        self._task = task
        self._supply = Supply(first)
        self._changed = asyncio.Condition()
        self._finishing = False
        self._error: DisioError | None = None
        self._running = asyncio.create_task(self._run(), name=f"feeding {task}")

    async def put(self, data: bytes) -> int:
        """One more payload, in codec bytes; waits while many are not sent yet. Returns its index.

        Raises:
            DisioError: those before it could not be added.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._supply) < QUEUE_ITEMS or self._error is not None)
            if self._error is not None:
                raise self._error
            self._changed.notify_all()
            return self._supply.put(data)

    async def finish(self) -> None:
        """Wait until everything is stored.

        Raises:
            DisioError: it could not be.
        """
        async with self._changed:
            self._finishing = True
            self._changed.notify_all()
        await self._running
        if self._error is not None:
            raise self._error

    async def stop(self) -> None:
        """Send nothing any more; what is not stored by now is dropped."""
        self._running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._running

    async def _run(self) -> None:
        patience = Patience()
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: len(self._supply) or self._finishing)
                if not len(self._supply):
                    return
                body = self._supply.body()
            try:
                stored = await self._client.add_payloads(self._task, body)
            except UnreachableError as error:
                try:
                    await asyncio.sleep(patience.pause(error, time.monotonic()))
                except UnreachableError:
                    await self._fail(error)
                    return
            except DisioError as error:
                await self._fail(error)
                return
            else:
                patience.success()
                async with self._changed:
                    self._supply.stored(stored)
                    self._changed.notify_all()

    async def _fail(self, error: DisioError) -> None:
        async with self._changed:
            self._error = error
            self._changed.notify_all()

"""What is done to a database beside the rounds: ended tasks are removed, their space is given back."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from time import perf_counter
from typing import Final

import aiosqlite

from disio.manager.store.opening import queries

FIRST_ROWS: Final = 16
MOST_ROWS: Final = 20_000
SHORT_SECONDS: Final = 0.02
LONG_SECONDS: Final = 0.08
"""A step that took longer is followed by one of half as many rows: rounds wait for it."""


@contextlib.asynccontextmanager
async def transaction(connection: aiosqlite.Connection) -> AsyncIterator[None]:
    """Commit what is done inside, or nothing of it."""
    try:
        yield
        await connection.commit()
    except sqlite3.OperationalError:
        with contextlib.suppress(sqlite3.OperationalError):
            await connection.rollback()
        raise


class Upkeep:
    """Works on the connection that writes, in steps so short that rounds hardly wait for them.

    Args:
        writer: the connection.
        turn: whose turn it is on it: a transaction at a time.
    """

    def __init__(self, writer: aiosqlite.Connection, turn: asyncio.Lock) -> None:
        self._writer = writer
        self._turn = turn
        self._rows = FIRST_ROWS

    async def erase(self, task: int, payloads: int) -> AsyncGenerator[int, None]:
        """Remove all that there is of an ended task; what was removed before is passed over.

        Args:
            task: its number.
            payloads: how many it has.

        Yields:
            Bytes that each step has made free.

        Raises:
            sqlite3.OperationalError: the disk is full; begin again later.
        """
        writer = self._writer
        for erase in (queries.erase_verdicts, queries.erase_votes, queries.erase_payloads):
            first = 0
            while first < payloads:
                count = self._rows
                yield await self._step(lambda e=erase, f=first, c=count: e(writer, task=task, first=f, count=c))  # type: ignore[misc]
                first += count
        first = 0
        while (last := await queries.get_last_lease(writer, first=first, count=self._rows)) is not None:
            yield await self._step(lambda f=first, t=last: queries.erase_results(writer, task=task, first=f, last=t))  # type: ignore[misc]
            first = last + 1
        yield await self._step(lambda: self._erase_task(task))

    async def shrink(self) -> None:
        """Give free pages back to the disk, in steps.

        Raises:
            sqlite3.OperationalError: the disk is full; begin again later.
        """
        before = -1
        while (free := await queries.count_free_pages(self._writer)) and free != before:
            before = free
            async with self._turn:
                await queries.give_back_pages(self._writer)
        async with self._turn:
            await queries.move_log_into_file(self._writer)

    async def empty_log(self) -> None:
        """Leave nothing in the write-ahead log of what the file itself holds no more.

        Raises:
            sqlite3.OperationalError: the disk is full.
        """
        async with self._turn:
            await queries.empty_log(self._writer)

    async def _erase_task(self, task: int) -> None:
        await queries.erase_answer(self._writer, task=task)
        await queries.erase_touches(self._writer, task=task)
        await queries.erase_voters(self._writer, task=task)
        await queries.erase_events(self._writer, task=task)
        await queries.erase_task(self._writer, task=task)
        await queries.erase_unused_files(self._writer)

    async def _step(self, erase: Callable[[], Awaitable[None]]) -> int:
        writer = self._writer
        async with self._turn:
            began = perf_counter()
            async with transaction(writer):
                before = await queries.count_free_pages(writer)
                await erase()
                freed: int = await queries.count_free_pages(writer) - before
            took = perf_counter() - began
        if took < SHORT_SECONDS:
            self._rows = min(2 * self._rows, MOST_ROWS)
        elif took > LONG_SECONDS:
            self._rows = max(self._rows // 2, 1)
        return freed * int(await queries.get_page_size(writer))

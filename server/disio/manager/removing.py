"""Removes what ended tasks have, bit by bit, while the manager goes on; gives the space back to the disk."""

import asyncio
import contextlib
import sqlite3
from typing import Final

import structlog

from disio.manager.ledger import Ledger
from disio.manager.tasks import Task
from disio.wire.grid import Deletion

RETRY_SECONDS: Final = 5.0
REMEMBERED: Final = 1000
"""Deletions whose outcome can still be asked for."""

_log = structlog.get_logger("disio.manager")


class Remover:
    """Deletes the tasks that a ledger has to be rid of, one after the other."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._deletions: dict[str, Deletion] = {}
        self._news = asyncio.Event()

    def knows(self, task: str) -> bool:
        """Whether a task is being deleted, or was lately."""
        return task in self._deletions

    async def watch(self, task: str, wait: float) -> Deletion:
        """How far the deletion of a task is, once it is done or ``wait`` seconds have passed."""
        deletion = self._deletions.setdefault(task, Deletion(task=task, freed=0, done=False))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while not deletion.done:
                    await self._news.wait()
        return deletion

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            task = await self._ledger.unwanted.get()
            deletion = self._deletions.setdefault(task.id, Deletion(task=task.id, freed=0, done=False))
            await self._remove(task, deletion)
            while len(self._deletions) > REMEMBERED:
                del self._deletions[next(iter(self._deletions))]

    async def _remove(self, task: Task, deletion: Deletion) -> None:
        ledger = self._ledger
        # Nothing is written about it any more once this is on the disk.
        job = ledger.jobs.get(task.number)
        if job is not None:
            await asyncio.wait((job,))
        await ledger.committed()
        while True:
            try:
                async with contextlib.aclosing(ledger.store.upkeep.erase(task.number, task.stored)) as steps:
                    async for freed in steps:
                        deletion.freed += freed
                await ledger.store.upkeep.shrink()
                break
            except sqlite3.OperationalError as error:
                _log.warning("a task cannot be deleted yet", task=task.id, reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)
        ledger.tasks.remove(task)
        try:
            deletion.freed += await ledger.files.release(task.kit, [other.kit for other in ledger.tasks])
        except OSError as error:
            _log.warning("files of a deleted task stay for now", task=task.id, reason=str(error))
        deletion.done = True
        news, self._news = self._news, asyncio.Event()
        news.set()
        _log.info("task deleted", task=task.id, freed=deletion.freed)

"""Follows a task: settled payloads and events as they come, each when it is durable."""

import asyncio
from typing import Any, Final

from disio.manager.ledger import Ledger
from disio.manager.tasks import Task
from disio.task.model import PayloadState, TaskState
from disio.wire.grid import EventPage, EventView, GetEvents, GetOutcomes, OutcomePage, OutcomeView

MAX_WAIT_SECONDS: Final = 60.0
MAX_PAGE: Final = 10_000


async def outcomes(ledger: Ledger, task: Task, request: GetOutcomes) -> OutcomePage:
    """The next settled payloads; waits while there are none and there may be some."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + min(request.wait, MAX_WAIT_SECONDS)
    limit = min(request.limit, MAX_PAGE)
    read = ledger.store.outcomes
    wanted = task.number, request.by, request.after, limit
    while True:
        if task.state.ended or task.state is TaskState.REDUCING:
            await ledger.committed()
            rows = await read(*wanted, payloads=request.payloads)
            return OutcomePage([_view(row) for row in rows], end=not rows)
        stuck = task.state is TaskState.PAUSED and bool(task.error)  # nobody knows whether it ever goes on
        if stuck:
            await ledger.committed()
        written = ledger.store.written(task.number)
        rows = await read(*wanted, payloads=request.payloads)
        if request.by == "index":
            rows = [row for place, row in enumerate(rows, request.after + 1) if row["idx"] == place]
        if rows or stuck or loop.time() >= deadline:
            return OutcomePage([_view(row) for row in rows], end=stuck and not rows)
        try:
            async with asyncio.timeout_at(deadline):
                await written.wait()
        except TimeoutError:
            return OutcomePage([], end=False)


async def events(ledger: Ledger, task: Task, request: GetEvents) -> EventPage:
    """What units told next; waits while there is nothing and there may be something."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + min(request.wait, MAX_WAIT_SECONDS)
    while True:
        over = not task.state.under_way
        if over:
            await ledger.committed()
        written = ledger.store.written(task.number)
        rows = await ledger.store.events(task.number, request.after)
        if rows or over or loop.time() >= deadline:
            items = [EventView(row["at"], row["idx"], row["volunteer"], row["data"]) for row in rows]
            return EventPage(items, end=over and not items)
        try:
            async with asyncio.timeout_at(deadline):
                await written.wait()
        except TimeoutError:
            return EventPage([], end=False)


def _view(row: Any) -> OutcomeView:
    return OutcomeView(
        index=row["idx"],
        settled=row["settled"],
        accepted=row["state"] == PayloadState.ACCEPTED,
        data=row["data"],
        payload=row["payload"],
        ms=row["ms"],
        volunteer=row["volunteer"],
        log=row["log"] or "",
        votes=row["votes"],
    )

"""Grants: leases with the bytes of their payloads, sent when all of these are read and the leases are durable."""

from typing import Final

from disio.manager.ledger import Ledger, Promise
from disio.manager.links import Distributor
from disio.manager.tasks import Task
from disio.unit.codec import MAX_BYTES
from disio.wire.grid import Grant, TaskInfo
from disio.wire.volunteer import LeaseItem

MAX_RESULT_BYTES: Final = MAX_BYTES


def promise(ledger: Ledger, promised: Promise) -> None:
    """A volunteer is to get its leases as one grant: at once, or when all payloads are read.

    As a whole, so that it cannot tell by the time what was in memory, and so a check from work.
    """
    task, volunteer, leases, indexes, data, states, _ = promised
    if None in data or None in states:
        volunteer.fetching = True
        ledger.promises.put_nowait(promised)
        return
    whole = [part for part in data if part is not None]
    begun = [state or b"" for state in states]
    items = [LeaseItem(*item) for item in zip(leases, indexes, map(len, whole), map(len, begun), strict=True)]
    if any(begun):
        whole = [part for pair in zip(whole, begun, strict=True) for part in pair]
    ledger.outbox.tell(volunteer.distributor.peer, Grant(task.id, volunteer.id, items, b"".join(whole)))


def keep_promise(ledger: Ledger, promised: Promise) -> None:
    """All payloads are read: grant what is still leased to the volunteer, if it is still there."""
    task, volunteer, *columns = promised
    volunteer.fetching = False
    if ledger.links.volunteers.get(volunteer.id) is not volunteer:
        ledger.end(ledger.book.end(promised.leases, volunteer.id), recalled=True)  # they were never sent
        return
    rows = [row for row in zip(*columns, strict=True) if ledger.book.is_open(row[0])]
    if rows:
        leases, indexes, data, states, keepers = ([row[column] for row in rows] for column in range(5))
        promise(ledger, Promise(task, volunteer, leases, indexes, data, states, keepers))
    ledger.links.wake(volunteer.id)
    ledger.due.set()


def introduce(ledger: Ledger, distributor: Distributor, task: Task) -> None:
    """Tell a distributor what a task is, once."""
    if task.number in distributor.known_tasks:
        return
    distributor.known_tasks.add(task.number)
    info = TaskInfo(
        task=task.id,
        name=task.name,
        filename=task.filename,
        description=task.description,
        homepage=task.homepage,
        unit=task.unit,
        timeout=task.timeout,
        max_result_bytes=MAX_RESULT_BYTES,
        params=task.params,
        kit=task.kit,
    )
    ledger.outbox.tell(distributor.peer, info)

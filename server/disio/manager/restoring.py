"""After a restart: everything that was committed is read again, and the manager goes on where it was."""

import time
from collections.abc import Container

from disio.manager.ledger import Ledger
from disio.manager.tasks import Task
from disio.task.model import LeaseState, TaskState
from disio.task.trust import Vote


async def restore(ledger: Ledger, now: float) -> None:
    """Read tasks, leases and votes into an empty ledger.

    Open leases stay valid: for a while, until their volunteers are announced again, and from then on for what
    is left of their time (wall clocks may have jumped in between: never for more than they were given).

    Args:
        ledger: an empty one.
        now: monotonic seconds.
    """
    for row in await ledger.store.tasks():
        task = Task.from_row(row, ledger.store.manager)
        ledger.tasks.add(task)
        match task.state:
            case TaskState.RUNNING:
                ledger.schedule.open(task.queue)
                if not task.split_done:
                    ledger.unsplit.put_nowait(task)
            case TaskState.REDUCING:
                ledger.settled.put_nowait(task)
            case TaskState.DELETING:
                ledger.unwanted.put_nowait(task)
    queues = {task.number: task.queue for task in ledger.tasks if task.state.under_way}
    leased = await _restore_leases(ledger, queues, now)
    for queue in queues.values():
        for index, lease, volunteer in await ledger.store.undecided_votes(queue.number):
            key = queue.number, index
            ledger.votes[key] = (*ledger.votes.get(key, ()), Vote(lease, volunteer, answered=False))
            queue.failed_in.setdefault(index, set()).add(volunteer)
        out = leased.get(queue.number, set())
        queue.leased = len(out)
        queue.cold.extend(index for index in await ledger.store.open_payloads(queue.number) if index not in out)
        ledger.settle(ledger.tasks.by_number(queue.number))
    ledger.links.miss(ledger.book.holders(), now)
    ledger.cold.set()
    ledger.due.set()


async def _restore_leases(ledger: Ledger, queues: Container[int], now: float) -> dict[int, set[int]]:
    """Leases into the book; returns the leased payloads of each task."""
    leased: dict[int, set[int]] = {}
    clock = time.time()
    rows = await ledger.store.leases()
    # Ended ones first: the book is to know which payloads were given out again.
    for lease, task, index, volunteer, state, _issued, _seconds in rows:
        if state == LeaseState.ENDED and task in queues:
            ledger.book.restore_ended(lease, task, index, volunteer)
    for lease, task, index, volunteer, state, issued, seconds in rows:
        if state == LeaseState.OPEN and task in queues:
            left = min(max(0.0, issued + seconds - clock), seconds)
            ledger.book.issue(task, volunteer, lease, [index], now + ledger.links.grace + left)
            leased.setdefault(task, set()).add(index)
    return leased

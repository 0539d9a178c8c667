"""After a restart: everything that was committed is read again, and the manager goes on where it was."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from disio.manager.belief import Answer
from disio.manager.intake import digest_of
from disio.manager.ledger import Ledger
from disio.manager.tasks import Task
from disio.task.ballot import FAILURE, VoteRow
from disio.task.model import LeaseState, TaskState

PAGE: Final = 2000
"""Payloads whose votes are read at once."""


async def restore(ledger: Ledger, now: float) -> None:
    """Read tasks, votes and leases into an empty ledger.

    Open leases stay valid: for a while, until their volunteers are announced again, and from then on for what
    is left of their time (wall clocks may have jumped in between: never for more than they were given).

    Args:
        ledger: an empty one.
        now: monotonic seconds.
    """
    for row in await ledger.store.tasks():
        task = Task.from_row(row, ledger.store.manager, ledger.store.next_lease)
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
    tasks = {task.number: task for task in ledger.under_way}
    for task in tasks.values():
        await _restore_payloads(ledger, task)
        ledger.states.restore([(task.number, index) for index in await ledger.store.begun(task.number)], now)
    await _restore_leases(ledger, tasks, now)
    for task in tasks.values():
        ledger.settle(task)
    ledger.links.miss(ledger.book.holders(), now)
    ledger.due.set()


async def recall(ledger: Ledger, task: Task, payloads: Sequence[int]) -> None:
    """Bring stored votes back into memory, and judge these payloads by them."""
    for start in range(0, len(payloads), PAGE):
        wanted = [payload for payload in payloads[start : start + PAGE] if not task.queue.arbiter.knows(payload)]
        ballots = await ledger.store.ballots(task.number, wanted)
        ledger.belief.apply(task, task.queue.arbiter.recall(*ballots, doubted=wanted))


async def _restore_payloads(ledger: Ledger, task: Task) -> None:
    arbiter, number = task.queue.arbiter, task.number
    waiting = await ledger.store.open_payloads(number)
    if task.rules.plain_votes == 1:
        failures = await ledger.store.undecided_failures(number)
        arbiter.recall((), [VoteRow(index, name, FAILURE, 0, 0, lease) for index, lease, name in failures], {})
    else:
        arbiter.recall(await ledger.store.bad_voters(number), (), {})
        await recall(ledger, task, [*waiting, *await ledger.store.doubted(number)])
    arbiter.add(index for index in waiting if not arbiter.knows(index))
    uncompared = await ledger.store.uncompared(number)
    arbiter.recall(await ledger.store.voters(number, [row[1] for row in uncompared]), (), {})
    for lease, volunteer, index, data in uncompared:
        ledger.belief.uncompared.put_nowait((task, Answer(volunteer, index, digest_of(data), lease, late=True)))


async def _restore_leases(ledger: Ledger, tasks: Mapping[int, Task], now: float) -> None:
    """Leases into the book, and to the arbiters."""
    clock = time.time()
    rows = [row for row in await ledger.store.leases() if row[1] in tasks]
    holders: dict[int, set[str]] = {}
    for row in rows:
        holders.setdefault(row[1], set()).add(row[3])
    for number, names in holders.items():
        arbiter = tasks[number].queue.arbiter
        arbiter.recall(await ledger.store.voters(number, names), (), {})
    for lease, number, index, volunteer, state, issued, seconds, check in rows:
        if state == LeaseState.ENDED:
            ledger.book.restore_ended(lease, number, index, volunteer)
            continue
        queue = tasks[number].queue
        left = min(max(0.0, issued + seconds - clock), seconds)
        ledger.book.issue(number, volunteer, lease, [index], now + ledger.links.grace + left)
        queue.arbiter.lease(volunteer, index, check=bool(check))
        queue.leased += 1

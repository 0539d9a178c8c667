"""After a restart: everything that was committed is read again, and the manager goes on where it was."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from disio.manager.belief import Answer
from disio.manager.ledger import Ledger
from disio.manager.tasks import Task
from disio.task.ballot import FAILURE, NOBODY, VoteRow, answer_digest
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
    await _restore_leases(ledger, tasks, now)
    for task in tasks.values():
        await _restore_states(ledger, task, now)
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
    touches = await ledger.store.touches([row[0] for row in uncompared])
    names = {row[1] for row in uncompared}.union(*touches.values())
    arbiter.recall(await ledger.store.voters(number, names), (), {})
    for lease, volunteer, index, data in uncompared:
        answer = Answer(volunteer, index, answer_digest(data), lease, late=True, rests_on=touches.get(lease, NOBODY))
        ledger.belief.uncompared.put_nowait((task, answer))


async def _restore_states(ledger: Ledger, task: Task, now: float) -> None:
    """Which states are stored, and on whose work they rest."""
    rows = await ledger.store.begun(task.number)
    touches = await ledger.store.touches([lease for _, _, lease in rows])
    names = {keeper for _, keeper, _ in rows}.union(*touches.values())
    arbiter = task.queue.arbiter
    arbiter.recall(await ledger.store.voters(task.number, names), (), {})
    arbiter.recall_states((index, keeper, touches.get(lease, NOBODY)) for index, keeper, lease in rows)
    ledger.states.restore((((task.number, index), keeper) for index, keeper, _ in rows), now)


async def _restore_leases(ledger: Ledger, tasks: Mapping[int, Task], now: float) -> None:
    """Leases into the book, and to the arbiters."""
    clock = time.time()
    rows = [row for row in await ledger.store.leases() if row[1] in tasks]
    touches = await ledger.store.touches([row[0] for row in rows])
    holders: dict[int, set[str]] = {}
    for row in rows:
        holders.setdefault(row[1], set()).update((row[3], *touches.get(row[0], ())))
    for number, names in holders.items():
        arbiter = tasks[number].queue.arbiter
        arbiter.recall(await ledger.store.voters(number, names), (), {})
    for lease, number, index, volunteer, state, issued, seconds, check in rows:
        if state == LeaseState.ENDED:
            ledger.book.restore_ended(lease, number, index, volunteer)
            ledger.book.rest(lease, touches.get(lease, NOBODY))
            continue
        queue = tasks[number].queue
        left = min(max(0.0, issued + seconds - clock), seconds)
        ledger.book.issue(number, volunteer, lease, [index], now + ledger.links.grace + left)
        rests_on = touches.get(lease, NOBODY)
        ledger.book.rest(lease, rests_on)
        queue.arbiter.lease(volunteer, index, check=bool(check), rests_on=rests_on)
        queue.leased += 1

"""Matches open demand with payloads that are ready: grants, and word that there is nothing to give."""

import time
from itertools import repeat
from typing import Final

from disio.manager.leases import nominal_seconds
from disio.manager.ledger import Ledger
from disio.manager.links import Distributor, Volunteer
from disio.task.schedule import Work
from disio.wire.grid import Dry, Grant
from disio.wire.volunteer import LeaseItem

_GRANTS_A_ROUND: Final = 20_000  # leases; bounds how long others wait for a round


def match(ledger: Ledger, now: float) -> None:
    """Use up open demand. What could not be looked at in this round stays hungry for the next one."""
    links, schedule, book = ledger.links, ledger.schedule, ledger.book
    hungry, links.hungry = links.hungry, {}
    present = len(links.volunteers)
    expecting = schedule.expecting
    dry: dict[bytes, tuple[Distributor, list[str]]] = {}
    granted = 0
    for name in hungry:
        volunteer = links.volunteers.get(name)
        if volunteer is None or not volunteer.wanted:
            continue
        if granted >= _GRANTS_A_ROUND:
            links.hungry[name] = None
            continue
        work = schedule.next(name, volunteer.wanted, book.held(name), present, now)
        if work is None:
            if not expecting:
                volunteer.wanted = 0
                dry.setdefault(volunteer.distributor.peer, (volunteer.distributor, []))[1].append(name)
        elif work.payloads:
            _grant(ledger, volunteer, work, now)
            granted += len(work.payloads)
            links.wake(name)
    for distributor, names in dry.values():
        distributor.dried = True
        ledger.tell(distributor.peer, Dry(names))
    if granted:
        _refill(ledger)
    if links.hungry:
        ledger.due.set()


def _grant(ledger: Ledger, volunteer: Volunteer, work: Work, now: float) -> None:
    number, count = work.queue.number, len(work.payloads)
    task = ledger.tasks.by_number(number)
    first = ledger.store.take_lease_ids(count)
    leases = range(first, first + count)
    indexes = [index for index, _ in work.payloads]
    held = ledger.book.held(volunteer.id) + count
    seconds = nominal_seconds(task.timeout, held, task.mean_ms, volunteer.workers)
    ledger.book.issue(number, volunteer.id, first, indexes, now + seconds)
    shared = repeat(volunteer.id), repeat(time.time()), repeat(seconds)
    ledger.store.group.leases.extend(zip(leases, repeat(number), indexes, *shared, strict=False))
    volunteer.wanted -= count
    ledger.introduce(volunteer.distributor, task)
    items = [LeaseItem(lease, index, len(data)) for lease, (index, data) in zip(leases, work.payloads, strict=True)]
    grant = Grant(task.id, volunteer.id, items, b"".join([data for _, data in work.payloads]))
    ledger.tell(volunteer.distributor.peer, grant)
    ledger.tasks.touch(task)


def _refill(ledger: Ledger) -> None:
    for queue in ledger.schedule.queues.values():
        if queue.cold:
            ledger.cold.set()
        if not queue.complete:
            ledger.tasks.by_number(queue.number).room.set()

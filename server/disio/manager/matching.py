"""Matches open demand with payloads that are ready: grants, and word that there is nothing to give."""

import time
from itertools import repeat
from typing import Final

from disio.manager.granting import introduce, promise
from disio.manager.leases import nominal_seconds
from disio.manager.ledger import Ledger, Promise
from disio.manager.links import Distributor, Volunteer
from disio.task.schedule import Asker, Work
from disio.wire.grid import Dry

_GRANTS_A_ROUND: Final = 20_000  # leases; bounds how long others wait for a round


def match(ledger: Ledger, now: float) -> None:
    """Use up open demand. What could not be looked at in this round stays hungry for the next one."""
    links, schedule, book = ledger.links, ledger.schedule, ledger.book
    ledger.stir(now)
    hungry, links.hungry = links.hungry, {}
    present = len(links.volunteers)
    expecting = schedule.expecting
    dry: dict[bytes, tuple[Distributor, list[str]]] = {}
    granted = 0
    for name in hungry:
        volunteer = links.volunteers.get(name)
        if volunteer is None or not volunteer.wanted or volunteer.fetching:
            continue
        if volunteer.network is not None and volunteer.salt != ledger.store.salt:
            continue  # one network would count twice, by its old and its new name; it is about to be announced anew
        if granted >= _GRANTS_A_ROUND:
            links.hungry[name] = None
            continue
        held = book.held(name)
        asker = Asker(name, volunteer.network, volunteer.key, volunteer.tasks, volunteer.site)
        allowance = links.allowance(volunteer, held)
        work = schedule.next(asker, min(volunteer.wanted, allowance), held, present, now) if allowance else None
        if work is None:
            if allowance:
                ledger.rest(name)
            if allowance and not expecting:
                volunteer.wanted = 0
                dry.setdefault(volunteer.distributor.peer, (volunteer.distributor, []))[1].append(name)
        elif work.picks:
            _grant(ledger, volunteer, work, now)
            granted += len(work.picks)
            links.wake(name)
    for distributor, names in dry.values():
        distributor.dried = True
        ledger.outbox.tell(distributor.peer, Dry(names))
    if granted:
        _refill(ledger)
    if links.hungry:
        ledger.due.set()


def _grant(ledger: Ledger, volunteer: Volunteer, work: Work, now: float) -> None:
    number, count = work.queue.number, len(work.picks)
    task = ledger.tasks.by_number(number)
    if work.left is not None and work.left.number in ledger.schedule.queues:
        ledger.belief.apply(ledger.tasks.by_number(work.left.number), work.left.arbiter.rest(volunteer.id))
    if work.voter is not None:
        ledger.belief.note_voter(task, work.voter)
    first = ledger.store.take_lease_ids(count)
    leases = range(first, first + count)
    indexes = [pick.payload for pick in work.picks]
    held = ledger.book.held(volunteer.id) + count
    seconds = nominal_seconds(task.timeout, held, task.pace.most, volunteer.workers)
    ledger.book.issue(number, volunteer.id, first, indexes, now + seconds)
    shared = repeat(volunteer.id), repeat(time.time()), repeat(seconds)
    checks = [pick.check for pick in work.picks]
    ledger.store.group.leases.extend(zip(leases, repeat(number), indexes, *shared, checks, strict=False))
    ledger.links.given(volunteer, leases)
    volunteer.wanted -= count
    introduce(ledger, volunteer.distributor, task)
    keepers = [pick.state for pick in work.picks]
    states: list[bytes | None] = [None if keeper else b"" for keeper in keepers]
    for lease, pick in zip(leases, work.picks, strict=True):
        if pick.rests_on:
            ledger.book.rest(lease, pick.rests_on)
            ledger.store.group.touches += [(lease, number, pick.payload, name) for name in pick.rests_on]
    promise(ledger, Promise(task, volunteer, leases, indexes, work.data, states, keepers))
    ledger.tasks.touch(task)


def _refill(ledger: Ledger) -> None:
    for queue in ledger.schedule.queues.values():
        if not queue.complete:
            ledger.tasks.by_number(queue.number).room.set()

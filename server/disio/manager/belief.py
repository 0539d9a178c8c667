"""What is believed of answers: what a task's arbiter says is stored, and its consequences for leases are drawn."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from disio.manager.leases import LeaseBook
from disio.manager.links import Links
from disio.manager.outbox import Outbox
from disio.manager.states import States
from disio.manager.store import Store
from disio.manager.tasks import Task, Tasks
from disio.task.ballot import FAILURE, NOBODY, Hands, Outcome, Standing, Verdict, VoterRow
from disio.task.model import PayloadState
from disio.task.schedule import Schedule
from disio.wire.grid import Revoke


class Answer(NamedTuple):
    """What a volunteer answered for a lease. ``late``: the lease had ended; ``rests_on``: on whose work it went on."""

    volunteer: str
    payload: int
    digest: bytes
    lease: int
    late: bool
    rests_on: Hands = NOBODY


class Doubts(NamedTuple):
    """Volunteers of a task, and stints of some, whose stored votes are to be judged anew."""

    task: Task
    volunteers: list[str]
    stints: list[tuple[str, int]]


class Belief:
    """Verdicts and votes, on their way from arbiters to the store."""

    def __init__(
        self,
        *,
        store: Store,
        tasks: Tasks,
        schedule: Schedule,
        book: LeaseBook,
        links: Links,
        states: States,
        outbox: Outbox,
    ) -> None:
        self.doubts = asyncio.Queue[Doubts]()
        self.uncompared = asyncio.Queue[tuple[Task, Answer]]()
        """Answers that are to be compared with others."""
        self._store = store
        self._tasks = tasks
        self._schedule = schedule
        self._book = book
        self._links = links
        self._states = states
        self._outbox = outbox

    def apply(self, task: Task, outcome: Outcome) -> None:
        """Something is believed now that was not, or not any more: store it, and what follows for leases."""
        group, number = self._store.group, task.number
        if outcome.vote is not None:
            payload, volunteer, digest, stint, position, lease, network, check, _ = outcome.vote
            group.votes.append((number, payload, volunteer, digest, stint, position, lease, network, check))
        task.disagreements += outcome.contradicts
        for verdict in outcome.verdicts:
            self._decide(task, verdict)
            self._tasks.changed(task)
        blacklisted = []
        for row in outcome.voters:
            self.note_voter(task, row)
            if row.standing is Standing.BLACKLISTED:
                blacklisted.append(row.volunteer)
        if blacklisted or outcome.shaken:
            task.blacklisted += len(blacklisted)
            group.doubted_voters += [(number, volunteer) for volunteer in blacklisted]
            group.doubted_stints += [(number, *stint) for stint in outcome.shaken]
            task.doubts += 1
            self.doubts.put_nowait(Doubts(task, blacklisted, outcome.shaken))
        for volunteer, payload in outcome.vain:
            for lease, holder in self._book.leases_of(number, payload):
                if holder == volunteer:
                    self.revoke(task, lease, volunteer, payload)

    def take(self, task: Task, answer: Answer) -> None:
        """An answer has come: it is a vote, or to be compared with others first."""
        arbiter = task.queue.arbiter
        if task.has_agree and answer.digest != FAILURE and arbiter.to_compare(*answer[:3]):
            self._store.group.uncompared.append((answer.lease, task.number))
            self.uncompared.put_nowait((task, answer))
        else:
            self.believe(task, answer)

    def believe(self, task: Task, answer: Answer, *, compared: bool = False) -> None:
        """An answer is a vote."""
        if compared:
            self._store.group.compared.append((answer.lease,))
        arbiter, (volunteer, payload, digest, lease, late, rests_on) = task.queue.arbiter, answer
        if late:
            arbiter.lease(volunteer, payload, rests_on=rests_on)  # it takes the payload up once more
        self.apply(task, arbiter.answer(volunteer, payload, digest, lease, rests_on))

    def note_voter(self, task: Task, row: VoterRow) -> None:
        """Something is to be stored of a volunteer."""
        self._store.group.voters[task.number, row.volunteer] = (task.number, *row)

    def forget_final(self) -> None:
        """Have what is decided and of no further interest leave the memory."""
        for queue in self._schedule.queues.values():
            if queue.arbiter.ripe:
                for index in queue.arbiter.forget_final():
                    self._store.group.forgotten.append((queue.number, index))
                    self.close(self._book.settle(queue.number, index))

    def _decide(self, task: Task, verdict: Verdict) -> None:
        payload, digest, former, doubt = verdict
        number = task.number
        arbiter = task.queue.arbiter
        if digest is None:
            self._store.group.verdicts[number, payload] = None
            if former == FAILURE:
                task.failed -= 1
            else:
                task.doubt_sum *= 1 - 1 / max(1, task.accepted)
                task.accepted -= 1
            return
        state = PayloadState.SET_ASIDE if digest == FAILURE else PayloadState.ACCEPTED
        final = not arbiter.knows(payload)
        self._store.group.verdicts[number, payload] = (number, payload, state, arbiter.stands_for(payload), final)
        if former is not None:
            return
        if digest == FAILURE:
            task.failed += 1
        else:
            task.accepted += 1
            task.doubt_sum += doubt
        self._states.drop_all((number, payload))
        self.close(self._book.settle(number, payload))
        if final or digest == FAILURE:
            for lease, volunteer in self._book.leases_of(number, payload):
                self.revoke(task, lease, volunteer, payload)

    def close(self, leases: Iterable[int]) -> None:
        """Leases need not be remembered any more."""
        self._store.group.closed.extend((lease,) for lease in leases)

    def revoke(self, task: Task, lease: int, volunteer: str, payload: int) -> None:
        """Take back an open lease of which no more can come."""
        self._book.close(lease)
        self.close([lease])
        task.queue.leased -= 1
        self.apply(task, task.queue.arbiter.give_back(volunteer, payload, recalled=True))
        found = self._links.volunteers.get(volunteer)
        if found is not None:
            self._outbox.tell(found.distributor.peer, Revoke(task.id, volunteer, [lease]))
            self._links.wake(volunteer)

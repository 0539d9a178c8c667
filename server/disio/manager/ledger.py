"""The manager's state and the moves that keep its parts together: store, tasks, schedule, lease book, links.

Every move adds rows to the store's present group; what is to be told because of it goes to ``outbox`` and
is sent when that group is durable. Nothing here waits.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import structlog

from disio.manager.files import Files
from disio.manager.leases import Freed, LeaseBook
from disio.manager.links import Distributor, Links, Volunteer
from disio.manager.store import Store
from disio.manager.tasks import Task, Tasks
from disio.task.ballot import FAILURE, Outcome, Standing, Verdict, VoterRow
from disio.task.model import PayloadState, TaskState
from disio.task.poison import Poison
from disio.task.schedule import Schedule
from disio.unit.codec import MAX_BYTES
from disio.wire.grid import Ack, FromManager, Grant, Joined, Ready, Revoke, TaskInfo
from disio.wire.volunteer import LeaseItem

MAX_RESULT_BYTES: Final = MAX_BYTES
RESUME_SECONDS: Final = 60.0
"""What a lease that is taken up again gets at least, beside its task's time limit."""

STATE_SECONDS: Final = 0.5
"""States of one payload that come sooner after each other are passed over."""
STIR_SECONDS: Final = 0.2
"""Where many are idle, they are told at most this often that there may be something for them now."""
_MANY: Final = 100

_log = structlog.get_logger("disio.manager")


class Promise(NamedTuple):
    """Leases that a volunteer has, and of whose payloads and states some bytes may still have to be read.

    ``states``: where it is to go on, empty to begin anew. None, here and in ``data``: to be read.
    """

    task: Task
    volunteer: Volunteer
    leases: Sequence[int]
    indexes: Sequence[int]
    data: list[bytes | None]
    states: list[bytes | None]


class Answer(NamedTuple):
    """What a volunteer answered for a lease. ``late``: the lease had ended."""

    volunteer: str
    payload: int
    digest: bytes
    lease: int
    late: bool


class Doubts(NamedTuple):
    """Volunteers of a task, and stints of some, whose stored votes are to be judged anew."""

    task: Task
    volunteers: list[str]
    stints: list[tuple[str, int]]


class Ledger:
    """All that a manager knows. Times passed in are monotonic seconds."""

    def __init__(self, store: Store, grace: float) -> None:
        self.store = store
        self.files = Files(store)
        self.tasks = Tasks(store)
        self.schedule = Schedule()
        self.book = LeaseBook()
        self.links = Links(grace)
        self.outbox: list[tuple[bytes, FromManager]] = []
        self.acks: dict[tuple[bytes, str, str], Ack] = {}
        self.due = asyncio.Event()
        """There is something to write, to tell or to match."""
        self.promises = asyncio.Queue[Promise]()
        """Leases whose payloads are to be read."""
        self.doubts = asyncio.Queue[Doubts]()
        self.uncompared = asyncio.Queue[tuple[Task, Answer]]()
        """Answers that are to be compared with others."""
        self.unsplit = asyncio.Queue[Task]()
        """Tasks whose payloads are to be made."""
        self.settled = asyncio.Queue[Task]()
        """Tasks to be reduced."""
        self.unwanted = asyncio.Queue[Task]()
        """Tasks to be deleted."""
        self.jobs: dict[int, asyncio.Task[None]] = {}
        """Where a task's ``split`` or ``reduce`` runs, by the task's number."""
        self.begun: dict[tuple[int, int], float] = {}
        """Open payloads of which a state is stored, by task and index, and when it came."""
        self._grace = grace
        self._stirred = -STIR_SECONDS

    async def committed(self) -> None:
        """Wait until everything that was changed so far is durable."""
        self.due.set()
        await asyncio.shield(self.store.group.done)

    # ---- telling -----------------------------------------------------------------------------

    def tell(self, peer: bytes, message: FromManager) -> None:
        """Send a message when the present group is durable."""
        self.outbox.append((peer, message))
        self.due.set()

    def ack(self, peer: bytes, task: str, volunteer: str) -> Ack:
        """The acknowledgement that this peer will get for a volunteer's results when the present group is durable."""
        key = (peer, task, volunteer)
        ack = self.acks.get(key)
        if ack is None:
            ack = self.acks[key] = Ack(task, volunteer, [], {})
            self.due.set()
        return ack

    def take_outbox(self) -> list[tuple[bytes, FromManager]]:
        """What is to be sent when the present group is durable: acknowledgements first."""
        out: list[tuple[bytes, FromManager]] = [(peer, ack) for (peer, _, _), ack in self.acks.items()]
        out += self.outbox
        self.acks, self.outbox = {}, []
        return out

    def introduce(self, distributor: Distributor, task: Task) -> None:
        """Tell a distributor what a task is, once."""
        if task.number in distributor.known_tasks:
            return
        distributor.known_tasks.add(task.number)
        info = TaskInfo(
            task=task.id,
            name=task.name,
            filename=task.filename,
            description=task.description,
            unit=task.unit,
            timeout=task.timeout,
            max_result_bytes=MAX_RESULT_BYTES,
            params=task.params,
            kit=task.kit,
        )
        self.tell(distributor.peer, info)

    def work_came(self) -> None:
        """Payloads have become ready: look at open demand, and call back those that were told there is nothing."""
        self.links.wake_all()
        for distributor in self.links.distributors.values():
            if distributor.dried:
                distributor.dried = False
                self.tell(distributor.peer, Ready())
        self.due.set()

    def stir(self, now: float) -> None:
        """Look at open demand again where a task has something to give that it had not before."""
        often = len(self.links.volunteers) <= _MANY
        if (often or now - self._stirred >= STIR_SECONDS) and self.schedule.stirred(now):
            self._stirred = now
            self.work_came()

    def promise(self, promise: Promise) -> None:
        """A volunteer is to get its leases as one grant: at once, or when all payloads are read.

        As a whole, so that it cannot tell by the time what was in memory, and so a check from work.
        """
        task, volunteer, leases, indexes, data, states = promise
        if None in data or None in states:
            volunteer.fetching = True
            self.promises.put_nowait(promise)
            return
        whole = [part for part in data if part is not None]
        begun = [state or b"" for state in states]
        items = [LeaseItem(*item) for item in zip(leases, indexes, map(len, whole), map(len, begun), strict=True)]
        if any(begun):
            whole = [part for pair in zip(whole, begun, strict=True) for part in pair]
        self.tell(volunteer.distributor.peer, Grant(task.id, volunteer.id, items, b"".join(whole)))

    def keep_promise(self, promise: Promise) -> None:
        """All payloads are read: grant what is still leased to the volunteer, if it is still there."""
        task, volunteer, *columns = promise
        volunteer.fetching = False
        if self.links.volunteers.get(volunteer.id) is not volunteer:
            self.end(self.book.end(promise.leases, volunteer.id), recalled=True)  # they were never sent
            return
        rows = [row for row in zip(*columns, strict=True) if self.book.is_open(row[0])]
        if rows:
            leases, indexes, data, states = ([row[column] for row in rows] for column in range(4))
            self.promise(Promise(task, volunteer, leases, indexes, data, states))
        self.links.wake(volunteer.id)
        self.due.set()

    # ---- what is believed --------------------------------------------------------------------

    def apply(self, task: Task, outcome: Outcome) -> None:
        """Something is believed now that was not, or not any more: store it, and what follows for leases."""
        group, number = self.store.group, task.number
        if outcome.vote is not None:
            payload, volunteer, digest, stint, position, lease, network, check = outcome.vote
            group.votes.append((number, payload, volunteer, digest, stint, position, lease, network, check))
        task.disagreements += outcome.contradicts
        for verdict in outcome.verdicts:
            self._decide(task, verdict)
            self.tasks.changed(task)
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

    def take(self, task: Task, answer: Answer) -> None:
        """An answer has come: it is a vote, or to be compared with others first."""
        arbiter = task.queue.arbiter
        if task.has_agree and answer.digest != FAILURE and arbiter.to_compare(*answer[:3]):
            self.store.group.uncompared.append((answer.lease, task.number))
            self.uncompared.put_nowait((task, answer))
        else:
            self.believe(task, answer)

    def believe(self, task: Task, answer: Answer, *, compared: bool = False) -> None:
        """An answer is a vote."""
        if compared:
            self.store.group.compared.append((answer.lease,))
            self.due.set()
        if answer.late:
            task.queue.arbiter.lease(answer.volunteer, answer.payload)  # it takes the payload up once more
        self.apply(task, task.queue.arbiter.answer(answer.volunteer, answer.payload, answer.digest, answer.lease))

    def note_voter(self, task: Task, row: VoterRow) -> None:
        """Something is to be stored of a volunteer."""
        self.store.group.voters[task.number, row.volunteer] = (task.number, *row)

    @property
    def under_way(self) -> list[Task]:
        """Tasks with open payloads."""
        return [task for task in self.tasks if task.state.under_way]

    def rest(self, volunteer: str) -> None:
        """No task has anything for this volunteer now."""
        for task in self.under_way:
            self.apply(task, task.queue.arbiter.rest(volunteer))
            self.settle(task)

    def forget_final(self) -> None:
        """Have what is decided and of no further interest leave the memory."""
        for queue in self.schedule.queues.values():
            if queue.arbiter.ripe:
                self.store.group.forgotten += [(queue.number, index) for index in queue.arbiter.forget_final()]

    def _decide(self, task: Task, verdict: Verdict) -> None:
        payload, digest, former, doubt = verdict
        number = task.number
        arbiter = task.queue.arbiter
        if digest is None:
            self.store.group.verdicts[number, payload] = None
            if former == FAILURE:
                task.failed -= 1
            else:
                task.doubt_sum *= 1 - 1 / max(1, task.accepted)
                task.accepted -= 1
            return
        state = PayloadState.SET_ASIDE if digest == FAILURE else PayloadState.ACCEPTED
        final = not arbiter.knows(payload)
        self.store.group.verdicts[number, payload] = (number, payload, state, arbiter.stands_for(payload), final)
        if former is not None:
            return
        if digest == FAILURE:
            task.failed += 1
        else:
            task.accepted += 1
            task.doubt_sum += doubt
        if self.begun.pop((number, payload), None) is not None:
            self.store.group.checkpoints[number, payload] = None
        self.close(self.book.settle(number, payload))
        if final or digest == FAILURE:
            for lease, volunteer in self.book.leases_of(number, payload):
                self.revoke(task, lease, volunteer, payload)

    # ---- leases and volunteers ---------------------------------------------------------------

    def end(self, freed: Iterable[Freed], *, recalled: bool = False) -> None:
        """Leases have ended without an answer: their payloads go out again.

        ``recalled``: that was our wish, not the volunteer's doing.
        """
        touched = {}
        group = self.store.group
        for lease, number, index, volunteer in freed:
            group.ended.append((lease,))
            group.resumed.pop(lease, None)
            task = touched[number] = self.tasks.by_number(number)
            task.queue.leased -= 1
            self.apply(task, task.queue.arbiter.give_back(volunteer, index, recalled=recalled))
        for task in touched.values():
            self.tasks.touch(task)
            self.settle(task)
        if touched:
            self.due.set()

    def expire(self, now: float) -> None:
        """End leases that are over their deadline."""
        for name, leases in self.links.moved:
            self.book.shorten(name, leases, now + self._grace)
        self.links.moved = []
        freed = self.book.expire(now)
        for one in freed:
            volunteer = self.links.volunteers.get(one.volunteer)
            ended = self.book.find(one.lease)
            if volunteer is not None and ended is not None and not ended.batch.lost:
                volunteer.expired += 1
        self.end(freed)

    def close(self, leases: Iterable[int]) -> None:
        """Leases need not be remembered any more."""
        self.store.group.closed.extend((lease,) for lease in leases)

    def revoke(self, task: Task, lease: int, volunteer: str, payload: int) -> None:
        """Take back an open lease whose payload is settled."""
        self.book.close(lease)
        self.close([lease])
        task.queue.leased -= 1
        self.apply(task, task.queue.arbiter.give_back(volunteer, payload, recalled=True))
        found = self.links.volunteers.get(volunteer)
        if found is not None:
            self.tell(found.distributor.peer, Revoke(task.id, volunteer, [lease]))
            self.links.wake(volunteer)

    def leave(self, volunteer: str) -> None:
        """A volunteer is gone: what it holds goes out again, and what it answered counts."""
        self.end(self.book.leave(volunteer))
        for task in self.under_way:
            self.apply(task, task.queue.arbiter.leave(volunteer))
            self.settle(task)
        self.schedule.leave(volunteer)
        self.due.set()

    def join(self, distributor: Distributor, message: Joined, now: float) -> Volunteer:
        """A volunteer is there, maybe again; what it says it holds it may go on with."""
        volunteer = self.links.join(distributor, message, time.time())
        holding = {lease for leases in message.holding.values() for lease in leases}
        self.book.confirm(volunteer.id, holding, now + self._grace)
        for task_id, leases in message.holding.items():
            task = self.tasks.get(task_id)
            if task is not None and task.state is TaskState.RUNNING:
                for lease in leases:
                    self._resume(lease, volunteer, now)
            else:  # it was told so while it was away, or never
                paused = task is not None and task.state is TaskState.PAUSED
                self.tell(distributor.peer, Revoke(task_id, volunteer.id, leases if paused else []))
        return volunteer

    def _resume(self, lease: int, volunteer: Volunteer, now: float) -> None:
        found = self.book.ended(lease, volunteer.id)
        if found is None:
            return
        task = self.tasks.by_number(found.batch.task)
        seconds = task.timeout * 1.5 + RESUME_SECONDS
        if task.queue.arbiter.lease(volunteer.id, found.payload):
            self.book.resume(lease, now + seconds)
            task.queue.leased += 1
            self.store.group.resumed[lease] = (time.time(), seconds, lease)
            self.due.set()
        else:
            task.queue.arbiter.give_back(volunteer.id, found.payload)

    def keep(self, task: Task, volunteer: Volunteer, payload: int, state: bytes, now: float) -> None:
        """A volunteer has got so far with a payload: whoever is given it next goes on from there.

        Where answers are judged together, only states of volunteers that are trusted outright are kept: an answer
        stands or falls with everybody whose work it rests on, and these never fall.
        """
        rules, key = task.rules, (task.number, payload)
        if rules.plain_votes != 1 and not rules.trusts(volunteer.key):
            return
        if now - self.begun.get(key, -STATE_SECONDS) >= STATE_SECONDS:
            self.begun[key] = now
            self.store.group.checkpoints[key] = (*key, volunteer.id, state)
            self.due.set()

    # ---- tasks -------------------------------------------------------------------------------

    def open(self, task: Task) -> None:
        """A task begins to hand out payloads."""
        self.tasks.add(task)
        self.schedule.open(task.queue)

    def settle(self, task: Task) -> None:
        """If all payloads of a running task are settled, go on to its end."""
        if task.state is not TaskState.RUNNING or not task.settled:
            return
        if task.has_reduce:
            task.move(TaskState.REDUCING)
            self._revoke_rest(task)
            self._put_away(task)
            self.settled.put_nowait(task)
        else:
            self.finish(task)

    def finish(self, task: Task, answer: bytes | None = None) -> None:
        """A task has come to its end, with its answer if it has one. Nobody is to go on with what it still holds."""
        if answer is not None:
            task.has_answer = True
            self.store.group.answers.append((task.number, answer))
        state = TaskState.FINISHED_WITH_FAILURES if task.failed else TaskState.FINISHED
        self._revoke_rest(task)
        self._end_task(task, state, "")

    def fail(self, task: Task, error: str) -> None:
        """A task cannot go on."""
        self._end_task(task, TaskState.FAILED, error)
        self._revoke_all(task)

    def pause(self, task: Task, reason: str = "") -> None:
        """Hand nothing out any more, and call back what is out; what is answered all the same is used.

        Args:
            task: a running one; one that is paused already stays so.
            reason: why, if it was not a researcher's wish.

        Raises:
            ConflictError: it is in no state to be paused.
        """
        if task.state is TaskState.PAUSED:
            return
        task.move(TaskState.PAUSED)
        task.error = reason
        self.schedule.close(task.number)
        for volunteer, leases in self.book.open_of(task.number).items():
            self.end(self.book.end(leases), recalled=True)
            found = self.links.volunteers.get(volunteer)
            if found is not None:
                self.tell(found.distributor.peer, Revoke(task.id, volunteer, leases))
        self._wake(task)
        _log.info("task paused", task=task.id, reason=reason)

    def go_on(self, task: Task) -> None:
        """Hand out the payloads of a paused task again; one that is running stays so.

        Raises:
            ConflictError: it is in no state to go on.
        """
        if task.state is TaskState.RUNNING:
            return
        task.move(TaskState.RUNNING)
        task.error = ""
        task.poison = Poison()
        self.schedule.open(task.queue)
        if not task.split_done:
            self.unsplit.put_nowait(task)
        self._wake(task)
        self.work_came()
        self.settle(task)
        _log.info("task goes on", task=task.id)

    def delete(self, task: Task) -> None:
        """Have all that there is of an ended task removed; one that is being deleted stays so.

        Raises:
            ConflictError: it has not ended.
        """
        if task.state is TaskState.DELETING:
            return
        task.move(TaskState.DELETING)
        self.tasks.changed(task)
        self.unwanted.put_nowait(task)
        self.due.set()

    def cancel(self, task: Task) -> None:
        """A researcher gives a task up. Idempotent: a task that has ended stays as it is."""
        if not task.state.ended:
            self._end_task(task, TaskState.CANCELLED, "")
            self._revoke_all(task)
            job = self.jobs.get(task.number)
            if job is not None:
                job.cancel()

    def _end_task(self, task: Task, state: TaskState, error: str) -> None:
        task.move(state)
        task.finished = time.time()
        task.error = error
        self._put_away(task)
        _log.info("task ended", task=task.id, state=str(state), error=error.partition("\n")[0])

    def _put_away(self, task: Task) -> None:
        """A task has no payloads to hand out any more."""
        self.schedule.close(task.number)
        self.book.forget_task(task.number)
        self.store.group.ended_tasks.append((task.number,))
        self.begun = {key: when for key, when in self.begun.items() if key[0] != task.number}
        task.close_queue()
        self._wake(task)

    def _wake(self, task: Task) -> None:
        """A task's state has changed: whoever waits on it looks again."""
        self.tasks.changed(task)
        task.room.set()
        self.links.wake_all()
        self.due.set()

    def _revoke_rest(self, task: Task) -> None:
        if task.queue.leased:
            self._revoke_all(task)

    def _revoke_all(self, task: Task) -> None:
        for distributor in self.links.distributors.values():
            if task.number in distributor.known_tasks:
                self.tell(distributor.peer, Revoke(task.id))

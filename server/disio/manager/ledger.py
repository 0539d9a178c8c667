"""The manager's state and the moves that keep its parts together: store, tasks, schedule, lease book, links.

Every move adds rows to the store's present group; what is to be told because of it goes to ``outbox`` and
is sent when that group is durable. Nothing here waits.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Final

import structlog

from disio.manager.leases import Freed, LeaseBook
from disio.manager.links import Distributor, Links, Volunteer
from disio.manager.store import Store
from disio.manager.tasks import Task, Tasks
from disio.task.model import TaskState
from disio.task.schedule import Schedule, TaskQueue
from disio.task.trust import Vote
from disio.unit.codec import MAX_BYTES
from disio.wire.grid import Ack, FromManager, Joined, Ready, Revoke, TaskInfo

MAX_RESULT_BYTES: Final = MAX_BYTES
RESUME_SECONDS: Final = 60.0
"""What a lease that is taken up again gets at least, beside its task's time limit."""

_log = structlog.get_logger("disio.manager")


class Ledger:
    """All that a manager knows. Times passed in are monotonic seconds."""

    def __init__(self, store: Store, grace: float) -> None:
        self.store = store
        self.tasks = Tasks(store)
        self.schedule = Schedule()
        self.book = LeaseBook()
        self.links = Links(grace)
        self.votes: dict[tuple[int, int], tuple[Vote, ...]] = {}
        """Votes for payloads that are not settled, by task and index."""
        self.outbox: list[tuple[bytes, FromManager]] = []
        self.acks: dict[tuple[bytes, str, str], Ack] = {}
        self.due = asyncio.Event()
        """There is something to write, to tell or to match."""
        self.cold = asyncio.Event()
        """Some payloads wait whose bytes are to be read."""
        self.unsplit = asyncio.Queue[Task]()
        """Tasks whose payloads are to be made."""
        self.settled = asyncio.Queue[Task]()
        """Tasks to be reduced."""
        self.unwanted = asyncio.Queue[Task]()
        """Tasks to be deleted."""
        self.jobs: dict[int, asyncio.Task[None]] = {}
        """Where a task's ``split`` or ``reduce`` runs, by the task's number."""
        self._grace = grace

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

    # ---- leases and volunteers ---------------------------------------------------------------

    def end(self, freed: Iterable[Freed]) -> None:
        """Leases have ended without an answer: their payloads go out again."""
        touched = set()
        group = self.store.group
        for lease, number, index in freed:
            group.ended.append((lease,))
            group.resumed.pop(lease, None)
            queue = self.tasks.by_number(number).queue
            queue.leased -= 1
            queue.put_back(index)
            touched.add(number)
        for number in touched:
            self.tasks.touch(self.tasks.by_number(number))
        if touched:
            self.cold.set()
            self.due.set()

    def close(self, leases: Iterable[int]) -> None:
        """Leases need not be remembered any more."""
        self.store.group.closed.extend((lease,) for lease in leases)

    def revoke(self, task: Task, lease: int, volunteer: str) -> None:
        """Take back an open lease whose payload is settled."""
        self.book.answered(lease)
        self.close([lease])
        task.queue.leased -= 1
        found = self.links.volunteers.get(volunteer)
        if found is not None:
            self.tell(found.distributor.peer, Revoke(task.id, volunteer, [lease]))
            self.links.wake(volunteer)

    def leave(self, volunteer: str) -> None:
        """A volunteer is gone: what it holds goes out again."""
        self.end(self.book.leave(volunteer))
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
        found = self.book.find(lease)
        if found is None or self.book.is_open(lease):
            return
        task = self.tasks.by_number(found.batch.task)
        seconds = task.timeout * 1.5 + RESUME_SECONDS
        if self.book.resume(lease, volunteer.id, now + seconds) is not None:
            task.queue.withdraw(found.payload)
            task.queue.leased += 1
            self.store.group.resumed[lease] = (time.time(), seconds, lease)
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
            self._put_away(task)
            self.settled.put_nowait(task)
        else:
            self.finish(task)

    def finish(self, task: Task, answer: bytes | None = None) -> None:
        """A task has come to its end, with its answer if it has one."""
        if answer is not None:
            task.has_answer = True
            self.store.group.answers.append((task.number, answer))
        state = TaskState.FINISHED_WITH_FAILURES if task.failed else TaskState.FINISHED
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
            self.end(self.book.end(leases))
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
        self.schedule.open(task.queue)
        if not task.split_done:
            self.unsplit.put_nowait(task)
        self._wake(task)
        self.cold.set()
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
        self.votes = {key: votes for key, votes in self.votes.items() if key[0] != task.number}
        task.queue = TaskQueue(task.number)  # the payloads in the old one are not needed any more
        self._wake(task)

    def _wake(self, task: Task) -> None:
        """A task's state has changed: whoever waits on it looks again."""
        self.tasks.changed(task)
        task.room.set()
        self.links.wake_all()
        self.due.set()

    def _revoke_all(self, task: Task) -> None:
        for distributor in self.links.distributors.values():
            if task.number in distributor.known_tasks:
                self.tell(distributor.peer, Revoke(task.id))

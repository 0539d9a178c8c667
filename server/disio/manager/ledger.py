"""The manager's state and the moves that keep its parts together: store, tasks, schedule, lease book, links.

Every move adds rows to the store's present group; what is to be told because of it goes to ``outbox`` and
is sent when that group is durable. Nothing here waits.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import structlog

from disio.manager.belief import Belief
from disio.manager.files import Files
from disio.manager.leases import Freed, LeaseBook
from disio.manager.links import Distributor, Links, Volunteer
from disio.manager.outbox import Outbox
from disio.manager.states import States
from disio.manager.store import Store
from disio.manager.tasks import Task, Tasks
from disio.task.model import TaskState
from disio.task.poison import Poison
from disio.task.schedule import Schedule
from disio.wire.grid import Joined, Ready, Revoke

RESUME_SECONDS: Final = 60.0
"""What a lease that is taken up again gets at least, beside its task's time limit."""
STIR_SECONDS: Final = 0.2
"""Where many are idle, they are told at most this often that there may be something for them now."""
_MANY: Final = 100

_log = structlog.get_logger("disio.manager")


class Promise(NamedTuple):
    """Leases that a volunteer has, and of whose payloads and states some bytes may still have to be read.

    ``states``: where it is to go on, empty to begin anew, and ``keepers``: who kept them. None, here and in ``data``:
    to be read.
    """

    task: Task
    volunteer: Volunteer
    leases: Sequence[int]
    indexes: Sequence[int]
    data: list[bytes | None]
    states: list[bytes | None]
    keepers: Sequence[str]


class Ledger:
    """All that a manager knows. Times passed in are monotonic seconds."""

    def __init__(self, store: Store, grace: float) -> None:
        self.store = store
        self.files = Files(store)
        self.tasks = Tasks(store)
        self.schedule = Schedule()
        self.book = LeaseBook()
        self.links = Links(grace)
        self.due = asyncio.Event()
        """There is something to write, to tell or to match."""
        self.outbox = Outbox(self.due)
        self.states = States(store)
        self.belief = Belief(
            store=store,
            tasks=self.tasks,
            schedule=self.schedule,
            book=self.book,
            links=self.links,
            states=self.states,
            outbox=self.outbox,
        )
        self.promises = asyncio.Queue[Promise]()
        """Leases whose payloads are to be read."""
        self.unsplit = asyncio.Queue[Task]()
        """Tasks whose payloads are to be made."""
        self.settled = asyncio.Queue[Task]()
        """Tasks to be reduced."""
        self.unwanted = asyncio.Queue[Task]()
        """Tasks to be deleted."""
        self.jobs: dict[int, asyncio.Task[None]] = {}
        """Where a task's ``split`` or ``reduce`` runs, by the task's number."""
        self._grace = grace
        self._stirred = -STIR_SECONDS

    async def committed(self) -> None:
        """Wait until everything that was changed so far is durable."""
        self.due.set()
        await asyncio.shield(self.store.group.done)

    # ---- work and who asks for it --------------------------------------------------------------

    def work_came(self) -> None:
        """Payloads have become ready: look at open demand, and call back those that were told there is nothing."""
        self.links.wake_all()
        for distributor in self.links.distributors.values():
            if distributor.dried:
                distributor.dried = False
                self.outbox.tell(distributor.peer, Ready())
        self.due.set()

    def stir(self, now: float) -> None:
        """Look at open demand again where a task has something to give that it had not before."""
        often = len(self.links.volunteers) <= _MANY
        if (often or now - self._stirred >= STIR_SECONDS) and self.schedule.stirred(now):
            self._stirred = now
            self.work_came()

    @property
    def under_way(self) -> list[Task]:
        """Tasks with open payloads."""
        return [task for task in self.tasks if task.state.under_way]

    def rest(self, volunteer: str) -> None:
        """No task has anything for this volunteer now."""
        for task in self.under_way:
            self.belief.apply(task, task.queue.arbiter.rest(volunteer))
            self.settle(task)

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
            self.belief.apply(task, task.queue.arbiter.give_back(volunteer, index, recalled=recalled))
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

    def leave(self, volunteer: str) -> None:
        """A volunteer is gone: what it holds goes out again, and what it answered counts."""
        self.end(self.book.leave(volunteer))
        for task in self.under_way:
            self.belief.apply(task, task.queue.arbiter.leave(volunteer))
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
                self.outbox.tell(distributor.peer, Revoke(task_id, volunteer.id, leases if paused else []))
        return volunteer

    def _resume(self, lease: int, volunteer: Volunteer, now: float) -> None:
        found = self.book.ended(lease, volunteer.id)
        if found is None:
            return
        task = self.tasks.by_number(found.batch.task)
        seconds = task.timeout * 1.5 + RESUME_SECONDS
        if task.queue.arbiter.lease(volunteer.id, found.payload, rests_on=self.book.rests_on(lease)):
            self.book.resume(lease, now + seconds)
            task.queue.leased += 1
            self.store.group.resumed[lease] = (time.time(), seconds, lease)
            self.due.set()
        else:
            task.queue.arbiter.give_back(volunteer.id, found.payload)

    def keep(self, task: Task, volunteer: Volunteer, payload: int, state: bytes, *, lease: int, now: float) -> None:
        """A volunteer has got so far with a payload that it holds: somebody else may go on from there."""
        key = task.number, payload
        if self.states.too_soon(key, volunteer.id, now):
            return
        unneeded = task.queue.arbiter.keep(volunteer.id, payload)
        if unneeded is not None:
            self.states.keep(key, volunteer.id, lease, state, now)
            for keeper in unneeded:
                self.states.drop(key, keeper)
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
                self.outbox.tell(found.distributor.peer, Revoke(task.id, volunteer, leases))
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
        self.states.forget_task(task.number)
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
                self.outbox.tell(distributor.peer, Revoke(task.id))

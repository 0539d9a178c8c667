"""Which payloads go to which volunteer next. Pure: no I/O, and time is passed in.

Each task has a hot window of payloads that can be handed out at once. A volunteer stays with its task
while that has work, so that its interpreter is not thrown away; volunteers move when tasks of the same
priority have unequal shares of them, in turns when there are fewer volunteers than tasks, or when one of higher
priority has work. How many payloads one volunteer
may hold is guided self-scheduling (C. Polychronopoulos and D. Kuck, 1987): a share of what remains, so
that nobody hoards the end of a task.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

HOT_PAYLOADS: Final = 20_000
"""Payloads that a task holds ready at least, if it has so many."""
HOT_PER_VOLUNTEER: Final = 100
HOT_PAYLOADS_MOST: Final = 200_000
HOT_BYTES: Final = 64 * 1024 * 1024
ENOUGH_VOLUNTEERS: Final = 3
"""With so many present, a payload that failed in one is given to others first."""
OTHERS_FIRST_SECONDS: Final = 30.0
"""... but for no longer than this: the others may be busy with other tasks, or paused."""
TURN_SECONDS: Final = 20.0
"""How long a volunteer stays with its task while another one has work and nobody."""
GRANT_ITEMS: Final = 4096
GRANT_BYTES: Final = 8 * 1024 * 1024
_LOOKED_AT: Final = 64  # of failed payloads, in one go: bounds the work when a unit fails everywhere

Ready = tuple[int, bytes]
"""A payload that can be handed out: its index and its bytes."""


class TaskQueue:
    """The payloads of one task that wait, and what is known of those that are out.

    A payload is in one place at a time: ``ready`` (bytes in memory), ``again`` (ready, after a failure), ``cold``
    (its bytes are to be read from the database), being read, or leased. ``withdrawn`` names payloads whose
    entry in one of the first four no longer counts; it is dropped when it comes to the front.
    """

    def __init__(self, number: int, priority: int = 0) -> None:
        self.number = number
        self.priority = priority
        self.complete = False
        """No further payload will be added: the split is done."""
        self.leased = 0
        self.volunteers = 0
        self.ready: deque[Ready] = deque()
        self.ready_bytes = 0
        self.again: deque[tuple[int, bytes, float]] = deque()
        self.cold: deque[int] = deque()
        self.reading = 0
        self.withdrawn: set[int] = set()
        self.failed_in: dict[int, set[str]] = {}
        """Volunteers in which an open payload has failed."""

    @property
    def waiting(self) -> int:
        """Payloads that are not leased and not settled."""
        return len(self.ready) + len(self.again) + len(self.cold) + self.reading - len(self.withdrawn)

    @property
    def expecting(self) -> bool:
        """Whether payloads will become ready without anyone answering or leaving."""
        return not self.complete or bool(self.cold) or self.reading > 0

    def room(self, present: int, *, cold: bool = False) -> int:
        """How many payloads to bring into the hot window, with so many volunteers present; 0 if it is well filled.

        Args:
            present: how many volunteers there are.
            cold: for payloads that wait again: they go out first, so the window is then twice as large.
        """
        factor = 2 if cold else 1
        if self.ready_bytes >= factor * HOT_BYTES:
            return 0
        size = min(max(HOT_PAYLOADS, HOT_PER_VOLUNTEER * present), HOT_PAYLOADS_MOST)
        return max(0, factor * size - len(self.ready) - len(self.again) - self.reading)

    def add(self, payloads: Iterable[Ready]) -> None:
        """New payloads, at the end."""
        for entry in payloads:
            self.ready.append(entry)
            self.ready_bytes += len(entry[1])

    def put_back(self, index: int) -> None:
        """A payload that was leased waits again, in front of those that never went out."""
        if index in self.withdrawn:
            self.withdrawn.remove(index)
        else:
            self.cold.append(index)

    def next_cold(self, count: int) -> list[int]:
        """Up to ``count`` payloads whose bytes are to be read; they are then given to :meth:`warm`."""
        taken: list[int] = []
        while self.cold and len(taken) < count:
            index = self.cold.popleft()
            if index in self.withdrawn:
                self.withdrawn.remove(index)
            else:
                taken.append(index)
        self.reading += len(taken)
        return taken

    def warm(self, named: Sequence[int], payloads: Sequence[Ready], now: float) -> None:
        """Of what :meth:`next_cold` named, the first ones have been read; the others stay cold."""
        self.reading -= len(named)
        self.cold.extendleft(reversed(named[len(payloads) :]))
        front = []
        for index, data in payloads:
            self.ready_bytes += len(data)
            if index in self.failed_in:
                self.again.append((index, data, now))
            else:
                front.append((index, data))
        self.ready.extendleft(reversed(front))

    def failed(self, index: int, volunteer: str) -> None:
        """A leased payload has failed in a volunteer, and is to go out again."""
        self.failed_in.setdefault(index, set()).add(volunteer)
        self.put_back(index)

    def withdraw(self, index: int) -> None:
        """A waiting payload does not wait any more: a late answer settled it, or its lease was taken up again."""
        self.withdrawn.add(index)

    def settle(self, index: int) -> None:
        """Forget what was known of a settled payload."""
        if self.failed_in:
            self.failed_in.pop(index, None)

    def aged(self, now: float) -> bool:
        """Whether a failed payload may by now go to any volunteer."""
        return any(now - since >= OTHERS_FIRST_SECONDS for _, _, since in self.again)

    def take(self, volunteer: str, count: int, present: int, now: float) -> list[Ready]:
        """Up to ``count`` payloads for a volunteer, at most GRANT_BYTES (but at least one); they are then leased."""
        taken = self._take_again(volunteer, count, present, now) if self.again else []
        room = GRANT_BYTES - sum(len(data) for _, data in taken)
        ready, withdrawn = self.ready, self.withdrawn
        while ready and len(taken) < count:
            entry = ready[0]
            size = len(entry[1])
            if entry[0] in withdrawn:
                withdrawn.remove(entry[0])
            elif taken and size > room:
                break
            else:
                taken.append(entry)
                room -= size
            ready.popleft()
            self.ready_bytes -= size
        self.leased += len(taken)
        return taken

    def _take_again(self, volunteer: str, count: int, present: int, now: float) -> list[Ready]:
        taken: list[Ready] = []
        room = GRANT_BYTES
        for _ in range(min(len(self.again), _LOOKED_AT + count)):
            if len(taken) >= count or room <= 0:
                break
            index, data, since = self.again.popleft()
            if index in self.withdrawn:
                self.withdrawn.remove(index)
                self.ready_bytes -= len(data)
            elif (
                present < ENOUGH_VOLUNTEERS
                or volunteer not in self.failed_in.get(index, ())
                or now - since >= OTHERS_FIRST_SECONDS
            ):
                taken.append((index, data))
                room -= len(data)
                self.ready_bytes -= len(data)
            else:
                self.again.append((index, data, since))
        return taken


class Work(NamedTuple):
    """What a volunteer is given: payloads of one task, now leased. No payloads: it holds its share already."""

    queue: TaskQueue
    payloads: list[Ready]


class Schedule:
    """The queues of all running tasks, and which task each volunteer is with."""

    def __init__(self) -> None:
        self.queues: dict[int, TaskQueue] = {}
        self._with: dict[str, TaskQueue] = {}
        self._since: dict[str, float] = {}

    @property
    def expecting(self) -> bool:
        """Whether some task will have more to hand out without anyone answering or leaving."""
        return any(queue.expecting for queue in self.queues.values())

    @property
    def has_work(self) -> bool:
        """Whether there is, or soon will be, something to hand out."""
        return any(queue.waiting > 0 or queue.expecting for queue in self.queues.values())

    def open(self, queue: TaskQueue) -> None:
        """A task begins to hand out payloads."""
        self.queues[queue.number] = queue

    def close(self, number: int) -> None:
        """A task hands out nothing any more; idempotent."""
        queue = self.queues.pop(number, None)
        if queue is not None:
            for volunteer in [name for name, other in self._with.items() if other is queue]:
                del self._with[volunteer], self._since[volunteer]
            queue.volunteers = 0

    def task_of(self, volunteer: str) -> int | None:
        """The number of the task that a volunteer is with."""
        queue = self._with.get(volunteer)
        return None if queue is None else queue.number

    def leave(self, volunteer: str) -> None:
        """A volunteer is with no task any more; idempotent."""
        queue = self._with.pop(volunteer, None)
        if queue is not None:
            del self._since[volunteer]
            queue.volunteers -= 1

    def next(self, volunteer: str, wanted: int, held: int, present: int, now: float) -> Work | None:
        """Payloads for a volunteer, or None if no task has any for it now.

        Args:
            volunteer: who asks.
            wanted: how many payloads it asks for.
            held: how many it holds already.
            present: how many volunteers there are.
            now: monotonic seconds.
        """
        for queue in self._candidates(volunteer, now):
            joins = self._with.get(volunteer) is not queue
            share = max(1, (queue.waiting + queue.leased) // (2 * max(1, queue.volunteers + joins)))
            count = min(wanted, share - held, GRANT_ITEMS)
            if count <= 0:
                return Work(queue, [])
            payloads = queue.take(volunteer, count, present, now)
            if payloads:
                if joins:
                    self.leave(volunteer)
                    self._with[volunteer], self._since[volunteer] = queue, now
                    queue.volunteers += 1
                return Work(queue, payloads)
        return None

    def _candidates(self, volunteer: str, now: float) -> list[TaskQueue]:
        """Tasks with something ready, in the order in which this volunteer should try them."""
        ready = [queue for queue in self.queues.values() if queue.ready or queue.again]
        own = self._with.get(volunteer)
        if len(ready) < 2:
            return ready
        ready.sort(key=lambda queue: (-queue.priority, queue.volunteers, queue.number))
        best = ready[0]
        if own is not None and best is not own and own in ready:
            turn_over = best.volunteers == 0 and now - self._since[volunteer] >= TURN_SECONDS
            moves = best.priority > own.priority or own.volunteers - best.volunteers >= 2
            moves = moves or (turn_over and best.priority == own.priority)
            if not moves:
                ready.remove(own)
                ready.insert(0, own)
        return ready

"""Which payloads go to which volunteer next. Pure: no I/O, and time is passed in.

Each task has a hot window of payloads that can be handed out at once. A volunteer stays with its task
while that has work, so that its interpreter is not thrown away; volunteers move when tasks of the same
priority have unequal shares of them, in turns when there are fewer volunteers than tasks, or when one of higher
priority has work. How many payloads one volunteer
may hold is guided self-scheduling (C. Polychronopoulos and D. Kuck, 1987): a share of what remains, so
that nobody hoards the end of a task.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from disio.task.ballot import Pick, VoterRow
from disio.task.trust import Arbiter

HOT_PAYLOADS: Final = 20_000
"""Payloads that a task holds ready at least, if it has so many."""
HOT_PER_VOLUNTEER: Final = 100
HOT_PAYLOADS_MOST: Final = 200_000
HOT_BYTES: Final = 64 * 1024 * 1024
TURN_SECONDS: Final = 20.0
"""How long a volunteer stays with its task while another one has work and nobody."""
GRANT_ITEMS: Final = 4096
GRANT_BYTES: Final = 8 * 1024 * 1024

Ready = tuple[int, bytes]
"""A payload that can be handed out: its index and its bytes."""


class Asker(NamedTuple):
    """A volunteer that asks for work: its id, its network, and the operator's key that it holds ("" for none).

    ``tasks``: names of the only tasks that its site computes for; none: any. ``site``: the host of that page.
    """

    volunteer: str
    network: str | None = None
    key: str = ""
    tasks: frozenset[str] = frozenset()
    site: str = ""


class TaskQueue:
    """The payloads of one task: their arbiter, who says which one is next, and the bytes that are in memory.

    Bytes are kept of those that never went out, and of those that went out last, as they may have to go out again;
    others are read from the database when they are picked.
    """

    def __init__(
        self,
        number: int,
        arbiter: Arbiter,
        priority: int = 0,
        names: frozenset[str] = frozenset(),
        sites: Sequence[str] = (),
    ) -> None:
        self.number = number
        self.names = names
        """What sites may call it."""
        self.sites = tuple(sites)
        """Whose visitors it is for; none: everybody's."""
        self.priority = priority
        self.arbiter = arbiter
        self.complete = False
        """No further payload will be added: the split is done."""
        self.leased = 0
        self.volunteers = 0
        self._hot: dict[int, bytes] = {}
        self._hot_bytes = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._kept_bytes = 0
        self._keeps = arbiter.rules.plain_votes != 1
        self._mean_bytes = 0.0

    def admits(self, asker: Asker) -> bool:
        """Whether a volunteer may be given any of this at all."""
        chosen = not asker.tasks or not asker.tasks.isdisjoint(self.names)
        return chosen and (not self.sites or any(_is_of(asker.site, site) for site in self.sites))

    @property
    def offers(self) -> bool:
        """Whether somebody may be given something now."""
        return self.arbiter.waiting > 0 or self.arbiter.overdue > 0

    def room(self, present: int) -> int:
        """How many payloads to bring into the hot window, with so many volunteers present; 0 if it is well filled."""
        if self._hot_bytes >= HOT_BYTES:
            return 0
        size = min(max(HOT_PAYLOADS, HOT_PER_VOLUNTEER * present), HOT_PAYLOADS_MOST)
        return max(0, size - self.arbiter.fresh)

    def add(self, payloads: Sequence[Ready]) -> None:
        """New payloads, with their bytes."""
        self._hot.update(payloads)
        self._hot_bytes += sum(len(data) for _, data in payloads)
        self.arbiter.add(index for index, _ in payloads)

    def take(self, asker: Asker, count: int, present: int, now: float) -> "Work":
        """Up to ``count`` payloads for a volunteer, at most about GRANT_BYTES; they are then leased."""
        work = Work(self, [], [], self._join(asker))
        room = GRANT_BYTES
        picks = self.arbiter.picks(asker.volunteer, present, now)
        while len(work.picks) < count and room > 0:
            pick = next(picks, None)
            if pick is None:
                break
            data = self._bytes_of(pick.payload)
            room -= len(data) if data is not None else int(self._mean_bytes)
            work.picks.append(pick)
            work.data.append(data)
        self.leased += len(work.picks)
        return work

    def keep(self, payloads: Iterable[Ready]) -> None:
        """Payloads were read, and may have to go out again."""
        for index, data in payloads:
            self._mean_bytes += (len(data) - self._mean_bytes) / 100
            if self._keeps and index not in self._kept:
                self._kept[index] = data
                self._kept_bytes += len(data)
        while self._kept_bytes > HOT_BYTES or len(self._kept) > HOT_PAYLOADS_MOST:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])

    def _bytes_of(self, index: int) -> bytes | None:
        data = self._hot.pop(index, None)
        if data is None:
            return self._kept.get(index)
        self._hot_bytes -= len(data)
        if self._keeps:
            self.keep(((index, data),))
        return data

    def _join(self, asker: Asker) -> VoterRow | None:
        trusted = self.arbiter.rules.trusts(asker.key)
        return self.arbiter.join(asker.volunteer, asker.network, trusted=trusted)


def _is_of(host: str, site: str) -> bool:
    """Whether a page's host (with its port, if it is not the usual one) is of a site; ``*.example.org``: all below."""
    name = host if ":" in site else host.partition(":")[0]
    return name.endswith(site[1:]) if site.startswith("*.") else name == site


class Work(NamedTuple):
    """What a volunteer is given: payloads of one task, now leased. No picks: it holds its share already.

    ``data``: their bytes, in the same order, None for those that are to be read first. ``voter`` is to be stored.
    ``left``: the task that the volunteer was with before.
    """

    queue: TaskQueue
    picks: list[Pick]
    data: list[bytes | None]
    voter: VoterRow | None = None
    left: TaskQueue | None = None


class Schedule:
    """The queues of all running tasks, and which task each volunteer is with."""

    def __init__(self) -> None:
        self.queues: dict[int, TaskQueue] = {}
        self._with: dict[str, TaskQueue] = {}
        self._since: dict[str, float] = {}

    @property
    def expecting(self) -> bool:
        """Whether some task will have more to hand out without anyone answering or leaving."""
        return any(not queue.complete for queue in self.queues.values())

    @property
    def has_work(self) -> bool:
        """Whether there is, or soon will be, something to hand out."""
        return any(queue.offers or not queue.complete for queue in self.queues.values())

    def stirred(self, now: float) -> bool:
        """Whether in some task something waits that did not at the last look; ``now`` in monotonic seconds."""
        looked_at = [queue.arbiter.stirred(now) for queue in self.queues.values()]
        return any(looked_at)

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

    def volunteers_of(self, number: int) -> list[str]:
        """The volunteers that are with a task."""
        return [volunteer for volunteer, queue in self._with.items() if queue.number == number]

    def leave(self, volunteer: str) -> None:
        """A volunteer is with no task any more; idempotent."""
        queue = self._with.pop(volunteer, None)
        if queue is not None:
            del self._since[volunteer]
            queue.volunteers -= 1

    def next(self, asker: Asker, wanted: int, held: int, present: int, now: float) -> Work | None:
        """Payloads for a volunteer, or None if no task has any for it now.

        Args:
            asker: who asks.
            wanted: how many payloads it asks for.
            held: how many it holds already.
            present: how many volunteers there are.
            now: monotonic seconds.
        """
        volunteer = asker.volunteer
        for queue in self._candidates(asker, now):
            joins = self._with.get(volunteer) is not queue
            share = max(1, (queue.arbiter.waiting + queue.leased) // (2 * max(1, queue.volunteers + joins)))
            count = min(wanted, share - held, GRANT_ITEMS)
            if count <= 0:
                return Work(queue, [], [])
            work = queue.take(asker, count, present, now)
            if work.picks:
                if joins:
                    work = work._replace(left=self._with.get(volunteer))
                    self.leave(volunteer)
                    self._with[volunteer], self._since[volunteer] = queue, now
                    queue.volunteers += 1
                return work
        return None

    def _candidates(self, asker: Asker, now: float) -> list[TaskQueue]:
        """Tasks with something ready for this volunteer, in the order in which it should try them."""
        volunteer = asker.volunteer
        ready = [queue for queue in self.queues.values() if queue.offers and queue.admits(asker)]
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

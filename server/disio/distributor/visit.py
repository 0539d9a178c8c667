"""What one volunteer holds, what is kept for it, and what it is sent next. No I/O."""

from collections import deque
from collections.abc import Collection, Iterable
from typing import Final

from disio.distributor.addresses import Address
from disio.distributor.limits import MAX_RESERVE_BYTES, WORK_FRAME_BYTES, Rate, reserve_target
from disio.unit.context import CHECKPOINT_SECONDS, EVENTS_A_SECOND
from disio.wire.grid import TaskInfo
from disio.wire.volunteer import MAX_ITEMS, Agent, Hello, LeaseItem

EVENT_BURST: Final = 4 * EVENTS_A_SECOND
"""Events for each worker that may come at once."""
CHECKPOINT_BURST: Final = 4
"""States for each worker that may come at once, beyond one in a CHECKPOINT_SECONDS."""


class Batch:
    """Leases of one task with their payloads, taken from the front piece by piece."""

    __slots__ = ("_data", "info", "items", "task")

    def __init__(self, info: TaskInfo, items: list[LeaseItem], data: bytes | memoryview) -> None:
        self.info = info
        self.task = info.task
        self.items = items
        self._data = memoryview(data)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def size(self) -> int:
        """Bytes of all payloads that are left."""
        return len(self._data)

    def take(self, count: int, size: int) -> tuple[list[LeaseItem], memoryview]:
        """Up to ``count`` leases, of up to ``size`` bytes in all (but always one)."""
        end = 0
        taken = 0
        for item in self.items[:count]:
            if taken and end + item.bytes > size:
                break
            end += item.bytes
            taken += 1
        items, self.items = self.items[:taken], self.items[taken:]
        data, self._data = self._data[:end], self._data[end:]
        return items, data

    def drop(self, leases: Collection[int]) -> None:
        """Take leases out from wherever they stand."""
        kept: list[LeaseItem] = []
        parts: list[memoryview] = []
        offset = 0
        for item in self.items:
            if item.lease not in leases:
                kept.append(item)
                parts.append(self._data[offset : offset + item.bytes])
            offset += item.bytes
        if len(kept) != len(self.items):
            self.items, self._data = kept, memoryview(b"".join(parts))


class Visit:
    """One volunteer's account: its window, what it holds, and the reserve that waits for it."""

    def __init__(
        self, volunteer: str, hello: Hello, now: float, *, address: Address | None = None, key: str = ""
    ) -> None:
        self.volunteer = volunteer
        self.address = address
        self.key = key
        """The name of the operator's key that it has shown."""
        self.site = hello.site
        self.agent: Agent = hello.agent
        self.workers = hello.workers
        self.tasks = hello.tasks
        """Names of the only tasks that its site computes for; none: any."""
        self.window = 0
        self.manager = ""
        """The manager whose work it was granted last."""
        self.since = now
        self.known: set[str] = set()
        """Tasks described to it on this connection."""
        self.unacknowledged_bytes = 0
        self._held = {task: set(leases) for task, leases in hello.holding.items() if leases}
        self._held_count = sum(map(len, self._held.values()))
        self._reserve: deque[Batch] = deque()
        self._reserved = 0
        self._reserved_bytes = 0
        self._rate = Rate()
        self._states = (float(CHECKPOINT_BURST * hello.workers), now)
        self._events = (float(EVENT_BURST * hello.workers), now)

    @property
    def held(self) -> int:
        """Leases that the volunteer has and has not finished."""
        return self._held_count

    @property
    def reserved(self) -> int:
        """Leases that wait here for room in its window."""
        return self._reserved

    def holding(self, manager: str) -> dict[str, list[int]]:
        """All its leases of one manager by task, those in reserve included."""
        prefix = manager + "-"
        leases = {task: list(held) for task, held in self._held.items() if task.startswith(prefix)}
        for batch in self._reserve:
            if batch.task.startswith(prefix):
                leases.setdefault(batch.task, []).extend(item.lease for item in batch.items)
        return leases

    def deficit(self, hold_seconds: float, now: float) -> tuple[int, int]:
        """How many more leases it could use, and how many it should have in all."""
        target = self.window + reserve_target(self.window, self._rate.at(now), hold_seconds)
        if self._reserved_bytes >= MAX_RESERVE_BYTES:
            return 0, target
        return max(0, target - self._held_count - self._reserved), target

    def granted(self, info: TaskInfo, items: list[LeaseItem], data: bytes) -> None:
        """Leases of a task have come for it from a manager."""
        batch = Batch(info, items, data)
        self._reserve.append(batch)
        self._reserved += len(batch)
        self._reserved_bytes += batch.size
        self.manager = info.task.partition("-")[0]

    def next_work(self) -> tuple[TaskInfo, list[LeaseItem], bytes] | None:
        """What to send it now: leases of one task that fit its window and a frame. They count as held."""
        room = min(self.window - self._held_count, MAX_ITEMS)
        size = WORK_FRAME_BYTES
        if room <= 0 or not self._reserve:
            return None
        info = self._reserve[0].info
        task = info.task
        items: list[LeaseItem] = []
        parts: list[memoryview] = []
        while room > 0 and self._reserve and self._reserve[0].task == task:
            batch = self._reserve[0]
            if items and batch.items[0].bytes > size:
                break
            some, data = batch.take(room, size)
            items += some
            parts.append(data)
            room -= len(some)
            size -= len(data)
            if not batch.items:
                self._reserve.popleft()
        data_size = sum(map(len, parts))
        self._reserved -= len(items)
        self._reserved_bytes -= data_size
        self._held.setdefault(task, set()).update(item.lease for item in items)
        self._held_count += len(items)
        return info, items, b"".join(parts)

    def finished(self, task: str, leases: set[int], now: float) -> None:
        """It has answered these (duplicates and leases it never had change nothing)."""
        self._rate.add(self._release(task, leases), now)

    def may_keep(self, task: str, lease: int, now: float) -> bool:
        """Whether a state that it sent is to be passed on: of a lease that it holds, and not too often."""
        if lease not in self._held.get(task, ()):
            return False
        left, since = self._states
        left = min(left + (now - since) * self.workers / CHECKPOINT_SECONDS, float(CHECKPOINT_BURST * self.workers))
        self._states = (left - (left >= 1), now)
        return left >= 1

    def may_tell(self, task: str, lease: int, now: float) -> bool:
        """Whether an event that it sent is to be passed on: of a lease that it holds, and not too often."""
        if lease not in self._held.get(task, ()):
            return False
        most = float(EVENT_BURST * self.workers)
        left, since = self._events
        left = min(left + (now - since) * self.workers * EVENTS_A_SECOND, most)
        self._events = (left - (left >= 1), now)
        return left >= 1

    def gave_back(self, task: str, leases: Iterable[int]) -> None:
        """It has returned these uncomputed."""
        self._release(task, set(leases))

    def revoked(self, task: str, leases: Collection[int]) -> bool:
        """Take leases away, all of the task if none are named. Whether the volunteer itself must be told."""
        told = False
        held = self._held.get(task)
        if held:
            told = not leases or not held.isdisjoint(leases)
            self._release(task, set(leases) if leases else set(held))
        for batch in self._reserve:
            if batch.task == task:
                batch.drop(leases or {item.lease for item in batch.items})
        self._recount()
        return told or (not leases and task in self.known)

    def give_back_reserve(self) -> dict[str, list[int]]:
        """Empty the reserve; its leases by task, for their managers."""
        leases: dict[str, list[int]] = {}
        for batch in self._reserve:
            leases.setdefault(batch.task, []).extend(item.lease for item in batch.items)
        self._reserve.clear()
        self._recount()
        return leases

    def _release(self, task: str, leases: set[int]) -> int:
        held = self._held.get(task)
        if held is None:
            return 0
        before = len(held)
        held -= leases
        if not held:
            del self._held[task]
        self._held_count -= before - len(held)
        return before - len(held)

    def _recount(self) -> None:
        self._reserve = deque(batch for batch in self._reserve if batch.items)
        self._reserved = sum(map(len, self._reserve))
        self._reserved_bytes = sum(batch.size for batch in self._reserve)

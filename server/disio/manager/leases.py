"""The lease book: who holds which payload until when. Pure: time (monotonic seconds) is passed in.

A payload may have several *open* leases, each of another volunteer. A lease that *ended* without an answer (expired,
given back, its volunteer left) is remembered until its payload is settled, so that a late answer can still be used.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final, NamedTuple

from disio.task.ballot import NOBODY, Hands

GRACE_SECONDS: Final = 15.0
"""How long the leases of a volunteer wait for it whose distributor has vanished."""
SLACK_SECONDS: Final = 30.0
SLACK_FACTOR: Final = 1.5
QUEUE_FACTOR: Final = 3.0  # a visitor's machine may be throttled, or slower than the mean


def nominal_seconds(timeout: float, held: int, most: float | None, workers: int) -> float:
    """How long a volunteer may take for a lease: generous, as leaving is noticed at once in other ways.

    Args:
        timeout: seconds of computing that one payload may take.
        held: leases that the volunteer will hold, this one included.
        most: seconds of computing that nine of ten payloads have kept to; None if unknown.
        workers: how many payloads the volunteer computes at once.
    """
    each = timeout / 2 if most is None else min(timeout, most)
    return timeout * SLACK_FACTOR + QUEUE_FACTOR * each * held / max(1, workers) + SLACK_SECONDS


@dataclass(slots=True, eq=False)
class Batch:
    """Leases of one task that a volunteer was given at once; they have one deadline."""

    task: int
    volunteer: str
    deadline: float
    lost: bool = False
    """The volunteer has said that it does not hold them: they never reached it, or it came back without them."""


class Lease(NamedTuple):
    """One lease as the book knows it: its batch, and its payload's index."""

    batch: Batch
    payload: int


class Freed(NamedTuple):
    """A lease that ended without an answer: its payload is to go out again."""

    lease: int
    task: int
    payload: int
    volunteer: str


class LeaseBook:
    """All leases that were neither answered nor forgotten."""

    def __init__(self) -> None:
        self._open: dict[int, Lease] = {}
        self._ended: dict[int, Lease] = {}
        self._held: dict[str, set[int]] = {}
        self._of: dict[tuple[int, int], list[int]] = {}
        """By task and payload: its leases, open and ended."""
        self._rests_on: dict[int, Hands] = {}
        """Leases that were given with a state, open and ended."""
        self._deadlines: list[tuple[float, int, Batch, Sequence[int]]] = []
        self._order = count()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def next_deadline(self) -> float | None:
        """When :meth:`expire` is to be called next at the latest; None: there is no lease."""
        return self._deadlines[0][0] if self._deadlines else None

    def held(self, volunteer: str) -> int:
        """How many open leases a volunteer has."""
        leases = self._held.get(volunteer)
        return len(leases) if leases else 0

    def first(self, volunteer: str, count: int) -> list[int]:
        """The oldest open leases of a volunteer, in order: what it is computing, as it goes by this order."""
        return heapq.nsmallest(count, self._held.get(volunteer, ()))

    def holders(self) -> list[str]:
        """Volunteers with open leases."""
        return [volunteer for volunteer, leases in self._held.items() if leases]

    def open_of(self, task: int) -> dict[str, list[int]]:
        """A task's open leases by volunteer, in order."""
        found: dict[str, list[int]] = {}
        for lease, (batch, _) in self._open.items():
            if batch.task == task:
                found.setdefault(batch.volunteer, []).append(lease)
        return found

    def find(self, lease: int) -> Lease | None:
        """A lease, open or ended; None if it was answered, forgotten, or never given."""
        return self._open.get(lease) or self._ended.get(lease)

    def is_open(self, lease: int) -> bool:
        """Whether a lease is open."""
        return lease in self._open

    def issue(self, task: int, volunteer: str, first: int, indexes: Sequence[int], deadline: float) -> None:
        """Lease payloads to a volunteer; the leases' ids are ``first``, ``first + 1``, ..."""
        leases = range(first, first + len(indexes))
        batch = Batch(task, volunteer, deadline)
        self._open.update(zip(leases, (Lease(batch, index) for index in indexes), strict=True))
        self._held.setdefault(volunteer, set()).update(leases)
        heapq.heappush(self._deadlines, (deadline, next(self._order), batch, leases))
        of = self._of
        for lease, index in zip(leases, indexes, strict=True):
            others = of.get((task, index))
            if others is None:
                of[task, index] = [lease]
            else:
                others.append(lease)

    def rest(self, lease: int, rests_on: Hands) -> None:
        """A lease in the book goes on from a state that is the work of these volunteers."""
        if rests_on:
            self._rests_on[lease] = rests_on

    def rests_on(self, lease: int) -> Hands:
        """On whose work a lease in the book goes on."""
        return self._rests_on.get(lease, NOBODY)

    def restore_ended(self, lease: int, task: int, index: int, volunteer: str) -> None:
        """A lease that had ended before this process started."""
        self._ended[lease] = Lease(Batch(task, volunteer, 0.0), index)
        self._of.setdefault((task, index), []).append(lease)

    def close(self, lease: int) -> bool:
        """Take a lease out, as its result has come or is not wanted any more. Whether it was open, not ended."""
        found = self._close(lease)
        if found is None:
            found = self._ended.pop(lease)
            self._forget(lease, found)
            return False
        self._forget(lease, found)
        return True

    def settle(self, task: int, index: int) -> list[int]:
        """Forget the ended leases of a settled payload. Returns their ids, for the database."""
        others = self._of.get((task, index))
        if not others:
            return []
        ended = [lease for lease in others if lease in self._ended]
        for lease in ended:
            self._forget(lease, self._ended.pop(lease))
        return ended

    def leases_of(self, task: int, index: int) -> list[tuple[int, str]]:
        """The open leases of a payload, and whose they are."""
        open_ = self._open
        return [(lease, open_[lease].batch.volunteer) for lease in self._of.get((task, index), ()) if lease in open_]

    def end(self, leases: Iterable[int], volunteer: str | None = None) -> list[Freed]:
        """End open leases (of this volunteer, if one is named); others are passed over."""
        freed = []
        for lease in leases:
            found = self._open.get(lease)
            if found is not None and volunteer in (None, found.batch.volunteer):
                self._close(lease)
                self._ended[lease] = found
                freed.append(Freed(lease, found.batch.task, found.payload, found.batch.volunteer))
        return freed

    def leave(self, volunteer: str) -> list[Freed]:
        """End everything that a volunteer holds."""
        return self.end(sorted(self._held.get(volunteer, ())))

    def expire(self, now: float) -> list[Freed]:
        """End what is over its deadline."""
        late: list[int] = []
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, batch, leases = heapq.heappop(self._deadlines)
            late.extend(lease for lease in leases if (found := self._open.get(lease)) and found.batch is batch)
        return self.end(late)

    def confirm(self, volunteer: str, holding: set[int], deadline: float) -> None:
        """A volunteer has said what it holds: its other leases get no longer than ``deadline``.

        They may be results that are still on their way.
        """
        self.shorten(volunteer, [lease for lease in self._held.get(volunteer, ()) if lease not in holding], deadline)

    def shorten(self, volunteer: str, leases: Iterable[int], deadline: float) -> None:
        """These leases of a volunteer, as far as they are open, get no longer than ``deadline``."""
        batches: dict[int, list[int]] = {}
        for lease in leases:
            if lease in self._open:
                batches.setdefault(self._open[lease].batch.task, []).append(lease)
        for task, own in batches.items():
            late = [lease for lease in own if self._open[lease].batch.deadline > deadline]
            self._redate(Batch(task, volunteer, deadline, lost=True), late)

    def ended(self, lease: int, volunteer: str) -> Lease | None:
        """An ended lease of this volunteer, if it is one and the volunteer does not hold its payload anew."""
        found = self._ended.get(lease)
        if found is None or found.batch.volunteer != volunteer:
            return None
        holders = self.leases_of(found.batch.task, found.payload)
        return None if any(holder == volunteer for _, holder in holders) else found

    def resume(self, lease: int, deadline: float) -> None:
        """Open an ended lease again: its volunteer is back."""
        found, rests_on = self._ended.pop(lease), self.rests_on(lease)
        self._forget(lease, found)
        self.issue(found.batch.task, found.batch.volunteer, lease, [found.payload], deadline)
        self.rest(lease, rests_on)

    def forget_task(self, task: int) -> None:
        """Drop every lease of a task."""
        for leases in (self._open, self._ended):
            for lease in [lease for lease, found in leases.items() if found.batch.task == task]:
                self.close(lease)

    def _redate(self, batch: Batch, leases: list[int]) -> None:
        for lease in leases:
            self._open[lease] = Lease(batch, self._open[lease].payload)
        if leases:
            heapq.heappush(self._deadlines, (batch.deadline, next(self._order), batch, leases))

    def _close(self, lease: int) -> Lease | None:
        found = self._open.pop(lease, None)
        if found is not None:
            held = self._held[found.batch.volunteer]
            held.discard(lease)
            if not held:
                del self._held[found.batch.volunteer]
        return found

    def _forget(self, lease: int, found: Lease) -> None:
        key = found.batch.task, found.payload
        self._rests_on.pop(lease, None)
        others = self._of[key]
        if len(others) == 1:
            del self._of[key]
        else:
            others.remove(lease)

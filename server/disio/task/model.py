"""The states of tasks, payloads and leases, and the moves between them that are legal."""

from enum import IntEnum, StrEnum
from typing import Final

from disio.errors import ConflictError


class TaskState(StrEnum):
    """Where a task stands. The values are what the API and the database show."""

    RUNNING = "running"
    """Payloads are made, handed out and answered."""
    PAUSED = "paused"
    """Nothing is handed out and nothing is made; answers that were under way are still used."""
    REDUCING = "reducing"
    """Every payload is settled; the unit's ``reduce`` makes the answer."""
    FINISHED = "finished"
    """Every payload has its accepted result."""
    FINISHED_WITH_FAILURES = "finished-with-failures"
    """Every payload is settled, and some were set aside."""
    FAILED = "failed"
    """The task cannot go on: its ``split`` or its ``reduce`` failed. What was accepted until then is kept."""
    CANCELLED = "cancelled"
    """The researcher has given it up."""
    DELETING = "deleting"
    """All that is kept of it is being removed; then it is gone."""

    @property
    def under_way(self) -> bool:
        """Whether payloads are open: they wait, are leased, or rest during a pause."""
        return self in (TaskState.RUNNING, TaskState.PAUSED)

    @property
    def ended(self) -> bool:
        """Whether nothing more will be computed."""
        return not self.under_way and self is not TaskState.REDUCING


_MOVES: Final[dict[TaskState, frozenset[TaskState]]] = {
    TaskState.RUNNING: frozenset(
        {
            TaskState.PAUSED,
            TaskState.REDUCING,
            TaskState.FINISHED,
            TaskState.FINISHED_WITH_FAILURES,
            TaskState.FAILED,
            TaskState.CANCELLED,
        }
    ),
    TaskState.PAUSED: frozenset({TaskState.RUNNING, TaskState.CANCELLED}),
    TaskState.REDUCING: frozenset(
        {TaskState.FINISHED, TaskState.FINISHED_WITH_FAILURES, TaskState.FAILED, TaskState.CANCELLED}
    ),
    TaskState.FINISHED: frozenset({TaskState.DELETING}),
    TaskState.FINISHED_WITH_FAILURES: frozenset({TaskState.DELETING}),
    TaskState.FAILED: frozenset({TaskState.DELETING}),
    TaskState.CANCELLED: frozenset({TaskState.DELETING}),
    TaskState.DELETING: frozenset(),
}


def move(old: TaskState, new: TaskState) -> TaskState:
    """The new state, if a task may go there from the old one.

    Raises:
        ConflictError: it may not.
    """
    if new not in _MOVES[old]:
        raise ConflictError(f"the task is {old}; it cannot become {new}")
    return new


class PayloadState(IntEnum):
    """What has been decided about a payload. The values are those of ``verdicts.state`` in the database."""

    OPEN = 0
    """Nothing yet: it waits, or is leased. (No row in ``verdicts``.)"""
    ACCEPTED = 1
    """It has its result."""
    SET_ASIDE = 2
    """It failed too often; the task goes on without it."""


class LeaseState(IntEnum):
    """Where a lease stands. The values are those of ``leases.state``; an answered lease is a row of ``results``."""

    OPEN = 0
    """A volunteer is expected to answer it before its deadline."""
    ENDED = 1
    """Expired, given back, or its volunteer has left: the payload goes out again, a late answer is still used."""

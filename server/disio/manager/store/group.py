"""What is written in one transaction."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

Row = tuple[Any, ...]


EVENTS_KEPT: Final = 1000
"""Events of a task that are kept: the last ones."""


class Clock:
    """Microseconds of Unix time that never repeat and never go back; ``last`` is the newest that was given."""

    def __init__(self, last: int = 0) -> None:
        self._last = last

    def tick(self) -> int:
        """The present time, or the next free moment after the last one."""
        self._last = max(self._last + 1, time.time_ns() // 1000)
        return self._last


@dataclass(slots=True)
class Group:
    """Rows gathered for one transaction. Each list is one query of ``queries.sql``, whose columns its rows have.

    Rows are kept until the transaction is done, so that a group that did not fit the disk can be tried again.
    """

    meta: dict[str, Any] = field(default_factory=dict)
    files: list[Row] = field(default_factory=list)
    tasks: list[Row] = field(default_factory=list)
    payloads: list[Row] = field(default_factory=list)
    results: list[Row] = field(default_factory=list)
    voters: dict[tuple[int, str], Row] = field(default_factory=dict)
    """By task and volunteer: what is known of it now."""
    uncompared: list[Row] = field(default_factory=list)
    compared: list[Row] = field(default_factory=list)
    """Answers that wait no longer for ``agree``: (lease,)."""
    votes: list[Row] = field(default_factory=list)
    verdicts: dict[tuple[int, int], Row | None] = field(default_factory=dict)
    """By task and payload: (task, index, state, lease, final); None: nothing any more. :meth:`statements` adds when."""
    forgotten: list[Row] = field(default_factory=list)
    """Settled payloads that left the memory: (task, index)."""
    doubted_voters: list[Row] = field(default_factory=list)
    """Blacklisted volunteers: (task, volunteer)."""
    doubted_stints: list[Row] = field(default_factory=list)
    """(task, volunteer, stint)."""
    closed: list[Row] = field(default_factory=list)
    """Leases that were answered, or whose payload is settled: (lease,)."""
    ended: list[Row] = field(default_factory=list)
    """Leases whose payloads go out again: (lease,)."""
    resumed: dict[int, Row] = field(default_factory=dict)
    """Ended leases that are open again: lease to (issued, seconds, lease)."""
    leases: list[Row] = field(default_factory=list)
    touches: list[Row] = field(default_factory=list)
    """On whose work leases go on: (lease, task, index, volunteer)."""
    checkpoints: dict[tuple[int, int, str], Row | None] = field(default_factory=dict)
    """By task, payload and volunteer: (task, index, volunteer, lease, state); None: not needed any more."""
    events: list[Row] = field(default_factory=list)
    """What units told: (task, index, volunteer, data); when is added in :meth:`statements`."""
    ended_tasks: list[Row] = field(default_factory=list)
    """Tasks whose leases are dropped: (task,)."""
    answers: list[Row] = field(default_factory=list)
    progress: dict[int, Callable[[], Row]] = field(default_factory=dict)
    """Tasks whose row has changed: number to what makes the row when the group is written."""
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """Has a result once the group is durable."""
    clock: Clock = field(default_factory=Clock)
    _frozen: list[tuple[str, Sequence[Row]]] | None = None

    def statements(self) -> Iterator[tuple[str, Sequence[Row]]]:
        """Query and rows of everything to be written, in an order in which later rows may rely on earlier ones."""
        if self._frozen is None:
            every = (
                ("set_meta", list(self.meta.items())),
                ("add_files", self.files),
                ("add_tasks", self.tasks),
                ("add_payloads", self.payloads),
                ("add_results", self.results),
                ("set_voters", list(self.voters.values())),
                ("add_uncompared", self.uncompared),
                ("delete_uncompared", self.compared),
                ("add_votes", self.votes),
                ("delete_verdicts", [key for key, row in self.verdicts.items() if row is None]),
                ("set_verdicts", [(*row, self.clock.tick()) for row in self.verdicts.values() if row is not None]),
                ("forget_verdicts", self.forgotten),
                ("doubt_voters", self.doubted_voters),
                ("doubt_stints", self.doubted_stints),
                ("delete_leases", self.closed),
                ("end_leases", self.ended),
                ("resume_leases", list(self.resumed.values())),
                ("add_leases", self.leases),
                ("add_touches", self.touches),
                ("set_checkpoints", [row for row in self.checkpoints.values() if row is not None]),
                ("delete_checkpoints", [key for key, row in self.checkpoints.items() if row is None]),
                ("delete_task_checkpoints", self.ended_tasks),
                ("add_events", [(*row, self.clock.tick()) for row in self.events]),
                ("trim_events", [(task, task, EVENTS_KEPT) for task in {row[0] for row in self.events}]),
                ("delete_task_leases", self.ended_tasks),
                ("delete_task_uncompared", self.ended_tasks),
                ("add_answers", self.answers),
                ("update_tasks", [row() for row in self.progress.values()]),
            )
            self._frozen = [(query, rows) for query, rows in every if rows]
        return iter(self._frozen)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not any(
            chain(
                (self.meta, self.resumed, self.progress, self.voters, self.verdicts, self.checkpoints),
                (self.files, self.tasks, self.payloads, self.results, self.votes, self.forgotten),
                (self.uncompared, self.compared, self.doubted_voters, self.doubted_stints),
                (self.closed, self.ended, self.leases, self.touches, self.ended_tasks, self.answers, self.events),
            )
        )

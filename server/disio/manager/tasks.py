"""The tasks that a manager owns, and who waits to hear of their changes."""

import asyncio
import random
import sqlite3
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import msgspec

from disio.errors import NotFoundError
from disio.figures import counted
from disio.manager.store import Store
from disio.task.credibility import Rules
from disio.task.model import TaskState, move
from disio.task.pace import Pace
from disio.task.poison import Poison
from disio.task.schedule import TaskQueue
from disio.task.trust import FirstAnswer, arbiter
from disio.wire.grid import TaskList, TaskView
from disio.wire.kit import Kit

PUBLISH_SECONDS: Final = 0.2
"""Changes are told at most this often."""
RATE_SECONDS: Final = 5.0
MAX_PURPOSES: Final = 8
PURPOSE_CHARACTERS: Final = 200


class Meter:
    """How many a second, over the last five seconds."""

    def __init__(self) -> None:
        self._buckets: deque[tuple[float, int]] = deque()

    def count(self, number: int, now: float) -> None:
        """So many more, now (monotonic seconds)."""
        if self._buckets and now - self._buckets[-1][0] < PUBLISH_SECONDS:
            self._buckets[-1] = self._buckets[-1][0], self._buckets[-1][1] + number
        else:
            self._buckets.append((now, number))

    def rate(self, now: float) -> float:
        """Per second, lately."""
        while self._buckets and now - self._buckets[0][0] > RATE_SECONDS:
            self._buckets.popleft()
        if not self._buckets:
            return 0.0
        return sum(number for _, number in self._buckets) / max(now - self._buckets[0][0], 1.0)


@dataclass(slots=True, eq=False, kw_only=True)
class Task:
    """One task: what was submitted, and where it stands. ``queue`` has what waits and what is leased."""

    id: str
    number: int
    name: str
    filename: str
    description: str
    unit: str
    params: bytes
    priority: int
    timeout: float
    has_split: bool
    has_reduce: bool
    created: float
    rules: Rules
    has_agree: bool = False
    homepage: str = ""
    """The project's page, which visitors are shown a link to."""
    first_stint: int = 0
    """No stint of its volunteers has this number or a higher one yet."""
    open: bool = False
    """Payloads are added from outside, until it is closed."""
    owner: str = ""
    """The researcher who submitted it; empty where no token was asked for."""
    kit: Kit = field(default_factory=Kit)
    sites: list[str] = field(default_factory=list)
    """Only their visitors compute it; none: everybody's."""
    warnings: list[str] = field(default_factory=list)
    """What its unit does that may not do in browsers, or did."""
    state: TaskState = TaskState.RUNNING
    error: str = ""
    finished: float | None = None
    split_done: bool = False
    total: int | None = None
    stored: int = 0
    split_digest: str = ""
    accepted: int = 0
    failed: int = 0
    executions: int = 0
    computing_ms: float = 0.0
    disagreements: int = 0
    """Votes that contradicted another one."""
    blacklisted: int = 0
    doubt_sum: float = 0.0
    """Of the accepted answers."""
    doubts: int = 0
    """What is being judged anew, as volunteers were blacklisted: the task does not end before that is done."""
    has_answer: bool = False
    version: int = 0
    queue: TaskQueue = field(init=False)
    poison: Poison = field(default_factory=Poison)
    pace: Pace = field(default_factory=Pace)
    meter: Meter = field(default_factory=Meter)
    room: asyncio.Event = field(default_factory=asyncio.Event)
    """The hot window has room, or is not needed any more."""

    def __post_init__(self) -> None:
        chance = random.SystemRandom()  # nobody may foresee what is a check
        names = frozenset((self.id, self.name, self.filename.removesuffix(".py")))
        judging = arbiter(self.rules, chance, self.first_stint)
        self.queue = TaskQueue(self.number, judging, self.priority, names, self.sites)
        self.queue.complete = self.split_done

    def close_queue(self) -> None:
        """Forget payloads, votes and volunteers: they are not needed any more."""
        self.queue = TaskQueue(self.number, FirstAnswer(self.rules))

    @classmethod
    def from_row(cls, row: sqlite3.Row, manager: str, first_stint: int) -> "Task":
        """A task as the database has it."""
        columns: dict[str, Any] = {key: row[key] for key in row.keys()}  # noqa: SIM118 - a Row is no dict
        columns["state"] = TaskState(columns["state"])
        columns["kit"] = msgspec.json.decode(columns["kit"], type=Kit)
        columns["sites"] = msgspec.json.decode(columns["sites"], type=list[str])
        columns["warnings"] = msgspec.json.decode(columns["warnings"], type=list[str])
        columns["rules"] = msgspec.json.decode(columns["rules"], type=Rules)
        for flag in ("has_split", "has_reduce", "has_agree", "open", "split_done", "has_answer"):
            columns[flag] = bool(columns[flag])
        return cls(id=f"{manager}-{row['number']}", first_stint=first_stint, **columns)

    @property
    def settled(self) -> bool:
        """Whether there are no more payloads to come, and none is open."""
        decided = self.accepted + self.failed == self.stored
        return self.split_done and decided and not self.doubts and self.queue.arbiter.settled

    @property
    def mean_ms(self) -> float | None:
        """Computing time of one payload so far, in milliseconds."""
        return self.computing_ms / self.executions if self.executions else None

    def move(self, state: TaskState) -> None:
        """Go to another state.

        Raises:
            ConflictError: that is no legal move.
        """
        self.state = move(self.state, state)

    def new_row(self) -> tuple[Any, ...]:
        """What ``add_tasks`` stores."""
        return (
            self.number,
            self.name,
            self.filename,
            self.description,
            self.unit,
            self.params,
            self.priority,
            self.timeout,
            self.has_split,
            self.has_reduce,
            self.created,
            self.open,
            self.owner,
            msgspec.json.encode(self.kit).decode(),
            msgspec.json.encode(self.rules).decode(),
            self.has_agree,
            msgspec.json.encode(self.warnings).decode(),
            msgspec.json.encode(self.sites).decode(),
            self.homepage,
        )

    def progress_row(self) -> tuple[Any, ...]:
        """What ``update_tasks`` stores."""
        return (
            str(self.state),
            self.error,
            self.finished,
            self.open,
            self.split_done,
            self.total,
            self.stored,
            self.split_digest,
            self.accepted,
            self.failed,
            self.executions,
            self.computing_ms,
            self.disagreements,
            self.blacklisted,
            self.doubt_sum,
            msgspec.json.encode(self.warnings).decode(),
            self.number,
        )

    def view(self, manager: str, now: float) -> TaskView:
        """The task as others are shown it; ``now`` in monotonic seconds."""
        running = self.state is TaskState.RUNNING
        open_ = self.state.under_way
        known = self.total is not None
        return TaskView(
            task=self.id,
            manager=manager,
            name=self.name,
            filename=self.filename,
            description=self.description,
            unit=self.unit,
            params=self.params,
            state=str(self.state),
            error=self.error,
            created=self.created,
            finished=self.finished,
            priority=self.priority,
            timeout=self.timeout,
            version=self.version,
            split_done=self.split_done or known,
            payloads=self.total if self.total is not None else self.stored,
            ready=self.queue.arbiter.waiting if open_ else 0,
            leased=self.queue.leased if open_ else 0,
            accepted=self.accepted,
            failed=self.failed,
            executions=self.executions,
            volunteers=self.queue.volunteers if running else 0,
            mean_ms=self.mean_ms or 0.0,
            rate=self.meter.rate(now) if running else 0.0,
            has_answer=self.has_answer,
            open=self.open,
            owner=self.owner,
            sites=self.sites,
            warnings=self.warnings,
            checked=self.rules.plain_votes != 1,
            disagreements=self.disagreements,
            blacklisted=self.blacklisted,
            suspects=self.queue.arbiter.suspects if open_ else 0,
            doubt=self.doubt_sum / self.accepted if self.accepted else 0.0,
            shortage=self._shortage() if running and not self.settled else "",
        )

    def _shortage(self) -> str:
        needed, here = self.queue.arbiter.shortage
        if here >= needed:
            return ""
        trusted = self.rules.trust_volunteers
        if trusted is True:
            first = "a trusted volunteer, or "
        else:
            first = f"a volunteer with the key {' or '.join(trusted)}, or " if trusted else ""
        others = " of different networks" if self.rules.by_network else ""
        wanted = f"{first}answers from {counted(needed, 'volunteer')}{others}"
        present = f"{counted(here, 'is', 'are')} here"
        if not self.sites:
            return f"needs {wanted}; {present if here else 'nobody is here'}"
        # Volunteers of other sites may be here, also trusted ones: they are none of those who are wanted.
        of_them = present if here else "none of them is here"
        return f"is for visitors of {', '.join(self.sites)} only, and needs {wanted} there; {of_them}"


class Tasks:
    """All tasks by number, with a version that grows with each change that is told."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tasks: dict[int, Task] = {}
        self._changed: dict[int, Task] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._published = 0.0
        self._news = asyncio.Event()
        # Versions must not begin anew after a restart: who waits for news compares with older ones.
        self.version = time.time_ns() // 1000

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks.values())

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: Task) -> None:
        """A task that is new, or was read from the database."""
        self._tasks[task.number] = task
        self.touch(task)

    def remove(self, task: Task) -> None:
        """A task is there no more; that is told soon."""
        del self._tasks[task.number]
        self.touch(task)

    def get(self, task_id: str) -> Task | None:
        """A task by its id."""
        manager, _, number = task_id.partition("-")
        if manager != self._store.manager or not number.isdecimal():
            return None
        return self._tasks.get(int(number))

    def by_number(self, number: int) -> Task:
        """A task by its number."""
        return self._tasks[number]

    def find(self, task_id: str) -> Task:
        """A task by its id.

        Raises:
            NotFoundError: this manager has none of this id.
        """
        task = self.get(task_id)
        if task is None or task.id != task_id:  # no other way to write it: not mgr-01 for mgr-1
            raise NotFoundError(f"there is no task {task_id}; `disio status` lists the tasks")
        return task

    def changed(self, task: Task) -> None:
        """Something about a task has changed: it is written with the present group, and told soon."""
        self._store.group.progress[task.number] = task.progress_row
        self.touch(task)

    def touch(self, task: Task) -> None:
        """Something that is not stored has changed (leases, volunteers): it is told soon."""
        self._changed[task.number] = task
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._published + PUBLISH_SECONDS), self._publish)

    def purposes(self) -> list[str]:
        """What visitors are told that the running tasks are for: the first line of what each says, the newest first."""
        running = (task for task in reversed(self._tasks.values()) if task.state is TaskState.RUNNING)
        lines = (task.description.strip().partition("\n")[0][:PURPOSE_CHARACTERS] or task.name for task in running)
        return list(islice(dict.fromkeys(lines), MAX_PURPOSES))

    def refresh(self, now: float) -> None:
        """Have rates told that fall because nothing happens."""
        for task in self._tasks.values():
            if task.state is TaskState.RUNNING and task.meter.rate(now):
                self.touch(task)

    def _publish(self) -> None:
        self._timer = None
        self._published = asyncio.get_running_loop().time()
        for task in self._changed.values():
            self.version += 1
            task.version = self.version
        self._changed.clear()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def view(self, task: Task) -> TaskView:
        """A task as others are shown it."""
        return task.view(self._store.manager, asyncio.get_running_loop().time())

    def list(self) -> TaskList:
        """All tasks as others are shown them, newest first."""
        return TaskList(self.version, [self.view(task) for task in reversed(self._tasks.values())])

    async def news(self, since: int, wait: float, task: Task | None = None) -> None:
        """Wait until the version (of one task, or of all) passes ``since``, or ``wait`` seconds have passed."""
        try:
            async with asyncio.timeout(wait):
                while (self if task is None else task).version <= since:
                    await self._news.wait()
        except TimeoutError:
            pass

    async def end_of(self, task: Task) -> None:
        """Wait until a task has no open payloads any more."""
        while task.state.under_way:
            await self._news.wait()

    def close(self) -> None:
        """Tell nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

"""Links from the dashboard to its managers: calls, who is there, and what changed.

The dashboard holds no state of its own. A link remembers what its manager last said, so that tasks
of a manager that is away can still be shown, marked as such; everything else is asked for anew.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Iterator
from typing import Final, TypeVar

import structlog

from disio.errors import DisioError, NotFoundError, ProtocolError, UnreachableError
from disio.wire import grid
from disio.wire.api import error_from
from disio.wire.discovery import Found, browse
from disio.wire.zmq import NOBODY, Dialer, GridKey, normal_address

CALL_SECONDS: Final = 15.0
"""How long a manager may take to answer a call, beyond the ``wait`` asked for."""
WATCH_SECONDS: Final = 25.0
"""How long one request for changes is held open."""
PACE_SECONDS: Final = 0.4
"""The shortest time between two looks at the same manager's tasks: what eyes can follow."""
ARRIVAL_SECONDS: Final = 5.0
"""How long a request waits for a manager that is just starting."""

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Link:
    """One manager, as seen from here."""

    def __init__(self, address: str, key: GridKey | None, *, discovered: str = "") -> None:
        self.address = normal_address(address)
        self.id = discovered
        self.tasks: dict[str, grid.TaskView] = {}
        self.discovered = bool(discovered)
        self.up = asyncio.Event()
        self._key = key
        self._dialer: Dialer | None = None
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[grid.Response]] = {}

    async def run(self, links: "Links") -> None:
        """Keep the link until it is cancelled."""
        try:
            async with Dialer(self.address, self._key) as dialer, asyncio.TaskGroup() as group:
                self._dialer = dialer
                group.create_task(self._receive())
                group.create_task(self._watch(links))
                group.create_task(self._follow(links))
                group.create_task(self._tell_if_absent())
        finally:
            self._lost()

    async def call(self, request: grid.Request, kind: type[T], *, wait: float = 0.0) -> T:
        """Ask the manager; the answer is of type ``kind``.

        Raises:
            UnreachableError: it is away, or does not answer in time.
            DisioError: what the manager answered when it could not do it.
        """
        number = next(self._numbers)
        answer: asyncio.Future[grid.Response] = asyncio.get_running_loop().create_future()
        self._open[number] = answer
        try:
            if self._dialer is None or not await self._dialer.send(grid.Call(number, request)):
                raise self.away()
            async with asyncio.timeout(CALL_SECONDS + wait):
                response = await answer
        except TimeoutError:
            raise UnreachableError(
                f"the manager at {self.address} did not answer in {CALL_SECONDS + wait:.0f} seconds; look at its log"
            ) from None
        finally:
            self._open.pop(number, None)
        if isinstance(response, grid.Failure):
            raise error_from(response.code, response.message)
        if not isinstance(response, kind):
            raise ProtocolError(f"the manager at {self.address} answered with {type(response).__name__}")
        return response

    def away(self) -> UnreachableError:
        """The error that says that this manager does not answer, and what to do."""
        name = f"manager {self.id} at {self.address}" if self.id else f"manager at {self.address}"
        return UnreachableError(
            f"the {name} does not answer; nothing is lost: start it again, or check its address and the grid key"
        )

    async def _follow(self, links: "Links") -> None:
        assert self._dialer is not None  # noqa: S101 - set by run
        async for made in self._dialer.changes():
            if made:
                log.info("manager reached", address=self.address)
                self.up.set()
            elif self.up.is_set():
                log.warning("manager lost", address=self.address, manager=self.id)
                self._lost()
            links.changed()

    async def _tell_if_absent(self) -> None:
        try:
            async with asyncio.timeout(ARRIVAL_SECONDS):
                await self.up.wait()
        except TimeoutError:
            log.warning(NOBODY, address=self.address)

    def _lost(self) -> None:
        self.up.clear()
        for answer in self._open.values():
            if not answer.done():
                answer.set_exception(self.away())

    async def _receive(self) -> None:
        assert self._dialer is not None  # noqa: S101 - set by run
        while True:
            try:
                message = await self._dialer.receive()
            except ProtocolError as error:
                log.warning("message not understood", address=self.address, error=str(error))
                continue
            if isinstance(message, grid.Reply):
                answer = self._open.get(message.id)
                if answer is not None and not answer.done():
                    answer.set_result(message.response)

    async def _watch(self, links: "Links") -> None:
        while True:
            await self.up.wait()
            try:
                self.id = (await self.call(grid.GetGrid(), grid.GridView)).manager
                await self._watch_tasks(links)
            except DisioError as error:
                log.debug("watch interrupted", address=self.address, error=str(error))
                await asyncio.sleep(PACE_SECONDS)

    async def _watch_tasks(self, links: "Links") -> None:
        since = -1
        while True:
            listed = await self.call(grid.ListTasks(since=since, wait=WATCH_SECONDS), grid.TaskList, wait=WATCH_SECONDS)
            if listed.version != since:
                since = listed.version
                self.tasks = {view.task: view for view in listed.tasks}
                links.changed()
            await asyncio.sleep(PACE_SECONDS)


class Links:
    """All managers: given by address, or found by zeroconf. ``run`` keeps the links."""

    def __init__(self, addresses: tuple[str, ...], *, discover: bool, key: GridKey | None = None) -> None:
        self.version = 0
        self._key = key
        self._discover = discover
        self._links = {link.address: link for link in (Link(address, key) for address in addresses)}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Keep links to all managers until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for link in list(self._links.values()):
                self._start(link)
            if self._discover:
                group.create_task(self._find())

    def changed(self) -> None:
        """Something about managers or tasks is new."""
        self.version += 1
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, since: int, seconds: float) -> int:
        """The present version: at once if it is not ``since``, else when it changes or time is up."""
        if self.version == since:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._news.wait()
        return self.version

    def __iter__(self) -> Iterator[Link]:
        """Every manager once, even if it is known by two addresses; reachable ones first."""
        seen: set[str] = set()
        for link in sorted(self._links.values(), key=lambda link: not link.up.is_set()):
            if not link.id or link.id not in seen:
                seen.add(link.id)
                yield link

    def owner(self, task: str) -> Link:
        """The link to the manager that owns the task, by the task's id.

        Raises:
            NotFoundError: no manager with that id is known.
            UnreachableError: it may be one that has not answered yet.
        """
        manager = task.rpartition("-")[0]
        silent = None
        for link in self:
            if link.id and link.id == manager:
                return link
            if not link.id:
                silent = link
        if silent is not None:
            raise silent.away()
        raise NotFoundError(f"there is no task {task}; `disio status` lists the tasks there are")

    async def for_task(self, task: str) -> Link:
        """As :meth:`owner`, but waits a moment for managers that are just starting."""
        await self.arrival()
        return self.owner(task)

    async def for_submission(self, manager: str = "") -> Link:
        """The manager with this id, or else the one with the least work left.

        Raises:
            UnreachableError: none is there.
            NotFoundError: no manager has this id.
        """
        await self.arrival()
        reachable = [link for link in self if link.up.is_set() and link.id]
        if manager:
            for link in reachable:
                if link.id == manager:
                    return link
            raise NotFoundError(
                f"no manager {manager} is reachable; leave it out to let the least busy one take the task"
            )
        if not reachable:
            known = ", ".join(link.address for link in self)
            raise UnreachableError(
                f"no manager answers at {known}; start it with `disio manager`, "
                "or give the dashboard the right address and grid key (--manager, --key)"
                if known
                else "no manager is known; start one with `disio manager`, or name one with --manager HOST:PORT"
            )
        return min(reachable, key=_work_left)

    async def arrival(self, seconds: float = ARRIVAL_SECONDS) -> None:
        """Return once some manager is reachable and has said its id, or after so many seconds."""

        async def arrive() -> None:
            while not any(link.up.is_set() and link.id for link in self._links.values()):
                await self._news.wait()

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await arrive()

    def _start(self, link: Link) -> None:
        assert self._group is not None  # noqa: S101 - set by run
        self._links[link.address] = link
        self._tasks[link.address] = self._group.create_task(self._keep(link))

    async def _keep(self, link: Link) -> None:
        try:
            await link.run(self)
        finally:
            self._links.pop(link.address, None)
            self._tasks.pop(link.address, None)
            self.changed()

    async def _find(self) -> None:
        async for event in browse("manager"):
            known = next((link for link in self._links.values() if link.id == event.id), None)
            if isinstance(event, Found):
                self._found(event, known)
            # One that says goodbye stays listed as away: its tasks are still there when it comes back.

    def _found(self, event: Found, known: Link | None) -> None:
        address = normal_address(event.address)
        if address in self._links or (known is not None and not known.discovered):
            return
        link = Link(event.address, self._key, discovered=event.id)
        if known is not None:
            link.tasks = known.tasks
            self._tasks[known.address].cancel()
        self._start(link)


def _work_left(link: Link) -> int:
    return sum(view.ready + view.leased for view in link.tasks.values())

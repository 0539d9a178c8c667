"""A distributor and a dashboard in one, by script: real ZeroMQ to a real manager."""

import asyncio
import contextlib
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from disio.manager import ManagerConfig, serve
from disio.unit.codec import decode, encode
from disio.wire import grid
from disio.wire.volunteer import Agent, ResultItem
from disio.wire.zmq import Dialer

T = TypeVar("T")
PATIENCE = 20.0

Compute = Callable[[Any], Any]


async def eventually(condition: Callable[[], bool]) -> None:
    """Return when a condition holds about what tells nothing of itself, such as another process."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.02)


class Held:
    """One lease that a scripted volunteer holds."""

    def __init__(self, task: str, lease: int, index: int, payload: bytes, state: bytes = b"") -> None:
        self.task, self.lease, self.index, self.payload, self.state = task, lease, index, payload, state


class ScriptedDistributor:
    """Speaks as a distributor for volunteers, and as a dashboard for calls."""

    def __init__(self, address: str, name: str = "d1") -> None:
        self._dialer = Dialer(address)
        self.name = name
        self.welcome: grid.Welcome | None = None
        self.messages: list[grid.FromManager] = []
        self.tasks: dict[str, grid.TaskInfo] = {}
        self.held: dict[str, list[Held]] = {}
        self.acked: dict[int, int] = {}
        self.rejected: dict[int, str] = {}
        self.dry: set[str] = set()
        self.called = 0
        """How often it was told that there is work again."""
        self.joined: dict[str, grid.Joined] = {}
        self._numbers = 0
        self._replies: dict[int, asyncio.Future[grid.Response]] = {}
        self._news = asyncio.Event()
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._dialer.__aenter__()
        changes = self._dialer.changes()
        await asyncio.wait_for(anext(changes), PATIENCE)
        await changes.aclose()
        self._running = [asyncio.create_task(self._receive()), asyncio.create_task(self._beat())]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._dialer.close()

    def stop_beats(self) -> None:
        """Fall silent, as if the machine had vanished."""
        self._running[1].cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(1)
            await self.send(grid.Beat())

    async def send(self, message: grid.ToManager) -> None:
        """Send to the manager."""
        await self._dialer.send(message)

    async def hello(self) -> grid.Welcome:
        """Say hello, and wait to be welcomed."""
        self.welcome = None
        await self.send(
            grid.DistributorHello(
                version=grid.GRID_VERSION, distributor=self.name, session=secrets.token_hex(4), url="http://d.test"
            )
        )
        await self.until(lambda: self.welcome is not None)
        assert self.welcome is not None
        return self.welcome

    async def join(
        self, *volunteers: str, holding: dict[str, list[int]] | None = None, network: str | None = None, key: str = ""
    ) -> None:
        """Announce volunteers, each of a network of its own unless one is named."""
        assert self.welcome is not None
        for volunteer in volunteers:
            await self.send(
                grid.Joined(
                    volunteer=volunteer,
                    site="https://site.test",
                    agent=Agent(browser="script"),
                    workers=1,
                    holding=holding or {},
                    network=f"net of {volunteer}" if network is None else network,
                    salt=self.welcome.salt,
                    key=key,
                )
            )

    async def want(self, volunteer: str, count: int) -> None:
        """Ask for leases."""
        self.dry.discard(volunteer)
        await self.send(grid.Want([grid.Ask(volunteer, count)]))

    async def answer(self, volunteer: str, held: Iterable[Held], compute: Compute | None = None) -> None:
        """Send results for leases of one task: what ``compute`` makes of the payloads; None: a failure."""
        items, parts = [], []
        task = ""
        for lease in held:
            task = lease.task
            if compute is None:
                data = b'{"kind":"exception","message":"ValueError: no","traceback":"line 1"}'
            else:
                data = encode(compute(decode(lease.payload)))
            items.append(ResultItem(lease.lease, 0 if compute else 1, len(data), 1.5))
            parts.append(data)
        await self.send(grid.Results(task, volunteer, items, b"".join(parts)))

    async def raw_results(self, task: str, volunteer: str, lease: int, data: bytes, outcome: int = 0) -> None:
        """Send one result as it stands."""
        await self.send(grid.Results(task, volunteer, [ResultItem(lease, outcome, len(data), 1.0)], data))

    async def leases(self, volunteer: str, count: int) -> list[Held]:
        """Ask for leases and wait until so many are held; they are taken out of ``held``."""
        await self.want(volunteer, count)
        await self.until(lambda: len(self.held.get(volunteer, ())) >= count)
        taken, self.held[volunteer] = self.held[volunteer][:count], self.held[volunteer][count:]
        return taken

    async def work(self, volunteer: str, compute: Compute | None, *, window: int = 200) -> None:
        """Compute whatever comes for a volunteer until cancelled."""
        while True:
            called = self.called
            await self.want(volunteer, window)
            await self.until(lambda called=called: bool(self.held.get(volunteer)) or self.called != called)  # type: ignore[misc]
            by_task: dict[str, list[Held]] = {}
            for lease in self.held.pop(volunteer, []):
                by_task.setdefault(lease.task, []).append(lease)
            for leases in by_task.values():
                await self.answer(volunteer, leases, compute)

    @contextlib.asynccontextmanager
    async def working(self, volunteers: Iterable[str], compute: Compute | None) -> AsyncIterator[None]:
        """Volunteers that compute while the context is open."""
        workers = [asyncio.create_task(self.work(volunteer, compute)) for volunteer in volunteers]
        try:
            yield
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def call(self, request: grid.Request, kind: type[T]) -> T:
        """Ask as a dashboard does."""
        self._numbers += 1
        future: asyncio.Future[grid.Response] = asyncio.get_running_loop().create_future()
        self._replies[self._numbers] = future
        await self.send(grid.Call(self._numbers, request))
        response = await asyncio.wait_for(future, PATIENCE)
        assert isinstance(response, kind), response
        return response

    async def submit(self, source: str, params: Any, **options: Any) -> grid.TaskView:
        """Submit a unit; unless other settings are given, the first answer to a payload is taken."""
        options.setdefault("checking", {"error_rate": 1})
        request = grid.SubmitTask(source=source, filename="unit.py", params=encode(params), **options)
        return await self.call(request, grid.TaskView)

    async def task(self, task: str) -> grid.TaskView:
        """A task as it stands."""
        return await self.call(grid.GetTask(task=task), grid.TaskView)

    async def ended(self, task: str, *states: str) -> grid.TaskView:
        """Wait until a task has ended, in one of these states."""
        since = -1
        async with asyncio.timeout(PATIENCE * 3):
            while True:
                view = await self.call(grid.GetTask(task=task, since=since, wait=5), grid.TaskView)
                if view.state not in ("running", "reducing"):
                    assert view.state in (states or ("finished",)), view
                    return view
                since = view.version

    async def when(self, task: str, condition: Callable[[grid.TaskView], bool]) -> grid.TaskView:
        """Wait until a task's view fulfils a condition."""
        since = -1
        async with asyncio.timeout(PATIENCE):
            while True:
                view = await self.call(grid.GetTask(task=task, since=since, wait=5), grid.TaskView)
                if condition(view):
                    return view
                since = view.version

    async def results(self, task: str) -> list[grid.ResultView]:
        """All accepted results."""
        items: list[grid.ResultView] = []
        more = True
        while more:
            after = items[-1].index if items else -1
            page = await self.call(grid.GetResults(task=task, after=after, limit=100), grid.ResultPage)
            items += page.items
            more = page.more
        return items

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for messages until a condition holds."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def _receive(self) -> None:
        while True:
            message = await self._dialer.receive()
            self.messages.append(message)
            match message:
                case grid.Welcome():
                    self.welcome = message
                case grid.TaskInfo():
                    self.tasks[message.task] = message
                case grid.Grant():
                    start = 0
                    for item in message.items:
                        payload = message.data[start : start + item.size]
                        state = message.data[start + item.size : start + item.bytes]
                        start += item.bytes
                        lease = Held(message.task, item.lease, item.index, payload, state)
                        self.held.setdefault(message.volunteer, []).append(lease)
                case grid.Ack():
                    for number in message.leases:
                        self.acked[number] = self.acked.get(number, 0) + 1
                    self.rejected.update(message.rejected)
                case grid.Dry():
                    self.dry.update(message.volunteers)
                case grid.Ready():
                    self.called += 1
                    self.dry.clear()
                case grid.Reply():
                    future = self._replies.pop(message.id, None)
                    if future is not None and not future.done():
                        future.set_result(message.response)
                case _:
                    pass
            self._news.set()


@contextlib.asynccontextmanager
async def manager(data: Path, *, port: int = 0, **options: Any) -> AsyncIterator[str]:
    """A manager in this process; gives its address."""
    ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    config = ManagerConfig(data=data, port=port, announce=False, **options)
    serving = asyncio.create_task(serve(config, ready.set_result))
    try:
        await asyncio.wait({ready, serving}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
        yield ready.result()["address"]
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@contextlib.asynccontextmanager
async def linked(data: Path, *volunteers: str, **options: Any) -> AsyncIterator[ScriptedDistributor]:
    """A manager, and a distributor that has said hello and announced volunteers."""
    async with manager(data, **options) as address, ScriptedDistributor(address) as distributor:
        await distributor.hello()
        await distributor.join(*volunteers)
        yield distributor


@contextlib.asynccontextmanager
async def linked_twice(data: Path, **options: Any) -> AsyncIterator[tuple[ScriptedDistributor, ScriptedDistributor]]:
    """A manager, and two distributors that have said hello."""
    async with (
        manager(data, **options) as address,
        ScriptedDistributor(address, "d1") as one,
        ScriptedDistributor(address, "d2") as other,
    ):
        await one.hello()
        await other.hello()
        yield one, other


SCRIPT = """
import asyncio, json, pathlib, sys
from disio.manager import ManagerConfig, serve
config = ManagerConfig(data=pathlib.Path(sys.argv[1]), port=0, announce=False, grace=float(sys.argv[2]))
asyncio.run(serve(config, lambda facts: print(json.dumps(facts), flush=True)))
"""


class Killable:
    """A manager in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.process, self.address = process, address

    async def kill(self) -> None:
        """SIGKILL."""
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()


@contextlib.asynccontextmanager
async def started(data: Path, grace: float = 15.0) -> AsyncIterator[Killable]:
    """Start a manager; it is killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, str(data), str(grace), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        facts = msgspec.json.decode(await asyncio.wait_for(process.stdout.readline(), 30))
        yield Killable(process, facts["address"])
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()

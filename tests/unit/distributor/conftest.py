"""A real distributor, a scripted manager behind a real ZeroMQ socket, volunteers over real WebSockets."""

import asyncio
import contextlib
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from disio.assets import asset
from disio.distributor import DistributorConfig, serve
from disio.filestore import CHUNK_BYTES
from disio.wire import grid, volunteer
from disio.wire.kit import FileRef, Kit
from disio.wire.volunteer import (
    PROTOCOL_VERSION,
    Agent,
    Hello,
    LeaseItem,
    ResultItem,
    Results,
    pack,
    unpack_to_volunteer,
)
from disio.wire.zmq import Listener

T = TypeVar("T")
WAIT = 15.0


class ScriptedManager:
    """Speaks a manager's side of the protocol, step by step, as a test says."""

    def __init__(self, name: str = "mgr001", port: int = 0) -> None:
        self.id = name
        self.ready = True
        self.auto_grant = 0
        self.auto_ack = False
        self.lie = b""
        self.salt = b""
        self.seen: list[Any] = []
        self.granted: dict[int, str] = {}
        self._listener = Listener("127.0.0.1", port)
        self._news = asyncio.Event()
        self._peer = b""
        self._lease = 0
        self._described: set[str] = set()
        self._files: dict[str, bytes] = {}
        self._reading: asyncio.Task[None] | None = None
        self._closed = False

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        if not self._closed:
            self._closed = True
            await self.pause()
            await self._listener.close()

    async def pause(self) -> None:
        """Say and hear nothing, with the socket open."""
        assert self._reading is not None
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    def resume(self) -> None:
        """Undo a pause."""
        self._reading = asyncio.create_task(self._read())

    @property
    def address(self) -> str:
        return self._listener.address

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    async def send(self, message: grid.FromManager) -> None:
        assert await self._listener.send(self._peer, message)

    async def describe(
        self, number: int = 1, *, source: bytes = b"def run(p): return p\n", data: bytes | None = None
    ) -> str:
        """Describe a task to the distributor, with one file of shared data if it is given; its id."""
        task = f"{self.id}-{number}"
        sha256 = hashlib.sha256(source).hexdigest()
        self._files[sha256] = source
        shared = {}
        if data is not None:
            shared["table"] = FileRef(hashlib.sha256(data).hexdigest(), len(data))
            self._files[shared["table"].sha256] = data
        await self.send(
            grid.TaskInfo(
                task=task,
                name="a task",
                filename="unit.py",
                description="Adds one.",
                unit=sha256,
                timeout=30.0,
                max_result_bytes=1_000_000,
                params=b"{}",
                kit=Kit(data=shared),
            )
        )
        self._described.add(task)
        return task

    async def grant(self, who: str, count: int, number: int = 1, payload: bytes = b"7") -> list[int]:
        """Grant leases, describing the task before its first; the leases."""
        task = f"{self.id}-{number}"
        if task not in self._described:
            await self.describe(number)
        leases = [self._lease + n + 1 for n in range(count)]
        self._lease += count
        self.granted.update(dict.fromkeys(leases, who))
        items = [LeaseItem(lease, lease, len(payload)) for lease in leases]
        await self.send(grid.Grant(task, who, items, payload * count))
        return leases

    async def saw(self, kind: type[T], check: Callable[[T], bool] = lambda _: True) -> T:
        """The first message of a kind that passes, waited for and taken out."""

        async def look() -> T:
            while True:
                for message in self.seen:
                    if isinstance(message, kind) and check(message):
                        self.seen.remove(message)
                        return message
                self._news.clear()
                await self._news.wait()

        try:
            return await asyncio.wait_for(look(), WAIT)
        except TimeoutError:
            raise AssertionError(f"no {kind.__name__} came; what came: {self.seen}") from None

    async def _read(self) -> None:
        while True:
            self._peer, part = await self._listener.receive()
            message = grid.decode_to_manager(part)
            await self._answer(message)
            if not isinstance(message, grid.Beat):
                self.seen.append(message)
                self._news.set()

    async def _answer(self, message: grid.ToManager) -> None:
        match message:
            case grid.DistributorHello():
                self._described.clear()
                welcome = grid.Welcome(version=grid.GRID_VERSION, manager=self.id, ready=self.ready, salt=self.salt)
                await self.send(welcome)
            case grid.GetFile():
                data = self.lie or self._files.get(message.sha256)
                piece = None if data is None else data[message.offset : message.offset + CHUNK_BYTES]
                await self.send(grid.File(message.sha256, message.offset, len(data or b""), piece))
            case grid.Want() if self.auto_grant:
                for ask in message.asks:
                    if ask.count:
                        await self.grant(ask.volunteer, min(ask.count, self.auto_grant))
            case grid.Results() if self.auto_ack:
                await self.send(grid.Ack(message.task, message.volunteer, [item.lease for item in message.items]))
            case grid.Beat():
                await self.send(grid.Beat())


class Browser:
    """A volunteer's bridge, played by the test frame by frame."""

    def __init__(self, socket: ClientConnection, secret: str) -> None:
        self.socket = socket
        self.secret = secret
        self.id = hashlib.sha256(secret.encode()).hexdigest()[:16]

    async def say(self, message: volunteer.FromVolunteer, data: bytes = b"") -> None:
        await self.socket.send(pack(message, data))

    async def hello(self, **more: Any) -> volunteer.Welcome:
        await self.say(
            Hello(
                **{
                    "protocol": PROTOCOL_VERSION,
                    "secret": self.secret,
                    "site": "test",
                    "agent": Agent(browser="none"),
                    **more,
                }
            )
        )
        return (await self.hear(volunteer.Welcome))[0]

    async def answer(self, task: str, leases: list[int], data: bytes = b"8") -> None:
        await self.say(Results(task, [ResultItem(lease, 0, len(data), 0.1) for lease in leases]), data * len(leases))

    async def hear(self, kind: type[T]) -> tuple[T, bytes]:
        """The next message, which must be of this kind, and its data."""
        message, data = unpack_to_volunteer(await asyncio.wait_for(self.socket.recv(), WAIT))
        assert isinstance(message, kind), message
        return message, data

    async def closed(self) -> int | None:
        """The close code, once the connection is closed."""
        await asyncio.wait_for(self.socket.wait_closed(), WAIT)
        return self.socket.close_code


class Distributor:
    """A running distributor; ``stop`` ends it, ``start`` starts it again with the same data."""

    def __init__(self, config: DistributorConfig) -> None:
        self.config = config
        self.ready: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self, **changes: Any) -> Self:
        self.config = replace(self.config, **changes)
        ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(serve(self.config, ready.set_result))
        await asyncio.wait((self._task, ready), return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()
        self.ready = ready.result()
        return self

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    async def linked(self, count: int = 1) -> None:
        """Return once so many managers have welcomed it."""
        async with asyncio.timeout(WAIT):
            while len((await self.health())["managers"]) != count:
                pass

    async def health(self) -> dict[str, Any]:
        async with httpx.AsyncClient(trust_env=False) as client:
            return dict((await client.get(self.url + "/health")).json())

    async def metrics(self) -> str:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(self.url + "/metrics")).text

    @contextlib.asynccontextmanager
    async def browser(self, secret: str = "", **options: Any) -> AsyncIterator[Browser]:
        address = self.url.replace("http", "ws", 1) + "/volunteer"
        async with connect(address, max_size=None, proxy=None, **options) as socket:
            yield Browser(socket, secret or secrets.token_hex(16))


@pytest.fixture
async def manager() -> AsyncIterator[ScriptedManager]:
    """A manager that a test scripts."""
    async with ScriptedManager() as manager:
        yield manager


@pytest.fixture
def make_distributor(tmp_path: Path) -> Callable[..., Distributor]:
    """Makes distributors that are not started; they share the test's directory."""

    def make(*managers: ScriptedManager, **options: Any) -> Distributor:
        addresses = tuple(manager.address for manager in managers)
        settings = {"data": tmp_path / "data", "port": 0, "managers": addresses, "discover": False, **options}
        return Distributor(DistributorConfig(**settings))

    return make


@pytest.fixture
async def distributor(
    manager: ScriptedManager, make_distributor: Callable[..., Distributor]
) -> AsyncIterator[Distributor]:
    """A distributor linked to the scripted manager."""
    running = make_distributor(manager)
    await running.start()
    await running.linked()
    await manager.saw(grid.DistributorHello)
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def http(distributor: Distributor) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running distributor that asks for no encodings by itself."""
    async with httpx.AsyncClient(
        base_url=distributor.url, headers={"accept-encoding": "identity"}, trust_env=False
    ) as client:
        yield client


def wasm() -> tuple[str, int]:
    """Hash and size of the bundle's largest program."""
    entry = json.loads((asset("bundle") / "bundle.json").read_bytes())["files"]["pyodide.asm.wasm"]
    return entry["sha256"], entry["size"]

"""A volunteer without a browser: speaks the WebSocket protocol and computes with the same runner natively.

For load, fault and protocol tests, where a hundred browsers would be too heavy. As a process of its own:
``python -m disio.testing.volunteer http://127.0.0.1:7701 --window 2000``.
"""

import argparse
import asyncio
import base64
import contextlib
import secrets
import signal
from collections.abc import Callable
from typing import Final

import httpx
import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from disio.unit.runner import Session, open_unit
from disio.wire.volunteer import (
    MAX_FRAME_BYTES,
    PROTOCOL_VERSION,
    Ack,
    Agent,
    Credit,
    Error,
    Event,
    FromVolunteer,
    Hello,
    LeaseItem,
    ResultItem,
    Results,
    Revoke,
    Task,
    ToVolunteer,
    Welcome,
    Work,
    pack,
    unpack_to_volunteer,
)

FRAME_ITEMS: Final = 2000
RECONNECT_SECONDS: Final = 0.2

Tamper = Callable[[list[ResultItem], bytes], tuple[list[ResultItem], bytes]]


class PythonVolunteer:
    """One volunteer. ``run`` works until cancelled, reconnecting as a bridge does.

    It computes on while it is not connected, and keeps every result until it is acknowledged. ``rest``, ``heard``
    and ``computed`` are for subclasses to override.

    Args:
        url: the distributor's origin; may be changed, for the next connection.
        window: leases it wants to hold.
        secret: 32 hexadecimal digits; a fresh one if not given.
        tamper: changes results before they are sent, for tests of what a grid makes of liars.
    """

    def __init__(self, url: str, *, window: int = 1000, secret: str = "", tamper: Tamper | None = None) -> None:
        self.url = url
        self.window = window
        self.secret = secret or secrets.token_hex(16)
        self.headers: dict[str, str] = {}
        """What the handshake says besides, as a proxy would."""
        self.volunteer = ""
        self.acknowledged = 0
        self.rejected: dict[str, str] = {}
        self.socket: ClientConnection | None = None
        """The connection, while there is one that was welcomed."""
        self._tamper = tamper
        self._sessions: dict[str, Session] = {}
        self._held: dict[str, set[int]] = {}
        self._unacknowledged: dict[tuple[str, int], tuple[ResultItem, bytes]] = {}
        self._queue: asyncio.Queue[tuple[str, list[LeaseItem], bytes]] = asyncio.Queue()

    @property
    def holding(self) -> int:
        """How many leases it has that are not acknowledged yet."""
        return sum(map(len, self._held.values()))

    async def run(self) -> None:
        """Connect, compute, reconnect; ends by cancellation or when a distributor says not to come back."""
        computing = asyncio.create_task(self._compute())
        try:
            while True:
                with contextlib.suppress(OSError, InvalidHandshake, ConnectionClosed, httpx.HTTPError):
                    if not await self._visit():
                        return
                await self.rest()
        finally:
            computing.cancel()
            await asyncio.gather(computing, return_exceptions=True)

    async def rest(self) -> None:
        """Wait before the next connection is tried."""
        await asyncio.sleep(RECONNECT_SECONDS)

    async def heard(self, message: ToVolunteer) -> None:
        """A message has come and was acted upon."""

    async def computed(self, task: str, items: list[ResultItem], answers: bytes) -> None:
        """Results are there: they are kept until they are acknowledged, and sent if there is a connection."""
        if self._tamper is not None:
            items, answers = self._tamper(items, answers)
        self.keep(task, items, answers)
        await self.send(Results(task, items), answers)

    def keep(self, task: str, items: list[ResultItem], answers: bytes) -> None:
        """Remember results until they are acknowledged: each connection begins with them."""
        offset = 0
        for item in items:
            self._unacknowledged[task, item.lease] = (item, answers[offset : offset + item.size])
            offset += item.size

    async def send(self, message: FromVolunteer, data: bytes = b"") -> None:
        """Send if there is a connection; if there is none, or it breaks, nothing happens."""
        if self.socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self.socket.send(pack(message, data))

    async def _visit(self) -> bool:
        address = self.url.replace("http", "ws", 1) + "/volunteer"
        async with (
            httpx.AsyncClient(base_url=self.url) as http,
            connect(
                address,
                max_size=MAX_FRAME_BYTES,
                compression=None,
                max_queue=None,
                additional_headers=self.headers,
            ) as socket,
        ):
            hello = Hello(
                protocol=PROTOCOL_VERSION,
                secret=self.secret,
                site="test",
                agent=Agent(browser="python"),
                holding={task: list(leases) for task, leases in self._held.items() if leases},
            )
            await socket.send(pack(hello))
            await socket.send(pack(Credit(self.window)))
            self.socket = socket
            try:
                for (task, _), (item, data) in list(self._unacknowledged.items()):
                    await socket.send(pack(Results(task, [item]), data))
                async for frame in socket:
                    message, data = unpack_to_volunteer(frame)
                    await self._take(http, message, data)
                    await self.heard(message)
                    if isinstance(message, Error) and not message.retry:
                        return False
            finally:
                self.socket = None
        return True

    async def _take(self, http: httpx.AsyncClient, message: ToVolunteer, data: bytes) -> None:
        match message:
            case Welcome():
                self.volunteer = message.volunteer
            case Task():
                if message.task not in self._sessions:
                    self._sessions[message.task] = await self._open(http, message, data)
            case Work():
                self._held.setdefault(message.task, set()).update(item.lease for item in message.items)
                self._queue.put_nowait((message.task, message.items, data))
            case Ack():
                rejected = {int(lease): reason for lease, reason in message.rejected.items()}
                self.acknowledged += sum((message.task, lease) in self._unacknowledged for lease in message.leases)
                self.rejected.update(message.rejected)
                self._forget(message.task, [*message.leases, *rejected])
            case Revoke():
                self._forget(message.task, message.leases or [*self._held.get(message.task, ())])

    def _forget(self, task: str, leases: list[int]) -> None:
        held = self._held.get(task)
        if held is not None:
            held.difference_update(leases)
        for lease in leases:
            self._unacknowledged.pop((task, lease), None)

    async def _open(self, http: httpx.AsyncClient, task: Task, params: bytes) -> Session:
        response = await http.get(f"/files/{task.unit}")
        response.raise_for_status()
        info = {
            "task": task.task,
            "filename": task.filename,
            "params": base64.b64encode(params).decode(),
            "max_result_bytes": task.max_result_bytes,
            "max_log_bytes": 65536,
        }
        return open_unit(response.text, msgspec.json.encode(info).decode())

    async def _compute(self) -> None:
        while True:
            task, leases, data = await self._queue.get()
            session = self._sessions[task]  # a task is described before its first work
            position = 0
            for start in range(0, len(leases), FRAME_ITEMS):
                part = leases[start : start + FRAME_ITEMS]
                size = sum(lease.bytes for lease in part)
                rows = [[lease.index, lease.size, *([lease.state] if lease.state else [])] for lease in part]
                session.load(msgspec.json.encode(rows).decode(), data[position : position + size])
                position += size
                told: list[tuple[int, bytes]] = []
                session.hooks.event = lambda index, event, told=told: told.append((index, event))
                while session.queued:
                    done, answers = session.step(0.05)
                    by_index = {lease.index: lease.lease for lease in part} if told else {}
                    for index, event in told:  # before the result: of open leases only
                        await self.send(Event(task, by_index[index], len(event)), event)
                    told.clear()
                    outcomes = msgspec.json.decode(done)
                    items = [ResultItem(lease.lease, *outcome) for lease, outcome in zip(part, outcomes, strict=False)]
                    part = part[len(items) :]
                    await self.computed(task, items, answers)


async def _main(url: str, window: int) -> None:
    volunteer = PythonVolunteer(url, window=window)
    running = asyncio.create_task(volunteer.run())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("url")
    parser.add_argument("--window", type=int, default=1000)
    options = parser.parse_args()
    uvloop.run(_main(options.url, options.window))

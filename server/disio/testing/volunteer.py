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
    Hello,
    LeaseItem,
    ResultItem,
    Results,
    Revoke,
    Task,
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

    Args:
        url: the distributor's origin.
        window: leases it wants to hold.
        secret: 32 hexadecimal digits; a fresh one if not given.
        tamper: changes results before they are sent, for tests of what a grid makes of liars.
    """

    def __init__(self, url: str, *, window: int = 1000, secret: str = "", tamper: Tamper | None = None) -> None:
        self.url = url
        self.window = window
        self.secret = secret or secrets.token_hex(16)
        self.volunteer = ""
        self.acknowledged = 0
        self.rejected: dict[str, str] = {}
        self._tamper = tamper
        self._sessions: dict[str, Session] = {}
        self._unacknowledged: dict[tuple[str, int], tuple[ResultItem, bytes]] = {}
        self._queue: asyncio.Queue[tuple[str, list[LeaseItem], bytes]] = asyncio.Queue()

    async def run(self) -> None:
        """Connect, compute, reconnect; ends by cancellation or when a distributor says not to come back."""
        async with httpx.AsyncClient(base_url=self.url) as http:
            while True:
                with contextlib.suppress(OSError, InvalidHandshake, ConnectionClosed, httpx.HTTPError):
                    if not await self._visit(http):
                        return
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _visit(self, http: httpx.AsyncClient) -> bool:
        address = self.url.replace("http", "ws", 1) + "/volunteer"
        async with connect(address, max_size=MAX_FRAME_BYTES, compression=None, max_queue=None) as socket:
            hello = Hello(
                protocol=PROTOCOL_VERSION, secret=self.secret, site="test", agent=Agent(browser="python"), holding={}
            )
            await socket.send(pack(hello))
            await socket.send(pack(Credit(self.window)))
            for (task, _), (item, data) in list(self._unacknowledged.items()):
                await socket.send(pack(Results(task, [item]), data))
            self._queue = asyncio.Queue()
            computing = asyncio.create_task(self._compute(socket))
            try:
                async for frame in socket:
                    if not await self._take(http, frame):
                        return False
            finally:
                computing.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                    await computing
        return True

    async def _take(self, http: httpx.AsyncClient, frame: str | bytes) -> bool:
        message, data = unpack_to_volunteer(frame)
        match message:
            case Welcome():
                self.volunteer = message.volunteer
            case Task():
                if message.task not in self._sessions:
                    self._sessions[message.task] = await self._open(http, message, data)
            case Work():
                self._queue.put_nowait((message.task, message.items, data))
            case Ack():
                for lease in message.leases:
                    if self._unacknowledged.pop((message.task, lease), None):
                        self.acknowledged += 1
                for rejected, reason in message.rejected.items():
                    self._unacknowledged.pop((message.task, int(rejected)), None)
                    self.rejected[rejected] = reason
            case Revoke():
                if not message.leases:
                    self._sessions.pop(message.task, None)
            case Error():
                return message.retry
        return True

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

    async def _compute(self, socket: ClientConnection) -> None:
        while True:
            task, leases, data = await self._queue.get()
            session = self._sessions.get(task)
            if session is None:
                continue
            position = 0
            for start in range(0, len(leases), FRAME_ITEMS):
                part = leases[start : start + FRAME_ITEMS]
                size = sum(lease.size for lease in part)
                rows = [[lease.index, lease.size] for lease in part]
                session.load(msgspec.json.encode(rows).decode(), data[position : position + size])
                position += size
                while session.queued:
                    done, answers = session.step(0.05)
                    outcomes = msgspec.json.decode(done)
                    items = [ResultItem(lease.lease, *outcome) for lease, outcome in zip(part, outcomes, strict=False)]
                    part = part[len(items) :]
                    await self._send(socket, task, items, answers)

    async def _send(self, socket: ClientConnection, task: str, items: list[ResultItem], answers: bytes) -> None:
        if self._tamper is not None:
            items, answers = self._tamper(items, answers)
        offset = 0
        for item in items:
            self._unacknowledged[task, item.lease] = (item, answers[offset : offset + item.size])
            offset += item.size
        await socket.send(pack(Results(task, items), answers))


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

"""Hypercorn's connections and WebSocket streams, with the limits they do not have.

Left alone, Hypercorn (0.17 to 0.18) takes any number of connections, keeps those that were closed for as long as they
could have been idle, goes on buffering a frame that has passed the
size limit, waits without end for the answer to a close, and compresses every frame if the browser offers it, which
for payloads and results costs more than it saves. :func:`guard` puts these in the place of its own.
"""

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import Any, Final

import hypercorn.asyncio.run
import hypercorn.protocol.h2
import hypercorn.protocol.h11
from hypercorn.asyncio.tcp_server import MAX_RECV, TCPServer
from hypercorn.protocol.events import Event, Request, StreamClosed
from hypercorn.protocol.ws_stream import FrameTooLargeError, WSStream
from hypercorn.typing import ASGISendEvent
from werkzeug.datastructures import Headers
from wsproto.events import CloseConnection, Message, Ping

from disio.distributor.door import Door
from disio.distributor.gate import account

_REFUSAL_SECONDS: Final = 1.0
_REFUSAL: Final = b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class GuardedServer(TCPServer):
    """One TCP connection, which counts for its address; one too many is told so in as few words as can be."""

    door: Door

    async def run(self) -> None:
        """Serve the connection until it is closed."""
        peer = self.writer.get_extra_info("peername") or ("",)
        who = self.door.connects(str(peer[0]))
        if who is None:
            await self._refuse()
            return
        try:
            await super().run()
        finally:
            self.door.sockets.leave(who)

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()  # or what the other side has closed stays open for as long as it might be idle

    async def _refuse(self) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            self.writer.write(_REFUSAL)
            if not self.door.full:  # closing on a request that was not read takes the answer back
                async with asyncio.timeout(_REFUSAL_SECONDS):
                    await self.reader.read(MAX_RECV)
        self.writer.close()


class GuardedStream(WSStream):
    """One WebSocket: too large a frame reaches the application cut off, and nothing after it does."""

    door: Door

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = self.door.limits
        self.buffer.max_length = self.limits.frame_bytes
        self._who = ""
        self._unfinished = 0
        self._began = 0.0
        self._deaf = False
        self._over = asyncio.Event()

    async def handle(self, event: Event) -> None:
        """An event of the layer below."""
        if isinstance(event, Request):
            headers = [header for header in event.headers if header[0].lower() != b"sec-websocket-extensions"]
            event = replace(event, headers=headers)
            told = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers])
            self._who = account(self.door.client(self.client[0] if self.client else None, told).text)
        elif isinstance(event, StreamClosed):
            self._over.set()
            self._hold(0)
        await super().handle(event)

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """A message of the application; after its close nothing more is heard."""
        if message is not None and message["type"] == "websocket.close" and not self._deaf:
            self._deaf = True
            self.task_group.spawn(self._close_for_certain)
        await super().app_send(message)

    async def _handle_events(self) -> None:
        for event in self.connection.events():
            if isinstance(event, CloseConnection):
                with contextlib.suppress(Exception):
                    await self._send_wsproto_event(event.response())
                await self.send(StreamClosed(stream_id=self.stream_id))
                return
            if isinstance(event, Ping):
                await self.door.message(self._who, len(event.payload))
                await self._send_wsproto_event(event.response())
            elif isinstance(event, Message) and not self._deaf:
                await self._gather(event)

    async def _gather(self, event: Message[Any]) -> None:
        now = time.monotonic()
        if self.buffer.value is None:
            self._began = now
        too_much = now - self._began > self.limits.frame_seconds
        try:
            self.buffer.extend(event)
        except FrameTooLargeError:
            too_much = True
        self._hold(0 if event.message_finished or too_much else self.buffer.length)
        if self._unfinished and self.door.hoards(self._who):
            self._hold(0)
            self._deaf = True
            await self._send_wsproto_event(CloseConnection(code=4429, reason="busy"))
            await self.send(StreamClosed(stream_id=self.stream_id))
            return
        if too_much:
            self._deaf = True
            self.task_group.spawn(self._close_for_certain)
        if (event.message_finished or too_much) and self.app_put is not None:
            await self.app_put(self.buffer.to_message())
            self.buffer.clear()

    def _hold(self, size: int) -> None:
        self.door.unfinished.leave(self._who, self._unfinished)
        self.door.unfinished.enter(self._who, size)
        self._unfinished = size

    async def _close_for_certain(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.close_seconds):
                await self._over.wait()
        if not self.closed:
            await self.send(StreamClosed(stream_id=self.stream_id))

    async def _send_pings(self) -> None:
        while not self.closed:
            await self._send_wsproto_event(Ping())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.limits.ping_seconds):
                    await self._over.wait()


def guard(door: Door) -> None:
    """From now on Hypercorn makes its connections and WebSockets of these, which ask this door."""
    GuardedServer.door = GuardedStream.door = door
    hypercorn.asyncio.run.TCPServer = GuardedServer  # type: ignore[attr-defined]
    for module in (hypercorn.protocol.h11, hypercorn.protocol.h2):
        module.WSStream = GuardedStream  # type: ignore[attr-defined]

"""Hypercorn's WebSocket stream, with the limits it does not have.

Left alone, Hypercorn (0.17 to 0.18) goes on buffering a frame that has passed the size limit, waits
without end for the answer to a close, and compresses every frame if the browser offers it, which for
payloads and results costs more than it saves. :func:`guard` puts this stream in its place.
"""

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import Any

import hypercorn.protocol.h2
import hypercorn.protocol.h11
from hypercorn.protocol.events import Event, Request, StreamClosed
from hypercorn.protocol.ws_stream import FrameTooLargeError, WSStream
from hypercorn.typing import ASGISendEvent
from wsproto.events import CloseConnection, Message, Ping

from disio.distributor.limits import Limits


class GuardedStream(WSStream):
    """One WebSocket: too large a frame reaches the application cut off, and nothing after it does."""

    limits = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.buffer.max_length = self.limits.frame_bytes
        self._began = 0.0
        self._deaf = False
        self._over = asyncio.Event()

    async def handle(self, event: Event) -> None:
        """An event of the layer below."""
        if isinstance(event, Request):
            headers = [header for header in event.headers if header[0].lower() != b"sec-websocket-extensions"]
            event = replace(event, headers=headers)
        elif isinstance(event, StreamClosed):
            self._over.set()
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
        if too_much:
            self._deaf = True
            self.task_group.spawn(self._close_for_certain)
        if (event.message_finished or too_much) and self.app_put is not None:
            await self.app_put(self.buffer.to_message())
            self.buffer.clear()

    async def _close_for_certain(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), self.limits.close_seconds)
        if not self.closed:
            await self.send(StreamClosed(stream_id=self.stream_id))

    async def _send_pings(self) -> None:
        while not self.closed:
            await self._send_wsproto_event(Ping())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), self.limits.ping_seconds)


def guard(limits: Limits) -> None:
    """From now on Hypercorn makes its WebSockets of :class:`GuardedStream`, with these limits."""
    GuardedStream.limits = limits
    for module in (hypercorn.protocol.h11, hypercorn.protocol.h2):
        module.WSStream = GuardedStream  # type: ignore[attr-defined]

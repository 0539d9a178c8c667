"""A TCP relay on loopback: a link that can be cut, stalled, half closed, or broken in the middle of a message."""

import asyncio
import contextlib
import socket
import struct
from typing import Final, Self

_CHUNK: Final = 16 * 1024
_RESET: Final = struct.pack("ii", 1, 0)


class _Connection:
    """One connection through a relay: the two sides, and the tasks that carry bytes between them."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near, self.far = near, far
        self.deaf: asyncio.StreamWriter | None = None
        """Bytes for this side are read and thrown away."""

    def reset(self) -> None:
        for writer in (self.near, self.far):
            if not writer.transport.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class Relay:
    """Listens on a free port and carries bytes to and from ``target``. Use as an async context manager.

    Args:
        name: for people.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.target = 0
        """The port on this machine where connections go; 0: nowhere yet, they are refused."""
        self.carried = 0
        """Bytes so far."""
        self.cuts = 0
        """How often everything was cut."""
        self._refusing = False
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._bytes_left: int | None = None
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_CHUNK)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self._flowing.set()
        self._reset_all()

    # ---- faults --------------------------------------------------------------------------------

    def cut(self) -> None:
        """Reset every connection, and refuse new ones."""
        self.cuts += 1
        self._refusing = True
        self._reset_all()

    def cut_midway(self, size: int) -> None:
        """Reset the connection that carries the next ``size`` bytes to their end; new ones are welcome."""
        self._bytes_left = size

    def stall(self) -> None:
        """Carry no byte, and let nobody know."""
        self._flowing.clear()

    def half_close(self) -> None:
        """On each connection, let the far side see the end, and throw away what is sent to it."""
        for connection in self._connections:
            connection.deaf = connection.far
            with contextlib.suppress(OSError, RuntimeError):
                connection.far.write_eof()

    def mend(self) -> None:
        """Carry bytes again. Connections that were half closed are reset: there is no other way back."""
        self._refusing = False
        self._bytes_left = None
        for connection in list(self._connections):
            if connection.deaf is not None:
                connection.reset()
        self._flowing.set()

    def _reset_all(self) -> None:
        for connection in list(self._connections):
            connection.reset()

    # ---- carrying ------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        if self._refusing or not self.target:
            near.transport.abort()
            return
        cuts = self.cuts
        try:
            answers, far = await asyncio.open_connection("127.0.0.1", self.target, limit=_CHUNK)
        except OSError:
            near.transport.abort()
            return
        connection = _Connection(near, far)
        self._connections.add(connection)
        if cuts != self.cuts:  # meanwhile
            connection.reset()
        try:
            await asyncio.gather(self._carry(connection, reader, far), self._carry(connection, answers, near))
        finally:
            self._connections.discard(connection)
            connection.reset()

    async def _carry(self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, RuntimeError):  # uvloop has the latter for what was reset meanwhile
            while data := await reader.read(_CHUNK):
                await self._flowing.wait()
                if connection.deaf is writer:
                    continue
                if self._bytes_left is not None:
                    data, self._bytes_left = data[: self._bytes_left], self._bytes_left - len(data)
                self.carried += len(data)
                writer.write(data)
                await writer.drain()
                if self._bytes_left is not None and self._bytes_left <= 0:
                    self._bytes_left = None
                    connection.reset()
            if writer.can_write_eof():
                writer.write_eof()

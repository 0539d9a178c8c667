"""Relays: what each fault does to a real connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.chaos.relay import Relay

WAIT = 15.0


class Echo:
    """A server that sends back what it gets, and notes what it saw."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.ends = 0
        self.news = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.got += data
                self.news.set()
                writer.write(data)
                await writer.drain()
        self.ends += 1
        self.news.set()
        writer.close()

    async def until(self, size: int, ends: int = 0) -> None:
        """Wait for so many bytes and so many ended connections."""
        async with asyncio.timeout(WAIT):
            while len(self.got) < size or self.ends < ends:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
def echo() -> Echo:
    """What a relay leads to."""
    return Echo()


@pytest.fixture
async def relay(echo: Echo) -> AsyncIterator[Relay]:
    """A relay to the echo."""
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    async with Relay("test") as relay:
        relay.target = server.sockets[0].getsockname()[1]
        yield relay
    server.close()


async def dial(relay: Relay) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection through the relay."""
    return await asyncio.open_connection("127.0.0.1", relay.port)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What still comes before the connection ends, in whatever way."""
    got = b""
    with contextlib.suppress(OSError):
        while data := await asyncio.wait_for(reader.read(65536), WAIT):
            got += data
    return got


async def test_carries_both_ways(relay: Relay, echo: Echo) -> None:
    """Without a fault bytes pass as they are, and so does the end."""
    reader, writer = await dial(relay)
    sent = bytes(range(256)) * 4000
    writer.write(sent)
    writer.write_eof()
    assert await ended(reader) == sent
    assert bytes(echo.got) == sent
    assert relay.carried == 2 * len(sent)


async def test_cut(relay: Relay, echo: Echo) -> None:
    """Both sides lose the connection, new ones are refused until it is mended."""
    reader, writer = await dial(relay)
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    relay.cut()
    assert await ended(reader) == b""
    await echo.until(1, ends=1)
    again, _ = await dial(relay)
    assert await ended(again) == b""
    relay.mend()
    reader, writer = await dial(relay)
    writer.write(b"y")
    assert await reader.readexactly(1) == b"y"


async def test_cut_midway(relay: Relay, echo: Echo) -> None:
    """The far side gets the first bytes of a message and never its rest."""
    reader, writer = await dial(relay)
    relay.cut_midway(7)
    writer.write(b"0123456789")
    await ended(reader)
    await echo.until(7, ends=1)
    assert bytes(echo.got) == b"0123456"
    reader, writer = await dial(relay)
    writer.write(b"more")
    assert await reader.readexactly(4) == b"more"


async def test_stall(relay: Relay, echo: Echo) -> None:
    """Nothing passes while it is stalled, and nothing is lost."""
    reader, writer = await dial(relay)
    writer.write(b"a")
    assert await reader.readexactly(1) == b"a"
    relay.stall()
    writer.write(b"b")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    assert bytes(echo.got) == b"a"
    relay.mend()
    assert await reader.readexactly(1) == b"b"


async def test_half_close(relay: Relay, echo: Echo) -> None:
    """The far side sees an end, the near side none, until it is mended."""
    reader, writer = await dial(relay)
    writer.write(b"a")
    assert await reader.readexactly(1) == b"a"
    relay.half_close()
    await echo.until(1, ends=1)
    writer.write(b"lost")
    await writer.drain()
    relay.mend()
    await ended(reader)
    assert bytes(echo.got) == b"a"


async def test_nowhere_to_go(echo: Echo) -> None:
    """A relay that leads nowhere refuses."""
    del echo
    async with Relay("nowhere") as relay:
        reader, _ = await dial(relay)
        assert await ended(reader) == b""

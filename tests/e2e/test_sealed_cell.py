"""A unit computes in a cell that nothing leads out of: no network, no storage, no page."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from disio.testing import Browser, Grid

pytestmark = pytest.mark.browser


class Relay:
    """Passes connections on to a port, if it has one, and remembers the first line of every request."""

    def __init__(self) -> None:
        self.port = 0
        self.lines: list[str] = []
        self.url = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Relay"]:
        """Listen on a free port of this machine."""
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            with contextlib.suppress(OSError):
                await self._relay(reader, writer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.read(1 << 16)
        self._note(first)
        if not self.port:
            return
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self.port)
        upstream.write(first)

        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, *, note: bool) -> None:
            while data := await source.read(1 << 16):
                if note:
                    self._note(data)
                target.write(data)
                await target.drain()
            target.close()

        await asyncio.gather(copy(reader, upstream, note=True), copy(upstream_reader, writer, note=False))

    def _note(self, data: bytes) -> None:
        if data.startswith((b"GET ", b"POST ", b"HEAD ", b"OPTIONS ")):
            self.lines.append(data.split(b"\r\n", 1)[0].decode("latin-1"))


@pytest.mark.parametrize("browser", ["chromium", "firefox", "webkit"])
async def test_a_unit_reaches_nothing(
    browser: str,
    units: Path,
    volunteers: Callable[..., AbstractAsyncContextManager[list[Browser]]],
) -> None:
    """Neither a stranger's server nor the distributor itself ever hears of a unit that tries all it can."""
    async with Relay().open() as stranger, Relay().open() as relay:
        async with Grid(distributor_options=("--url", relay.url)) as grid:
            relay.port = grid.distributors[0].port
            task = await grid.client.submit(units / "escape.py", {"payloads": [[relay.url, stranger.url]]})
            async with volunteers(relay.url, browser=browser):
                done = await grid.client.wait(task.id, timeout=90)
                results = [result async for result in grid.client.results(task.id)]
        assert done.state == "finished", done
        assert stranger.lines == []
        assert [line for line in relay.lines if "escape" in line] == []
        assert any("/bundle.json" in line for line in relay.lines), "the relay was not used at all"
        found = results[0].value
        assert "no error" not in {found["eval 0"], found["scripts 0"], found["real scripts 0"], found["page"]}

"""Zeroconf over the loopback interface, with real sockets and a real second process."""

import asyncio
import contextlib
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from disio.wire.discovery import Announcement, Found, Lost, browse

pytestmark = pytest.mark.timeout(60)

ANNOUNCER = """
import asyncio, sys
from disio.wire.discovery import Announcement
async def main():
    async with Announcement("manager", sys.argv[1], "127.0.0.1", int(sys.argv[2])):
        print("announced", flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def own_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid name of its own for each test: other grids on this machine stay unseen."""
    monkeypatch.setenv("DISIO_GRID", secrets.token_hex(4))


async def first(events: AsyncIterator[Found | Lost]) -> Found | Lost:
    """The next event; a test waits for it at most twenty seconds."""
    return await asyncio.wait_for(anext(events), 20)


async def test_found_and_lost_in_one_process() -> None:
    """An announced manager is found with its address, and lost when its announcement ends."""
    async with contextlib.aclosing(browse("manager")) as events:
        async with Announcement("manager", "abc123", "127.0.0.1", 4711):
            assert await first(events) == Found("abc123", "tcp://127.0.0.1:4711")
        assert await first(events) == Lost("abc123")


async def test_found_and_lost_across_processes() -> None:
    """A manager announced by another process is found; when that process ends, it is lost."""
    async with contextlib.aclosing(browse("manager")) as events:
        with subprocess.Popen(
            [sys.executable, "-c", ANNOUNCER, "other1", "4712"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert await first(events) == Found("other1", "tcp://127.0.0.1:4712")
            assert process.stdin is not None
            process.stdin.close()
            assert await first(events) == Lost("other1")


async def test_two_managers_and_a_distributor() -> None:
    """Each kind is found apart, all of them, and a distributor by the URL it is reached at."""
    async with (
        Announcement("manager", "one", "127.0.0.1", 1001),
        Announcement("manager", "two", "127.0.0.1", 1002),
        Announcement("distributor", "hub", "127.0.0.1", 1003, {"url": "http://127.0.0.1:1003"}),
        contextlib.aclosing(browse("manager")) as managers,
        contextlib.aclosing(browse("distributor")) as distributors,
    ):
        found = {await first(managers), await first(managers)}
        assert found == {Found("one", "tcp://127.0.0.1:1001"), Found("two", "tcp://127.0.0.1:1002")}
        assert await first(distributors) == Found("hub", "http://127.0.0.1:1003")


async def test_other_grids_stay_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A manager of another grid name is not found, though one of the same name is."""
    async with Announcement("manager", "foreign", "127.0.0.1", 1001):
        monkeypatch.setenv("DISIO_GRID", "another")
        async with (
            Announcement("manager", "ours", "127.0.0.1", 1002),
            contextlib.aclosing(browse("manager")) as events,
        ):
            assert await first(events) == Found("ours", "tcp://127.0.0.1:1002")


async def test_moved_service_is_found_again() -> None:
    """A manager that comes back on another port is found at its new address."""
    async with contextlib.aclosing(browse("manager")) as events:
        async with Announcement("manager", "mover", "127.0.0.1", 1001):
            assert await first(events) == Found("mover", "tcp://127.0.0.1:1001")
        assert await first(events) == Lost("mover")
        async with Announcement("manager", "mover", "127.0.0.1", 1002):
            assert await first(events) == Found("mover", "tcp://127.0.0.1:1002")

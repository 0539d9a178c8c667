"""The chain from a volunteer to a manager's database, broken at each joint: nothing is lost, nothing counts twice."""

import asyncio
import contextlib
import resource
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
from websockets.asyncio.client import connect

from disio.testing import Grid, Process
from disio.testing.volunteer import PythonVolunteer
from disio.wire.api import Task
from disio.wire.volunteer import Ack, Credit, Work, unpack_to_volunteer
from tests.unit.distributor.conftest import Browser

SOURCE = "def run(payload):\n    return payload\n"
SLOW = "def run(payload):\n    for _ in range(1_000_000):\n        pass\n    return payload\n"
WAIT = 30.0


@contextlib.asynccontextmanager
async def bridge(distributor: Process, secret: str = "") -> AsyncIterator[Browser]:
    """A volunteer's connection; nothing was said on it yet."""
    address = str(distributor.ready["url"]).replace("http", "ws", 1) + "/volunteer"
    async with connect(address, max_size=None, proxy=None, close_timeout=0.5) as socket:
        yield Browser(socket, secret or secrets.token_hex(16))


async def work(volunteer: Browser, count: int) -> list[int]:
    """Ask for so many leases, and wait for them."""
    await volunteer.say(Credit(count))
    leases: list[int] = []
    async with asyncio.timeout(WAIT):
        while len(leases) < count:
            message, _ = unpack_to_volunteer(await volunteer.socket.recv())
            if isinstance(message, Work):
                leases += [item.lease for item in message.items]
    return leases


async def acknowledged(volunteer: Browser, count: int) -> set[int]:
    """Wait until so many leases are acknowledged."""
    leases: set[int] = set()
    async with asyncio.timeout(WAIT):
        while len(leases) < count:
            message, _ = unpack_to_volunteer(await volunteer.socket.recv())
            if isinstance(message, Ack):
                assert not message.rejected
                leases.update(message.leases)
    return leases


async def spooled(distributor: Process, frames: int) -> None:
    """Wait until a spool holds so many frames."""
    await shown(distributor, lambda metrics: f"disio_spool_frames {frames}.0" in metrics)


async def shown(distributor: Process, condition: Callable[[str], bool]) -> None:
    """Wait until a distributor's metrics fulfil a condition."""
    async with httpx.AsyncClient(trust_env=False) as http, asyncio.timeout(WAIT):
        while True:
            if condition((await http.get(f"{distributor.ready['url']}/metrics")).text):
                return
            await asyncio.sleep(0.05)


async def accepted(grid: Grid, task: Task, count: int) -> Task:
    """Wait until a task has so many accepted payloads."""
    view = task
    async with asyncio.timeout(WAIT):
        while view.accepted < count:
            view = await grid.client.task(task.id, since=view.version, wait=10)
    return view


async def test_a_distributor_killed_between_spool_and_acknowledgement(tmp_path: Path) -> None:
    """The volunteer never hears that its results are durable and sends them again: acknowledged, and counted once."""
    async with Grid(tmp_path) as grid:
        task = await grid.client.submit(source=SOURCE, params={"payloads": ["same"] * 8})
        secret = secrets.token_hex(16)
        async with bridge(grid.distributors[0], secret) as volunteer:
            await volunteer.hello()
            leases = await work(volunteer, 4)
            await grid.managers[0].kill()
            await volunteer.answer(task.id, leases, b'"same"')  # what comes back is not read
            await spooled(grid.distributors[0], 1)
            await grid.distributors[0].kill()
        await grid.restart(grid.distributors[0])
        async with bridge(grid.distributors[0], secret) as volunteer:
            await volunteer.hello(holding={task.id: leases})
            await volunteer.answer(task.id, leases, b'"same"')
            assert await acknowledged(volunteer, 4) == set(leases)
            await grid.restart(grid.managers[0])
            await accepted(grid, task, 4)
            await spooled(grid.distributors[0], 0)
            assert (await grid.client.task(task.id)).executions == 4


async def test_a_volunteer_moves_while_its_results_lie_in_a_spool(tmp_path: Path) -> None:
    """Sent to one distributor, which spools them and is gone, and to a second: counted once when the first is back."""
    async with Grid(tmp_path, distributors=2) as grid:
        first, second = grid.distributors
        task = await grid.client.submit(source=SOURCE, params={"payloads": ["same"] * 8})
        secret = secrets.token_hex(16)
        async with bridge(first, secret) as volunteer:
            await volunteer.hello()
            leases = await work(volunteer, 4)
            await grid.managers[0].kill()
            await volunteer.answer(task.id, leases, b'"same"')
            await spooled(first, 1)
            first.freeze()
        await grid.restart(grid.managers[0])
        async with bridge(second, secret) as volunteer:
            await volunteer.hello(holding={task.id: leases})
            await volunteer.answer(task.id, leases, b'"same"')
            assert await acknowledged(volunteer, 4) == set(leases)
            await accepted(grid, task, 4)
            first.thaw()
            await spooled(first, 0)
            for _ in range(4):  # that the first one has lost this volunteer takes nothing from it
                await volunteer.answer(task.id, await work(volunteer, 1), b'"same"')
        done = await grid.client.wait(task.id, timeout=WAIT)
        assert (done.state, done.accepted, done.executions) == ("finished", 8, 8)


async def test_a_spool_is_delivered_and_emptied_though_the_disk_is_full(tmp_path: Path) -> None:
    """A full disk keeps nothing from the manager; what was delivered is deleted when there is room again."""
    async with Grid(tmp_path) as grid:
        (distributor,) = grid.distributors
        task = await grid.client.submit(source=SLOW, params={"payloads": ["same"] * 50})
        running = asyncio.create_task(PythonVolunteer(grid.url, window=5).run())
        await accepted(grid, task, 1)
        await grid.managers[0].kill()
        await shown(distributor, lambda metrics: "disio_spool_frames 0.0" not in metrics)
        _, hard = resource.prlimit(distributor.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(distributor.pid, resource.RLIMIT_FSIZE, (1, hard))
        await grid.restart(grid.managers[0])
        done = await grid.client.wait(task.id, timeout=WAIT)
        assert (done.state, done.accepted, done.executions) == ("finished", 50, 50)
        resource.prlimit(distributor.pid, resource.RLIMIT_FSIZE, (hard, hard))
        await spooled(distributor, 0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

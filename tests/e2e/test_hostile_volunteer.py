"""What a volunteer may send wrongly to a whole grid: nobody else's work is lost, and nothing counts twice."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer
from disio.wire.volunteer import MAX_FRAME_BYTES, PROTOCOL_VERSION, Ack, Credit, Error, Task, Work, unpack_to_volunteer
from tests.unit.distributor.conftest import Browser

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = "def run(payload):\n    return payload\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid without browsers: the tests say every frame."""
    async with Grid(tmp_path_factory.mktemp("grid")) as opened:
        yield opened


@contextlib.asynccontextmanager
async def bridge(grid: Grid) -> AsyncIterator[Browser]:
    """A volunteer's connection; nothing was said on it yet."""
    async with connect(grid.url.replace("http", "ws", 1) + "/volunteer", max_size=None, proxy=None) as socket:
        yield Browser(socket, secrets.token_hex(16))


@contextlib.asynccontextmanager
async def honest(grid: Grid) -> AsyncIterator[None]:
    """A volunteer that computes whatever comes."""
    running = asyncio.create_task(PythonVolunteer(grid.url, window=50).run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def leased(volunteer: Browser, task: str) -> tuple[int, bytes]:
    """A lease of the task for this volunteer, who asks for one, and its payload."""
    await volunteer.hello()
    await volunteer.say(Credit(1))
    while True:
        message, data = unpack_to_volunteer(await asyncio.wait_for(volunteer.socket.recv(), 15))
        if isinstance(message, Work):
            assert message.task == task
            return message.items[0].lease, data
        assert isinstance(message, Task)


async def told(volunteer: Browser, lease: int) -> str:
    """What becomes of a result: "" if it is durable, else why it counts for nothing."""
    while True:
        message, _ = unpack_to_volunteer(await asyncio.wait_for(volunteer.socket.recv(), 15))
        if isinstance(message, Ack) and lease in message.leases:
            return ""
        if isinstance(message, Ack) and str(lease) in message.rejected:
            return message.rejected[str(lease)]


async def test_only_the_holders_answer_counts_and_once(grid: Grid) -> None:
    """Answers for leases never given, somebody else's, or of no task are rejected; one sent twice counts once."""
    task = (await grid.client.submit(source=SOURCE, params={"payloads": [5]})).id
    async with bridge(grid) as owner, bridge(grid) as thief:
        lease, payload = await leased(owner, task)
        await thief.hello()
        await thief.answer(task, [lease], b"666")
        assert "somebody else" in await told(thief, lease)
        await thief.answer(task, [999_999_999], b"666")
        assert "never given" in await told(thief, 999_999_999)
        await thief.answer(task.replace("-", "-9"), [lease], b"666")
        assert "no such task" in await told(thief, lease)
        assert (await grid.client.task(task)).accepted == 0
        for _ in range(2):
            await owner.answer(task, [lease], payload)
        assert await told(owner, lease) == ""
        for again in (payload, b"7"):
            await owner.answer(task, [lease], again)
            assert await told(owner, lease) == ""
    done = await grid.client.wait(task, timeout=30)
    assert (done.state, done.accepted, done.executions) == ("finished", 1, 1)
    assert [result.value async for result in grid.client.results(task)] == [5]


async def test_an_answer_that_is_too_large_or_none(grid: Grid) -> None:
    """It is its sender's failure: acknowledged, shown as such, and the payload goes to somebody else."""
    for data, wrong in ((bytes(17 * 2**20), "too large"), (b"{garbage", "no encoded value")):
        task = (await grid.client.submit(source=SOURCE, params={"payloads": [wrong]})).id
        async with bridge(grid) as liar:
            lease, _ = await leased(liar, task)
            await liar.answer(task, [lease], data)
            assert await told(liar, lease) == ""
        seen = await grid.client.task(task)
        assert (seen.state, seen.accepted, seen.executions) == ("running", 0, 1)
        async with honest(grid):
            done = await grid.client.wait(task, timeout=30)
        assert (done.state, done.accepted, done.failed) == ("finished", 1, 0)
        assert [result.value async for result in grid.client.results(task)] == [wrong]


async def not_json(volunteer: Browser) -> None:
    """A frame whose head is no JSON."""
    await volunteer.socket.send(b"\x04\0\0\0{no}")


async def unknown(volunteer: Browser) -> None:
    """A message that is not in the protocol."""
    head = json.dumps({"type": "conquer"}).encode()
    await volunteer.socket.send(len(head).to_bytes(4, "little") + head)


async def too_large(volunteer: Browser) -> None:
    """A frame over the limit."""
    await volunteer.socket.send(bytes(MAX_FRAME_BYTES + 1))


async def endless(volunteer: Browser) -> None:
    """A frame that goes on for ever, in pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield bytes(2**18)

    with contextlib.suppress(Exception):  # the connection is ended in the middle
        await volunteer.socket.send(pieces())


@pytest.mark.parametrize(
    ("send", "code", "close"),
    [
        (not_json, "protocol", 4400),
        (unknown, "protocol", 4400),
        (too_large, "too-large", 4413),
        (endless, "too-large", 4413),
    ],
)
async def test_nonsense_costs_its_sender_only(
    grid: Grid, send: Callable[[Browser], Awaitable[None]], code: str, close: int
) -> None:
    """The connection ends with the documented error; what that volunteer held is computed by another one."""
    task = (await grid.client.submit(source=SOURCE, params={"stop": 3})).id
    async with bridge(grid) as fool:
        await leased(fool, task)
        sending = asyncio.create_task(send(fool))
        error, _ = await fool.hear(Error)
        assert (error.code, await fool.closed()) == (code, close)
        await asyncio.gather(sending, return_exceptions=True)
        async with honest(grid):
            done = await grid.client.wait(task, timeout=30)
    assert (done.state, done.accepted) == ("finished", 3)


async def test_another_version_is_told_ours(grid: Grid) -> None:
    """A volunteer of another protocol version is told which one is spoken here, and not to come back."""
    async with bridge(grid) as stranger:
        head = json.dumps({"type": "hello", "protocol": 99, "secret": stranger.secret}).encode()
        await stranger.socket.send(len(head).to_bytes(4, "little") + head)
        error, _ = await stranger.hear(Error)
        assert (error.code, error.retry, await stranger.closed()) == ("version", False, 4400)
        assert f"protocol {PROTOCOL_VERSION}," in error.message

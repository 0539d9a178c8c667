"""States of payloads: kept while their volunteer computes, given to whoever goes on, dropped when nobody has to."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from disio.unit.codec import decode, encode
from disio.unit.context import MAX_STATE_BYTES
from disio.wire import grid

from .scripted import Held, ScriptedDistributor, linked, started

HEAD = "# /// script\n# [tool.disio]\n# error_rate = 1\n# ///\n"
UNIT = "def run(payload, ctx):\n    return ctx.state\n"


def kept(data: Path) -> dict[int, object]:
    """The states that are stored, by payload."""
    with closing(sqlite3.connect(f"file:{data / 'manager.sqlite3'}?mode=ro", uri=True)) as database:
        return {index: decode(state) for index, state in database.execute("SELECT idx, data FROM checkpoints")}


async def keep(one: ScriptedDistributor, volunteer: str, lease: Held, state: bytes) -> None:
    """Have a volunteer keep a state."""
    await one.send(grid.Checkpoint(lease.task, volunteer, lease.lease, state))


async def until_kept(data: Path, states: dict[int, object]) -> None:
    """Wait until these states are stored, and no others."""
    async with asyncio.timeout(20):
        while kept(data) != states:  # noqa: ASYNC110 - a state is not acknowledged
            await asyncio.sleep(0.02)


async def test_whoever_is_next_goes_on_from_the_last_state(tmp_path: Path) -> None:
    """A volunteer that leaves hands its state on with the lease; a settled payload needs it no more."""
    async with linked(tmp_path, "v1", "v2") as one:
        task = (await one.submit(HEAD + UNIT, {"stop": 2})).task
        [lease] = await one.leases("v1", 1)
        assert lease.state == b""
        await keep(one, "v1", lease, encode({"at": 1}))
        await until_kept(tmp_path, {lease.index: {"at": 1}})
        await asyncio.sleep(0.6)  # what comes sooner is passed over
        await keep(one, "v1", lease, encode({"at": 2}))
        await until_kept(tmp_path, {lease.index: {"at": 2}})
        await one.send(grid.Left("v1"))
        held = [*await one.leases("v2", 1)]
        while held[-1].index != lease.index:
            await one.answer("v2", held[-1:], lambda _: 0)
            held += await one.leases("v2", 1)
        assert decode(held[-1].state) == {"at": 2}
        await one.answer("v2", held[-1:], lambda payload: payload)
        await until_kept(tmp_path, {})
        async with one.working(["v2"], lambda payload: payload):
            await one.ended(task)


async def test_states_survive_a_kill_and_a_pause(tmp_path: Path) -> None:
    """A killed manager still has them; so has a paused task, and a cancelled one has none."""
    async with started(tmp_path) as first, ScriptedDistributor(first.address) as one:
        await one.hello()
        await one.join("v1")
        task = (await one.submit(HEAD + UNIT, {"stop": 1})).task
        [lease] = await one.leases("v1", 1)
        await keep(one, "v1", lease, encode([1, 2]))
        await until_kept(tmp_path, {0: [1, 2]})
        await first.kill()
    async with started(tmp_path) as second, ScriptedDistributor(second.address) as one:
        await one.hello()
        await one.join("v2")
        await one.call(grid.PauseTask(task), grid.TaskView)
        await one.call(grid.ResumeTask(task), grid.TaskView)
        [lease] = await one.leases("v2", 1)
        assert decode(lease.state) == [1, 2]
        await one.call(grid.CancelTask(task), grid.TaskView)
        await until_kept(tmp_path, {})


async def test_only_sound_states_of_own_open_leases_are_kept(tmp_path: Path) -> None:
    """Somebody else's, too large, no encoded value, of an ended lease, too soon: passed over, and nothing breaks."""
    async with linked(tmp_path, "v1", "v2") as one:
        task = (await one.submit(HEAD + UNIT, {"stop": 9})).task
        [lease, other] = await one.leases("v1", 2)
        state = encode("good")
        await keep(one, "v2", lease, state)
        await keep(one, "v1", lease, b"{nonsense")
        await keep(one, "v1", lease, encode(bytes(MAX_STATE_BYTES)))
        await one.send(grid.Checkpoint("nobody-1", "v1", lease.lease, state))
        await one.send(grid.Checkpoint(task, "v1", 999_999, state))
        await one.send(grid.Return(task, "v1", [other.lease]))
        await keep(one, "v1", other, state)
        await keep(one, "v1", lease, state)
        await keep(one, "v1", lease, encode("too soon"))
        await one.answer("v1", [other], lambda payload: payload)
        await one.until(lambda: other.lease in one.acked)
        assert kept(tmp_path) == {lease.index: "good"}


@pytest.mark.parametrize("count", [30])
async def test_large_states_do_not_swell_a_grant(tmp_path: Path, count: int) -> None:
    """A volunteer that is given many begun payloads at once gets states up to a bound; the others begin anew."""
    async with linked(tmp_path, *(f"v{number}" for number in range(count))) as one:
        await one.submit(HEAD + UNIT, {"stop": 2 * count})
        state = encode(bytes(MAX_STATE_BYTES - 100))
        for number in range(count):
            [lease] = await one.leases(f"v{number}", 1)
            await keep(one, f"v{number}", lease, state)
            await one.answer(f"v{number}", [lease], None)
        await one.until(lambda: len(one.acked) == count)
        await one.want("v0", 4000)
        await one.until(lambda: bool(one.held.get("v0")))
        grants = [message for message in one.messages if isinstance(message, grid.Grant)]
        assert max(len(grant.data) for grant in grants) < 10 * 1024 * 1024

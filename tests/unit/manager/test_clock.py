"""The wall clock may jump by years, forwards and backwards: no lease ends early or lasts for ever, nothing is lost."""

from pathlib import Path

import pytest

from disio.unit.codec import decode

from .conftest import Clock
from .scripted import linked

UNIT = "# /// script\n# [tool.disio]\n# error_rate = 1\n# ///\ndef run(payload):\n    return payload * 2\n"
YEARS = 10 * 365 * 86_400.0


@pytest.mark.parametrize("jump", [YEARS, -YEARS], ids=["forwards", "backwards"])
async def test_a_jump_while_it_runs(tmp_path: Path, clock: Clock, jump: float) -> None:
    """Leases stay with their volunteer, results are taken, the task finishes."""
    async with linked(tmp_path, "v1", "v2") as one:
        task = (await one.submit(UNIT, {"stop": 300})).task
        held = await one.leases("v1", 20)
        clock.ahead = jump
        async with one.working(["v2"], lambda payload: payload * 2):
            await one.when(task, lambda view: view.accepted >= 100)
            view = await one.task(task)
            assert view.leased >= 20, "leases ended because of the clock"
            clock.ahead = 0.0
            await one.answer("v1", held, lambda payload: payload * 2)
            await one.ended(task)
        assert [decode(item.data) for item in await one.results(task)] == [2 * number for number in range(300)]


@pytest.mark.parametrize("jump", [YEARS, -YEARS], ids=["forwards", "backwards"])
async def test_a_jump_between_two_starts(tmp_path: Path, clock: Clock, jump: float) -> None:
    """After a restart leases are still good: their volunteers answer them, and all is finished."""
    async with linked(tmp_path, "v1") as one:
        task = (await one.submit(UNIT, {"stop": 60})).task
        held = await one.leases("v1", 10)
    clock.ahead = jump
    async with linked(tmp_path) as one:
        await one.join("v1", holding={task: [lease.lease for lease in held]})
        assert (await one.task(task)).leased == 10
        await one.answer("v1", held, lambda payload: payload * 2)
        async with one.working(["v1"], lambda payload: payload * 2):
            await one.ended(task)
        assert [decode(item.data) for item in await one.results(task)] == [2 * number for number in range(60)]

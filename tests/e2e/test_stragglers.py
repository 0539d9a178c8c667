"""A volunteer that takes work and never answers does not hold up the end of a task that a real Chromium computes."""

import asyncio
import contextlib
import time
from pathlib import Path

import pytest

from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer
from disio.wire.volunteer import ResultItem

from .conftest import Volunteers

pytestmark = pytest.mark.browser

UNIT = "# /// script\n# [tool.disio]\n# error_rate = 1\n# ///\ndef run(payload):\n    return payload * payload\n"
COUNT = 40


class StuckVolunteer(PythonVolunteer):
    """Takes leases, and computes nothing."""

    async def computed(self, task: str, items: list[ResultItem], answers: bytes) -> None:
        """Keep what was computed to itself, for ever."""


async def test_a_stuck_volunteer_is_overtaken(grid: Grid, volunteers: Volunteers, tmp_path: Path) -> None:
    """What it holds is computed by the browser as well, long before its deadline of two minutes; it is told to stop."""
    unit = tmp_path / "squares.py"
    unit.write_text(UNIT)
    stuck = StuckVolunteer(grid.url, window=4)
    running = asyncio.create_task(stuck.run())
    task = await grid.client.submit(unit, {"stop": COUNT})
    held = 0
    while not held:
        view = await grid.client.task(task.id)
        held = view.leased
        await asyncio.sleep(0.1)
    async with volunteers(grid.url):
        began = time.monotonic()
        done = await grid.client.wait(task.id, timeout=100)
        took = time.monotonic() - began
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    print(f"{held} payloads were stuck; done {took:.1f} s after a browser came")
    assert (done.state, done.accepted) == ("finished", COUNT)
    assert [line.value async for line in grid.client.results(task.id)] == [number**2 for number in range(COUNT)]
    assert took < 60

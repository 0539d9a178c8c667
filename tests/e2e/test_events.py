"""What a unit emits in a real Chromium reaches the researcher while it still computes."""

import asyncio

import pytest

from disio.testing import Grid

from .conftest import Volunteers

pytestmark = pytest.mark.browser

UNIT = """
import time

def run(payload, ctx):
    for step in range(4):
        ctx.emit(("step", step))
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            pass
    return payload
"""


async def test_events_come_while_a_payload_is_computed(grid: Grid, volunteers: Volunteers) -> None:
    """Every event arrives, in order, the first ones before the payload is answered."""
    async with volunteers(grid.url):
        task = await grid.client.submit(source=UNIT, payloads=[1])
        seen = []
        async with asyncio.timeout(90):
            async for event in task.events():
                if not seen:
                    assert (await task.refresh()).accepted == 0
                seen.append(event.value)
        assert seen == [("step", step) for step in range(4)]
        assert await task.result(timeout=60) == [1]

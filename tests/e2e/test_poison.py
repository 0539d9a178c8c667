"""Payloads that bring down the interpreter of a real Chromium cost themselves; everything else goes on."""

from pathlib import Path

import pytest

from disio.testing import Grid

from .conftest import Volunteers

pytestmark = pytest.mark.browser

UNIT = """
# /// script
# [tool.disio]
# error_rate = 1
# timeout = 20
# ///
import sys

def deeper(n):
    return [deeper(n + 1)]

def run(payload):
    if payload == "recursion":
        sys.setrecursionlimit(10**8)
        return deeper(0)
    if payload == "memory":
        kept = []
        while True:
            kept.append(bytearray(2**28))
    return payload * payload
"""


async def test_recursion_and_memory_without_end(grid: Grid, volunteers: Volunteers, tmp_path: Path) -> None:
    """Both are set aside with what happened; the other payloads, and another task, have their answers."""
    unit = tmp_path / "poison.py"
    unit.write_text(UNIT)
    payloads = [1, "recursion", 2, "memory", 3]
    bad = await grid.client.submit(unit, {"payloads": payloads})
    good = await grid.client.submit(unit, {"stop": 50})
    async with volunteers(grid.url):
        done = await grid.client.wait(good.id, timeout=100)
        assert (done.state, done.accepted) == ("finished", 50)
        done = await grid.client.wait(bad.id, timeout=100)
    assert (done.state, done.accepted, done.failed) == ("finished-with-failures", 3, 2)
    assert [line.value async for line in grid.client.results(bad.id)] == [1, 4, 9]
    failures = {line.payload: line async for line in grid.client.failures(bad.id)}
    print({payload: (failure.kind, failure.message[:90]) for payload, failure in failures.items()})
    assert failures.keys() == {"recursion", "memory"}
    assert failures["recursion"].kind in ("crash", "exception")
    assert failures["memory"].kind in ("crash", "exception")

"""The codec inside a real browser's worker: what a volunteer encodes is what a manager reads."""

import random
from pathlib import Path

import pytest

from disio.errors import CodecError
from disio.testing import Grid
from disio.unit import codec
from tests.fixtures import codec_cases

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

COUNT = 300


async def test_the_same_cases_pass_as_natively(shared_grid: Grid, units: Path) -> None:
    """Round trips, canonical bytes and hostile bytes come out in Chromium as on this machine, seed by seed."""
    source, seeds = Path(codec_cases.__file__).read_text(), range(31, 33)
    payloads = [(source, seed, COUNT) for seed in seeds]
    task = await shared_grid.client.submit(units / "codec_cases.py", {"payloads": payloads})
    done = await shared_grid.client.wait(task.id, timeout=90)
    failures = [failure.traceback async for failure in shared_grid.client.failures(task.id)]
    assert (done.state, failures) == ("finished", [])
    refused = [result.value async for result in shared_grid.client.results(task.id)]
    assert refused == [codec_cases.run_cases(codec, CodecError, seed=seed, count=COUNT) for seed in seeds]


async def test_every_kind_of_value_survives_the_whole_way(shared_grid: Grid, tmp_path: Path) -> None:
    """Values that a browser decodes and encodes again come back with the same types, to the last bit."""
    source = random.Random(99)
    values = [codec_cases.make_value(source) for _ in range(300)]
    unit = tmp_path / "echo.py"
    unit.write_text("def run(payload):\n    return payload\n")
    task = await shared_grid.client.submit(unit, {"payloads": values})
    assert (await shared_grid.client.wait(task.id, timeout=60)).state == "finished"
    lines = [line async for line in shared_grid.client.results(task.id)]
    for value, line in zip(values, lines, strict=True):
        assert codec_cases.same(value, line.value)

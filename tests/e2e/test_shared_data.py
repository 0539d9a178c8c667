"""Files that all payloads of a task may read, from the researcher's disk to a real browser's workers."""

from pathlib import Path

import pytest

from disio.testing import Grid

from .conftest import Volunteers

pytestmark = pytest.mark.browser


async def test_shared_data_is_read_in_a_browser(
    grid: Grid, volunteers: Volunteers, units: Path, tmp_path: Path
) -> None:
    """A file of several pieces is read and mapped in a browser, though the submitter's own copy is gone by then."""
    numbers = tmp_path / "numbers.txt"
    numbers.write_text("".join(f"{number}\n" for number in range(7, 400_000)))
    task = await grid.client.submit(units / "shared_data.py", {"count": 3}, data={"numbers": numbers})
    numbers.unlink()
    async with volunteers(grid.url):
        task = await grid.client.wait(task.id, timeout=60)
    failures = [line.message async for line in grid.client.failures(task.id)]
    assert (task.state, failures) == ("finished", [])
    values = [line.value async for line in grid.client.results(task.id)]
    assert values == [[7, sum(range(7 + payload, 400_000, 10))] for payload in range(3)]

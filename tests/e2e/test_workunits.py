"""The units of ``workunits/`` in a real Chromium: the same answers, to the last bit, as on this machine."""

import pytest

from disio.client.local import read_unit, run_local
from disio.testing import Grid
from tests.unit.workunits.loading import SMALL, WORKUNITS

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.parametrize("name", SMALL)
async def test_a_browser_and_this_machine_agree(shared_grid: Grid, name: str) -> None:
    """A unit run through a grid gives the results and the answer that ``disio run --local`` gives."""
    path, client = WORKUNITS / f"{name}.py", shared_grid.client
    task = await client.submit(path, SMALL[name])
    done = await client.wait(task.id, timeout=60)
    assert (done.state, done.error) == ("finished", "")
    local = run_local(read_unit(path), SMALL[name], processes=1)
    assert [result.value async for result in client.results(task.id)] == [result.value for result in local.results]
    assert await client.answer(task.id) == local.answer

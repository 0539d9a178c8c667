"""The whole way in each browser engine: real units, to the last bit as on this machine; errors; a unit that never ends.

``make test`` goes it in Chromium and Firefox, ``make e2e-all`` in WebKit too.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from disio.client.local import read_unit, run_local
from disio.errors import BundleError, UnitError
from disio.testing import Grid
from tests.packages import use_cache
from tests.unit.workunits.loading import SMALL, WORKUNITS, unit_at

from .conftest import open_volunteering

ENGINES = os.environ.get("DISIO_TEST_ENGINES", "chromium firefox").split()

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=ENGINES)
async def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid with one volunteer of this engine."""
    async with Grid(tmp_path_factory.mktemp("grid")) as grid, open_volunteering(grid.url, browser=request.param):
        yield grid


@pytest.mark.parametrize("name", SMALL)
async def test_an_engine_and_this_machine_agree(engine: Grid, name: str) -> None:
    """A unit computed by this engine gives the results and the answer that it gives on this machine."""
    path, client = WORKUNITS / f"{name}.py", engine.client
    task = await client.submit(path, SMALL[name])
    done = await client.wait(task.id, timeout=120)
    assert (done.state, done.error) == ("finished", "")
    local = run_local(read_unit(path), SMALL[name], processes=1)
    assert [result.value async for result in client.results(task.id)] == [result.value for result in local.results]
    assert await client.answer(task.id) == local.answer


async def test_an_engine_computes_with_numpy(engine: Grid, units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy, unpacked and imported by this engine, gives the eigenvalues that it gives on this machine."""
    numpy = pytest.importorskip("numpy")
    use_cache(monkeypatch)
    try:
        task = await engine.client.submit(units / "with_numpy.py", {"count": 6})
    except (BundleError, UnitError) as error:
        pytest.skip(f"no NumPy for browsers: {error}")
    done = await engine.client.wait(task.id, timeout=240)
    failures = [failure.message async for failure in engine.client.failures(task.id)]
    assert (done.state, failures) == ("finished", [])
    local = unit_at(units / "with_numpy.py")
    async for result in engine.client.results(task.id):
        numpy.testing.assert_allclose(result.value, local.run(result.index), rtol=1e-9, atol=1e-9)


async def test_an_engine_tells_where_a_unit_fails(engine: Grid, units: Path) -> None:
    """An exception comes back from this engine with the unit's own line."""
    task = await engine.client.submit(units / "raises.py", {"payloads": [3]})
    done = await engine.client.wait(task.id, timeout=120)
    assert done.state == "finished-with-failures"
    [failure] = [failure async for failure in engine.client.failures(task.id)]
    assert "raises.py" in failure.traceback


async def test_an_engine_stops_a_unit_that_never_ends(engine: Grid, units: Path) -> None:
    """A payload over its time limit is ended in this engine, and the next task is computed."""
    endless = await engine.client.submit(units / "endless.py", {"payloads": [3]})
    assert (await engine.client.wait(endless.id, timeout=120)).state == "finished-with-failures"
    after = await engine.client.submit(units / "squares.py", {"count": 3})
    assert (await engine.client.wait(after.id, timeout=120)).state == "finished"

"""Units with packages, from their metadata to a real browser's workers."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from disio.bundle.distribution import MIRROR
from disio.client import AsyncClient, kits, sources
from disio.errors import BundleError, UnitError
from disio.testing import Grid
from tests.packages import scientific_mirror, use_cache
from tests.shared_library import WithLibrary

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]


@pytest.fixture(autouse=True)
def _cache(monkeypatch: pytest.MonkeyPatch) -> None:
    use_cache(monkeypatch)


async def computed(client: AsyncClient, unit: Path, params: dict[str, Any], seconds: float = 120) -> list[Any]:
    """Submit a unit and wait; its values."""
    try:
        task = await client.submit(unit, params)
    except BundleError as error:
        pytest.skip(str(error))
    except UnitError as error:
        if "No matching distribution" in str(error) or "connection" in str(error).lower():
            pytest.skip(f"no index of packages: {error}")
        raise
    task = await client.wait(task.id, timeout=seconds)
    failures = [line.message async for line in client.failures(task.id)]
    assert (task.state, task.error, failures) == ("finished", "", [])
    return [line.value async for line in client.results(task.id)]


async def test_numpy(shared_grid: Grid, units: Path) -> None:
    """Arrays are computed with the distribution's numpy, and come back as arrays."""
    values = await computed(shared_grid.client, units / "with_numpy.py", {"count": 8})
    assert len(values) == 8
    for value in values:
        assert value.shape == (20,)
        assert list(value) == sorted(value)


async def test_a_package_that_needs_a_shared_library(
    shared_grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries of the distribution, which several packages share, are found by the packages that need them."""
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    monkeypatch.setenv(MIRROR, str(mirror))
    monkeypatch.setattr(kits, "Distribution", lambda bundle, cache: WithLibrary(bundle, cache, mirror))
    unit = tmp_path / "unit.py"
    unit.write_text(
        '# /// script\n# dependencies = ["needy"]\n# ///\n'
        "import needy\ndef run(payload): return payload + needy.more()\n"
    )
    assert await computed(shared_grid.client, unit, {"payloads": [0, 1]}) == [42, 43]


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_scipy_pandas_and_scikit_learn(shared_grid: Grid, units: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The large packages of the distribution compute in a browser, and depend on each other as in its lock."""
    monkeypatch.setenv(MIRROR, str(await asyncio.to_thread(scientific_mirror)))
    values = await computed(shared_grid.client, units / "with_scipy.py", {"payloads": [1, 2]}, seconds=600)
    assert [round(value["root"] ** 2, 12) for value in values] == [2.0, 2.0]
    assert [value["solution"].round(9).tolist() for value in values] == [[1.0, 2.0], [2.0, 4.0]]
    assert [value["sums"] for value in values] == [{"a": 2, "b": 2}, {"a": 3, "b": 2}]
    assert [round(value["slope"], 9) for value in values] == [3.0, 3.0]


async def test_a_compiled_package_of_an_index(shared_grid: Grid, units: Path) -> None:
    """A wheel that was built for this Pyodide is found by pip; its metadata is there too."""
    values = await computed(shared_grid.client, units / "with_msgspec.py", {"payloads": [1, 3]})
    assert [value[0] for value in values] == [b"\x82\xa1x\x01\xa1y\x02", b"\x82\xa1x\x03\xa1y\x02"]
    assert values[0][1].startswith("0.")


async def test_pure_packages_come_in_a_snapshot(shared_grid: Grid, units: Path) -> None:
    """Sympy and networkx are there, as they were imported beforehand; what was not imported can still be."""
    values = await computed(shared_grid.client, units / "with_pure.py", {"payloads": [2, 3]})
    assert values[0][:3] == ["(x - 1)*(x + 1)", 1, 2]
    assert values[1][3] == ["networkx.classes.graph", "sympy.core.expr"]
    prepared = await asyncio.to_thread(kits.prepare, sources.read(units / "with_pure.py", None, None))
    assert (prepared.kit.snapshot is not None) == (kits.has_node())


async def test_a_package_of_several_modules_with_data(shared_grid: Grid, units: Path) -> None:
    """A folder is a unit: relative imports and its files work in browsers, and in the manager's reduce."""
    values = await computed(shared_grid.client, units / "ising", {"count": 32})
    assert len(values) == 32
    assert min(values) == -3 - 2

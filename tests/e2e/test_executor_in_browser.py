"""Calls of this program's functions in a real Chromium."""

import asyncio
import math
import sys
from concurrent.futures import BrokenExecutor
from typing import Any

import numpy as np
import pytest

from disio import Client, Executor
from disio.client.remote import RemoteTraceback
from disio.errors import BundleError, UnitError
from disio.testing import Grid
from tests.packages import use_cache

from .conftest import Volunteers

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SCALE = 3


def scaled(number: int) -> tuple[int, float, str]:
    """Uses a global, a module, and says where it was computed."""
    return number * SCALE, math.sqrt(number), sys.platform


def failing(number: int) -> int:
    """Raises."""
    raise KeyError(number)


async def test_functions_are_called_in_a_browser(grid: Grid, volunteers: Volunteers) -> None:
    """Functions, lambdas and closures are computed in Pyodide; results and errors come back as they were."""

    def work() -> None:
        shift = 10
        with Client(grid.client.url) as client, Executor(client) as executor:
            results = list(executor.map(scaled, range(500), timeout=90))
            assert results == [(3 * n, math.sqrt(n), "emscripten") for n in range(500)]
            assert executor.submit(lambda n: n + shift, 1).result(timeout=60) == 11
            with pytest.raises(KeyError) as caught:
                executor.submit(failing, 4).result(timeout=60)
            assert caught.value.args == (4,)
            assert isinstance(caught.value.__cause__, RemoteTraceback)
            assert "raise KeyError(number)" in str(caught.value.__cause__)

    async with volunteers(grid.url):
        await asyncio.to_thread(work)


def eigenvalues(matrix: Any) -> Any:
    """Uses a package."""
    return np.linalg.eigvalsh(matrix + matrix.T)


async def test_functions_with_packages_are_called_in_a_browser(
    grid: Grid, volunteers: Volunteers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that uses numpy gets arrays and gives arrays, where its executor names the package."""
    use_cache(monkeypatch)
    matrices = [np.arange(9.0).reshape(3, 3) * n for n in range(5)]

    def work() -> None:
        with Client(grid.client.url) as client, Executor(client, dependencies=["numpy"]) as executor:
            try:
                results = list(executor.map(eigenvalues, matrices, timeout=150))
            except BrokenExecutor as error:
                if isinstance(error.__cause__, BundleError | UnitError):
                    pytest.skip(f"no packages here: {error}")
                raise
        for matrix, result in zip(matrices, results, strict=True):
            assert np.allclose(result, eigenvalues(matrix))

    async with volunteers(grid.url):
        await asyncio.to_thread(work)

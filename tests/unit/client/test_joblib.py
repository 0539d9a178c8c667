"""joblib's Parallel on a real grid."""

import asyncio
import math

import pytest

from disio.testing import Grid

joblib = pytest.importorskip("joblib", reason="joblib is not installed (an extra)")
import disio.joblib  # noqa: E402

pytestmark = pytest.mark.asyncio(loop_scope="module")


def square(number: int) -> int:
    """A short call."""
    return number * number


def failing(number: int) -> int:
    """One of these fails."""
    if number == 7:
        raise KeyError("seven")
    return number


async def test_parallel_computes_on_the_grid(grid: Grid) -> None:
    """Results come in order, from thousands of short calls as from a generator; errors are raised; batches grow."""

    def work() -> None:
        assert disio.joblib.DisioBackend.supports_retrieve_callback
        with joblib.parallel_config(backend="disio", url=grid.client.url):
            assert joblib.Parallel()(joblib.delayed(square)(n) for n in range(2000)) == [n * n for n in range(2000)]
            assert joblib.Parallel()(joblib.delayed(math.sqrt)(n) for n in range(5)) == [math.sqrt(n) for n in range(5)]
            with pytest.raises(KeyError, match="seven"):
                joblib.Parallel()(joblib.delayed(failing)(n) for n in range(20))
            some = joblib.Parallel(return_as="generator")(joblib.delayed(square)(n) for n in range(30))
            assert list(some) == [n * n for n in range(30)]

    await asyncio.to_thread(work)
    names = [task for task in await grid.client.tasks() if task.name == "calls of a Python program"]
    assert len(names) >= 4


async def test_options_are_checked_where_they_are_given() -> None:
    """What neither joblib nor the executor takes is refused by parallel_config, and said how to give it."""
    with pytest.raises(TypeError, match=r"no option dependencies; .*executor={'dependencies'"):
        joblib.parallel_config(backend="disio", dependencies=["numpy"])
    with pytest.raises(TypeError, match="no option dependencis; did you mean dependencies"):
        joblib.parallel_config(backend="disio", executor={"dependencis": ["numpy"]})

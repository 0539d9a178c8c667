"""The estimate is right where the exact answer is known."""

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.workunits.loading import unit_module

percolation = unit_module("percolation")


def estimate(**params: Any) -> dict[str, Any]:
    """The answer for some parameters, with one seed a payload."""
    results = [
        percolation.run(payload, SimpleNamespace(params=params, rng=Random(f"test {index}")))
        for index, payload in enumerate(percolation.split(params))
    ]
    answer: dict[str, Any] = percolation.reduce(results, params)
    return answer


@pytest.mark.parametrize("rows", [1, 2, 10])
def test_half_is_half(rows: int) -> None:
    """At p = 1/2 the chance is exactly 1/2 for every size; the estimate is within four standard errors."""
    answer = estimate(rows=rows, p=0.5, trials=6000, batch=250)
    assert answer["trials"] == 6000
    assert abs(answer["probability"] - 0.5) < 4 * answer["standard_error"]
    assert answer["interval"][0] < answer["probability"] < answer["interval"][1]


@pytest.mark.parametrize("p", [0.2, 0.5, 0.7])
def test_against_enumeration(p: float) -> None:
    """For two rows the chance is that of all 2**7 grids counted out."""
    # Points (row, column), 2 by 3; each pipe joins two of them.
    pipes = [((r, c), (r, c + 1)) for r in range(2) for c in range(2)] + [((0, c), (1, c)) for c in range(3)]
    exact = 0.0
    for grid in range(2 ** len(pipes)):
        joined = [pipe for number, pipe in enumerate(pipes) if grid >> number & 1]
        wet = {(0, 0), (1, 0)}
        for _ in pipes:
            wet |= {point for pipe in joined if wet & set(pipe) for point in pipe}
        if wet & {(0, 2), (1, 2)}:
            exact += p ** len(joined) * (1 - p) ** (len(pipes) - len(joined))
    answer = estimate(rows=2, p=p, trials=8000, batch=1000)
    assert abs(answer["probability"] - exact) < 4 * answer["standard_error"]


def test_extremes() -> None:
    """No pipe open, no way; all open, always one; the interval does not collapse."""
    assert estimate(rows=5, p=0, trials=50)["crossings"] == 0
    certain = estimate(rows=5, p=1, trials=50)
    assert certain["crossings"] == 50
    assert certain["interval"][0] < 0.95


def test_parameters() -> None:
    """Unknown and impossible parameters are refused."""
    for params, message in (({"row": 3}, "row"), ({"p": 2}, "p must"), ({"batch": 0}, "at least 1")):
        with pytest.raises(ValueError, match=message):
            list(percolation.split(params))

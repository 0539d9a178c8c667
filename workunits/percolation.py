"""Does water find its way through? The chance of a crossing in a random grid, by Monte Carlo.

Between neighbouring points of a grid (``rows`` high, one column wider) each pipe is open with probability ``p``,
independently. How likely is an open way from the left side to the right? Below p = 1/2 it becomes hopeless
as the grid grows, above it becomes certain; and at p = 1/2 it is exactly 1/2 for every size, because the grid is its
own dual. So the estimate can be checked, which few simulations offer.

Parameters: ``rows``, ``p``, ``trials`` (in all), ``batch`` (trials per payload).
The answer is a dict: trials, crossings, probability, standard_error, interval (95 %, Wilson).

Each payload draws from ``ctx.rng``, whose seed follows from the parameters and the payload's number: whoever
computes it gets the same answer, and different payloads are independent.

Source: G. Grimmett, "Percolation" (1999), section 11.3; H. Kesten, "The critical probability of bond percolation on
the square lattice equals 1/2" (1980).
"""

# /// script
# [tool.disio]
# title = "Percolation"
# timeout = 120
# ///

from collections.abc import Iterable, Iterator
from math import sqrt
from random import Random
from typing import Any

DEFAULTS = {"rows": 48, "p": 0.5, "trials": 20_000, "batch": 100}
Z95 = 1.959963984540054
"""The normal distribution's quantile for intervals of 95 %."""


def split(params: dict[str, Any]) -> Iterator[int]:
    """How many trials to make, for each payload."""
    trials, batch = settings(params)["trials"], params.get("batch", DEFAULTS["batch"])
    for done in range(0, trials, batch):
        yield min(batch, trials - done)


def settings(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with defaults, checked."""
    unknown = params.keys() - DEFAULTS.keys()
    if unknown:
        raise ValueError(f"unknown parameters: {', '.join(sorted(unknown))}; there are {', '.join(DEFAULTS)}")
    full = {**DEFAULTS, **params}
    if not 0 <= full["p"] <= 1:
        raise ValueError("p must be from 0 to 1")
    if min(full["rows"], full["trials"], full["batch"]) < 1:
        raise ValueError("rows, trials and batch must be at least 1")
    return full


def run(payload: int, ctx: Any) -> list[int]:
    """``[trials, crossings]`` of one payload."""
    full = settings(ctx.params)
    return [payload, sum(crosses(full["rows"], full["p"], ctx.rng) for _ in range(payload))]


def crosses(rows: int, p: float, rng: Random) -> bool:
    """Whether one random grid has an open way from left to right; pipes are drawn when water reaches them."""
    columns = rows + 1
    random = rng.random
    wet = [[False] * columns for _ in range(rows)]
    # A stack, not a queue: the way that goes on from the newest point is first to reach the other side.
    front = [(row, 0) for row in range(rows)]
    for row in range(rows):
        wet[row][0] = True
    while front:
        row, column = front.pop()
        if column == columns - 1:
            return True
        for next_row, next_column in ((row, column - 1), (row - 1, column), (row + 1, column), (row, column + 1)):
            if 0 <= next_row < rows and next_column >= 0 and not wet[next_row][next_column] and random() < p:
                wet[next_row][next_column] = True
                front.append((next_row, next_column))
    return False


def reduce(results: Iterable[list[int]], params: dict[str, Any]) -> dict[str, Any]:
    """The estimate, and how far to trust it."""
    trials = crossings = 0
    for made, crossed in results:
        trials += made
        crossings += crossed
    share = crossings / trials
    middle = (share + Z95 * Z95 / (2 * trials)) / (1 + Z95 * Z95 / trials)
    reach = Z95 * sqrt(share * (1 - share) / trials + Z95 * Z95 / (4 * trials * trials)) / (1 + Z95 * Z95 / trials)
    return {
        "trials": trials,
        "crossings": crossings,
        "probability": share,
        "standard_error": sqrt(share * (1 - share) / trials),
        "interval": [middle - reach, middle + reach],
    }

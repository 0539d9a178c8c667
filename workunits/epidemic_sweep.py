"""An epidemic for every combination of two rates: how high is its peak, and whom does it spare?

The SIR model: susceptible people catch the disease from infected ones at rate ``beta``, the infected recover
(and stay immune) at rate ``gamma``, both per day. Integrated by the classical Runge-Kutta method of fourth order.

Parameters: ``beta`` and ``gamma`` (lists of rates), ``infected`` (share at the start), ``days`` (at most), and
``step`` (in days).
The answer is a table: a list of rows, one for each combination, ordered by beta and gamma.

Source: W. Kermack, A. McKendrick, "A contribution to the mathematical theory of epidemics" (1927).
"""

# /// script
# [tool.disio]
# title = "Epidemics"
# timeout = 60
# ///

from collections.abc import Iterable, Iterator
from typing import Any

DEFAULTS: dict[str, Any] = {
    "beta": [step / 20 for step in range(2, 21)],
    "gamma": [step / 20 for step in range(1, 11)],
    "infected": 1e-4,
    "days": 1000.0,
    "step": 0.05,
}
OVER = 1e-9
"""Share of infected people below which an epidemic counts as over."""


def split(params: dict[str, Any]) -> Iterator[dict[str, float]]:
    """One payload for each combination."""
    unknown = params.keys() - DEFAULTS.keys()
    if unknown:
        raise ValueError(f"unknown parameters: {', '.join(sorted(unknown))}; there are {', '.join(DEFAULTS)}")
    full = {**DEFAULTS, **params}
    if not 0 < full["infected"] < 1 or full["step"] <= 0 or full["days"] <= 0:
        raise ValueError("infected must be between 0 and 1, step and days more than 0")
    for beta in sorted(full["beta"]):
        for gamma in sorted(full["gamma"]):
            if beta < 0 or gamma <= 0:
                raise ValueError("beta must not be negative, gamma must be more than 0")
            yield {"beta": beta, "gamma": gamma, **{name: full[name] for name in ("infected", "days", "step")}}


def run(payload: dict[str, float]) -> dict[str, float]:
    """One epidemic, in shares of the population and in days."""
    beta, gamma, step = payload["beta"], payload["gamma"], payload["step"]
    susceptible, infected, recovered = 1.0 - payload["infected"], payload["infected"], 0.0
    peak, peak_day, day = infected, 0.0, 0.0
    steps = 0
    while day < payload["days"] and infected > OVER:
        susceptible, infected, recovered = advance((susceptible, infected, recovered), beta, gamma, step)
        steps += 1
        day = steps * step
        if infected > peak:
            peak, peak_day = infected, day
    return {
        "beta": beta,
        "gamma": gamma,
        "reproduction": beta / gamma,
        "peak": peak,
        "peak_day": peak_day,
        "susceptible": susceptible,
        "infected": infected,
        "recovered": recovered,
        "days": day,
    }


def advance(shares: tuple[float, float, float], beta: float, gamma: float, step: float) -> tuple[float, float, float]:
    """The shares of susceptible, infected and recovered people, one step later."""
    s, i, r = shares

    def slope(s: float, i: float) -> tuple[float, float]:
        caught = beta * s * i
        return -caught, caught - gamma * i

    ds1, di1 = slope(s, i)
    ds2, di2 = slope(s + step / 2 * ds1, i + step / 2 * di1)
    ds3, di3 = slope(s + step / 2 * ds2, i + step / 2 * di2)
    ds4, di4 = slope(s + step * ds3, i + step * di3)
    ds = step / 6 * (ds1 + 2 * ds2 + 2 * ds3 + ds4)
    di = step / 6 * (di1 + 2 * di2 + 2 * di3 + di4)
    return s + ds, i + di, r - ds - di


def reduce(results: Iterable[dict[str, float]], params: dict[str, Any]) -> list[dict[str, float]]:
    """The table."""
    return list(results)

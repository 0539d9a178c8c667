"""Nobody is lost in an epidemic, and how it ends is what theory says."""

from math import exp, log

import pytest

from tests.unit.workunits.loading import unit_module

epidemic = unit_module("epidemic_sweep")

PARAMS = {"beta": [0.4, 0.15, 0.05], "gamma": [0.2, 0.1], "infected": 1e-5}


def table() -> list[dict[str, float]]:
    """The answer for a small sweep."""
    rows: list[dict[str, float]] = epidemic.reduce(map(epidemic.run, epidemic.split(PARAMS)), PARAMS)
    return rows


def test_sweep() -> None:
    """There is one row for each combination, in order."""
    assert [(row["beta"], row["gamma"]) for row in table()] == [
        (0.05, 0.1), (0.05, 0.2), (0.15, 0.1), (0.15, 0.2), (0.4, 0.1), (0.4, 0.2)
    ]  # fmt: skip


def test_population_is_conserved() -> None:
    """Susceptible, infected and recovered are everybody, to the last digits."""
    for row in table():
        assert row["susceptible"] + row["infected"] + row["recovered"] == pytest.approx(1, abs=1e-12)
        assert min(row["susceptible"], row["infected"], row["recovered"]) >= 0


def test_final_size() -> None:
    """Those spared solve the final size equation, s = s0 * exp(-R * (1 - s))."""
    for row in table():
        ratio, spared, start = row["reproduction"], row["susceptible"], 1 - PARAMS["infected"]
        assert spared == pytest.approx(start * exp(-ratio * (1 - spared - row["infected"])), rel=1e-6)


def test_peak() -> None:
    """The peak is that of the invariant i + s - log(s)/R; without growth it is at the beginning."""
    for row in table():
        ratio, start = row["reproduction"], 1 - PARAMS["infected"]
        if ratio * start <= 1:
            assert (row["peak"], row["peak_day"]) == (PARAMS["infected"], 0.0)
        else:
            assert row["peak"] == pytest.approx(1 - (1 + log(ratio * start)) / ratio, rel=1e-4)


def test_parameters() -> None:
    """Unknown and impossible parameters are refused."""
    for params, message in (({"betas": [1]}, "betas"), ({"gamma": [0]}, "gamma"), ({"infected": 1}, "infected")):
        with pytest.raises(ValueError, match=message):
            list(epidemic.split(params))

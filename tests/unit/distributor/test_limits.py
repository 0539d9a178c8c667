"""The numbers, with time passed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disio.distributor.limits import MAX_RESERVE, MIN_RESERVE, Limits, Rate, reserve_target


def test_rate_settles() -> None:
    """A steady stream of results is measured as what it is, and fades when it stops."""
    rate = Rate()
    for tenth in range(600):
        rate.add(5, 1000 + tenth / 10)
    assert rate.at(1059.9) == pytest.approx(50, rel=0.02)
    assert rate.at(1090) < 2
    assert Rate().at(1e9) == 0


@given(st.integers(-1, 5000), st.floats(0, 1e7), st.floats(0, 1e5))
def test_reserve_is_bounded(window: int, rate: float, hold: float) -> None:
    """A reserve is nothing while paused, else at least a few leases and never too many."""
    reserve = reserve_target(window, rate, hold)
    assert reserve == 0 if window <= 0 else MIN_RESERVE <= reserve <= MAX_RESERVE


def test_reserve_holds_so_long() -> None:
    """Between the bounds it is the work of so many seconds."""
    assert reserve_target(10, 12.5, 10) == 125


def test_refusals() -> None:
    """Connections are refused at either limit, with the reason."""
    limits = Limits(connections=3, connections_per_address=2)
    assert limits.refusal(2, 1) == ""
    assert "3 volunteers" in limits.refusal(3, 0)
    assert "address" in limits.refusal(2, 2)

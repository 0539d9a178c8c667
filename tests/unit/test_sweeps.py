"""Combinations of parameters."""

from collections.abc import Sequence
from itertools import count, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import disio


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(), max_size=4), max_size=4))
def test_a_grid_is_every_combination_in_order(axes: dict[str, list[int]]) -> None:
    """As itertools.product has them, by index, by slice and one after the other."""
    expected = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    sweep = disio.grid(**axes)
    assert list(sweep) == expected
    assert len(sweep) == len(expected)
    assert [sweep[-place - 1] for place in range(len(sweep))] == expected[::-1]
    assert sweep[1:3] == expected[1:3]


def test_sweeps_are_lazy() -> None:
    """A trillion combinations take no memory, and any of them can be had."""
    sweep = disio.grid(a=range(10**6), b=range(10**6)) * disio.zipped(c=[1], d=["x"])
    assert len(sweep) == 10**12
    assert sweep[10**12 - 1] == {"a": 10**6 - 1, "b": 10**6 - 1, "c": 1, "d": "x"}
    with pytest.raises(IndexError, match="1,000,000,000,000"):
        sweep[10**12]


def test_sweeps_are_put_together() -> None:
    """Zipped axes go side by side, products combine, sums follow each other."""
    pairs = disio.zipped(a=[1, 2], b=(n for n in "xy"))
    assert list(pairs) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert list(pairs * disio.grid(c=[0])) == [{"a": 1, "b": "x", "c": 0}, {"a": 2, "b": "y", "c": 0}]
    both = disio.grid(a=[5]) + disio.grid(a=[6], b=[7])
    assert isinstance(both, Sequence)
    assert list(both) == [{"a": 5}, {"a": 6, "b": 7}]
    assert list(disio.grid()) == [{}]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: disio.zipped(a=[1], b=[1, 2]), ValueError, "b"),
        (lambda: disio.grid(a=[1]) * disio.grid(a=[2]), ValueError, "a"),
        (lambda: disio.grid(a="text"), TypeError, r"write \['text'\]"),
        (lambda: disio.grid(a=count()), ValueError, "no end"),
        (lambda: disio.grid(a=5), TypeError, r"write a=\[5\]"),
    ],
)
def test_what_is_no_sweep_is_refused(make: Any, error: type[Exception], says: str) -> None:
    """Unequal lengths, names that stand twice, single values; with how to write it."""
    with pytest.raises(error, match=says):
        make()

"""The schedule of faults."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.schedule import SECONDS, Kind, make_schedule

TARGETS = {
    Kind.KILL: [["manager-0", "manager-1"], ["browser-0"], []],
    Kind.FILL: [["manager-0", "manager-1"]],
    Kind.STALL: [["a", "b"], ["c"]],
}


@given(seed=st.integers(0, 2**32), faults=st.integers(1, 300), payloads=st.integers(100, 10**6))
def test_same_seed_same_schedule(seed: int, faults: int, payloads: int) -> None:
    """A seed decides everything; faults come in order, within the work, and hit only what they can hit."""
    schedule = make_schedule(seed, faults, payloads, TARGETS)
    assert schedule == make_schedule(seed, faults, payloads, TARGETS)
    assert [fault.number for fault in schedule] == list(range(1, faults + 1))
    due = [fault.after for fault in schedule]
    assert due == sorted(due)
    assert 0 <= due[0] <= due[-1] < payloads
    for fault in schedule:
        assert any(fault.target in group for group in TARGETS[fault.kind])
        low, high = SECONDS[fault.kind]
        assert low <= fault.seconds <= high


@given(seed=st.integers(0, 2**32))
def test_everything_has_its_turn(seed: int) -> None:
    """In as many faults as there are groups, each group is hit once."""
    schedule = make_schedule(seed, 5, 1000, TARGETS)
    hit = [(fault.kind, "c" if fault.target == "c" else fault.target[0]) for fault in schedule]
    assert sorted(kind for kind, _ in hit) == sorted([Kind.KILL, Kind.KILL, Kind.FILL, Kind.STALL, Kind.STALL])
    assert (Kind.KILL, "b") in hit
    assert (Kind.STALL, "c") in hit


def test_other_seeds_other_schedules() -> None:
    """Seeds do not all give the same."""
    assert len({tuple(make_schedule(seed, 20, 10_000, TARGETS)) for seed in range(50)}) == 50


def test_nothing_to_hit() -> None:
    """A world without targets is an error, not an endless search."""
    with pytest.raises(ValueError, match="nothing that a fault could hit"):
        make_schedule(1, 1, 100, {Kind.KILL: [[]]})

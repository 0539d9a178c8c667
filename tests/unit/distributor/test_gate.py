"""Shares of addresses, with time passed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disio.distributor.gate import MAX_ACCOUNTS, Allowance, Counts, Shares, account
from disio.distributor.limits import Limits
from disio.errors import UsageError


def test_a_burst_is_free_then_comes_the_rate_then_refusal() -> None:
    """What an address takes is free up to its burst, then waits its turn, and beyond its patience is refused."""
    shares = Shares(Allowance(per_second=10, burst=5, patience=1))
    taken = [shares.take("a", 1, 100.0) for _ in range(20)]
    assert taken[:5] == [0.0] * 5
    assert taken[5:15] == pytest.approx([n / 10 for n in range(1, 11)])
    assert taken[15:] == [None] * 5
    assert shares.take("b", 1, 100.0) == 0.0, "another address waits for nobody"
    assert shares.take("a", 1, 102.0) == 0.0, "what was refused has cost nothing"


def test_no_rate_is_no_limit() -> None:
    """A rate of 0 turns a limit off."""
    shares = Shares(Allowance(per_second=0, burst=0, patience=0))
    assert {shares.take("a", 1e12, 0.0) for _ in range(100)} == {0.0}


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 20)), max_size=60))
def test_nobody_gets_more_than_its_rate(steps: list[tuple[float, float]]) -> None:
    """Whatever is asked and when: what has gone on by any time is at most the burst and the rate until then."""
    allowance = Allowance(per_second=3, burst=7, patience=4)
    shares = Shares(allowance)
    now, gone = 0.0, []
    for pause, amount in steps:
        now += pause
        wait = shares.take("a", amount, now)
        if wait is not None:
            assert wait <= allowance.patience
            gone.append((now + wait, amount))
    for until, _ in gone:
        done = sum(amount for at, amount in gone if at <= until)
        assert done <= allowance.burst + allowance.per_second * until + 1e-6


def test_memory_is_bounded() -> None:
    """A flood from ever new addresses makes the oldest forgotten, and takes no more memory."""
    shares = Shares(Allowance(per_second=1, burst=1, patience=0))
    for number in range(MAX_ACCOUNTS + 10):
        shares.take(str(number), 1, 0.0)
    assert shares.take("0", 1, 0.0) == 0.0
    assert shares.take(str(MAX_ACCOUNTS), 1, 0.0) is None


def test_counts_return_to_nothing() -> None:
    """Who has left is not remembered."""
    counts = Counts()
    counts.enter("a", 3)
    counts.enter("b")
    counts.leave("a", 2)
    assert (counts.total, counts.of("a"), counts.of("b")) == (2, 1, 1)
    counts.leave("a")
    counts.leave("b")
    assert (counts.total, counts.of("a"), counts._by) == (0, 0, {})


@pytest.mark.parametrize(
    ("address", "whose"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9%eth0", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_whose_share(address: str, whose: str) -> None:
    """An IPv4 address has a share; of IPv6, everything that one connection is given has one."""
    assert account(address) == whose


def test_limits_by_name() -> None:
    """Limits are set by name, and what is none of them is told with what there is."""
    limits = Limits.given(["sockets=12", "requests-per-second=0.5"])
    assert (limits.sockets, limits.requests_per_second) == (12, 0.5)
    for wrong in ("soup=3", "sockets", "sockets=many", "sockets=-1", "sockets=nan"):
        with pytest.raises(UsageError, match="--limit"):
            Limits.given([wrong])

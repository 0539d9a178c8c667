"""The arithmetic of credibility."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from disio.errors import UsageError
from disio.task.credibility import Rules, evidence_needed, falsified_share

BAD = st.floats(0.001, 0.45)
ERROR_RATE = st.floats(1e-9, 0.5)


@given(st.integers(0, 500), st.floats(0, 1))
def test_no_share_of_falsified_payloads_is_underestimated(checks: int, share: float) -> None:
    """Whatever share a saboteur falsifies, that times the chance to pass the checks is within the bound."""
    assert share * (1 - share) ** checks <= falsified_share(checks) * (1 + 1e-9)


@given(BAD, ERROR_RATE, st.integers(1, 12))
def test_the_evidence_needed_is_enough_and_not_too_much(bad: float, error_rate: float, votes: int) -> None:
    """With the evidence asked for the doubt is within the error rate; with noticeably less it is not."""
    rules = Rules(error_rate=error_rate, assume_bad=bad)
    needed = evidence_needed(rules.odds, rules.error_rate, votes)
    assert rules.doubt(votes, needed) <= error_rate * (1 + 1e-6)
    if needed > 1e-3:
        assert rules.doubt(votes, needed * 0.99) > error_rate


@given(BAD, ERROR_RATE, st.integers(1, 30), st.integers(0, 100))
def test_more_votes_and_more_checks_never_raise_doubt(bad: float, error_rate: float, votes: int, checks: int) -> None:
    """Doubt falls with every vote and with every check passed."""
    rules = Rules(error_rate=error_rate, assume_bad=bad)
    assert rules.doubt(votes + 1, checks) <= rules.doubt(votes, checks)
    assert rules.doubt(votes, checks + 1) <= rules.doubt(votes, checks)


@given(BAD, ERROR_RATE)
def test_the_votes_to_start_need_no_evidence(bad: float, error_rate: float) -> None:
    """So many strangers who agree are enough, and one fewer are not."""
    rules = Rules(error_rate=error_rate, assume_bad=bad)
    assert rules.doubt(rules.votes_to_start, 0) <= error_rate * (1 + 1e-6)
    assert rules.votes_to_start == 1 or rules.doubt(rules.votes_to_start - 1, 0) > error_rate * (1 - 1e-6)


def test_without_a_lead_no_evidence_is_enough() -> None:
    """A tie cannot be decided by how well the voters were checked."""
    assert math.isinf(evidence_needed(0.25, 1e-4, 0))
    assert Rules(assume_bad=0.2).doubt(0, 1000) < 1 < Rules(assume_bad=0.2).doubt(-1, 0)


@pytest.mark.parametrize(
    ("rules", "votes"),
    [
        (Rules(error_rate=1), 1),
        (Rules(assume_bad=0), 1),
        (Rules(quorum=3), 3),
        (Rules(error_rate=1, quorum=2), 2),
        (Rules(), 0),
    ],
)
def test_plain_voting_where_it_was_asked_for(rules: Rules, votes: int) -> None:
    """error_rate = 1 takes the first answer, quorum = k the first with k votes; neither spends anything on checks."""
    assert rules.plain_votes == votes
    assert (rules.checks == 0) is (votes > 0)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"error_rate": 0}, "error_rate"),
        ({"error_rate": 1.5}, "error_rate"),
        ({"error_rate": math.nan}, "error_rate"),
        ({"assume_bad": 0.5}, "half of the answers"),
        ({"assume_bad": -0.1}, "assume_bad"),
        ({"quorum": -1}, "quorum"),
        ({"quorum": 65}, "quorum"),
        ({"stint": 1}, "stint"),
        ({"check_share": 0.9}, "check_share"),
    ],
)
def test_impossible_rules_are_refused(values: dict[str, float], word: str) -> None:
    """Rules that no vote can keep are an error that names the value and what may be given."""
    with pytest.raises(UsageError, match=word):
        Rules(**values)  # type: ignore[arg-type]

"""When a payload is settled."""

from disio.task.model import PayloadState
from disio.task.trust import FAILURES_ALLOWED, Vote, judge


def test_first_answer_is_accepted_even_after_failures() -> None:
    """A payload that failed in two volunteers and is answered by a third has that answer."""
    votes = [Vote(1, "a", answered=False), Vote(2, "b", answered=False), Vote(3, "c", answered=True)]
    assert judge(votes[:2]) is None
    verdict = judge(votes)
    assert verdict is not None
    assert (verdict.state, verdict.lease) == (PayloadState.ACCEPTED, 3)


def test_third_failure_sets_a_payload_aside() -> None:
    """A payload is set aside with its last failure, and not before the third one."""
    votes = [Vote(number, "a", answered=False) for number in range(FAILURES_ALLOWED)]
    assert judge(votes[:-1]) is None
    verdict = judge(votes)
    assert verdict is not None
    assert (verdict.state, verdict.lease) == (PayloadState.SET_ASIDE, FAILURES_ALLOWED - 1)


def test_no_votes_decide_nothing() -> None:
    """Without votes a payload stays open."""
    assert judge([]) is None

"""The arbiter of a task whose answers are not checked: what is given to whom, and what is taken."""

import random

import pytest

from disio.task.ballot import FAILURE, Verdict, VoteRow
from disio.task.credibility import Rules
from disio.task.jury import Jury
from disio.task.trust import OTHERS_FIRST_SECONDS, FirstAnswer, arbiter


def first_answer(payloads: int) -> FirstAnswer:
    """An arbiter with so many payloads."""
    made = FirstAnswer(Rules(error_rate=1))
    made.add(range(payloads))
    return made


def take(of: FirstAnswer, volunteer: str, count: int = 1, *, present: int = 1, now: float = 0.0) -> list[int]:
    """Up to so many payloads for a volunteer."""
    picks = of.picks(volunteer, present, now)
    return [pick.payload for _, pick in zip(range(count), picks, strict=False)]


@pytest.mark.parametrize(
    ("rules", "kind"),
    [
        (Rules(error_rate=1), FirstAnswer),
        (Rules(assume_bad=0), FirstAnswer),
        (Rules(quorum=1), FirstAnswer),
        (Rules(quorum=2), Jury),
        (Rules(), Jury),
    ],
)
def test_who_checks_nothing_needs_no_jury(rules: Rules, kind: type) -> None:
    """The rules say which arbiter a task has."""
    assert type(arbiter(rules, random.Random(0))) is kind


def test_first_answer_is_accepted_even_after_failures() -> None:
    """A payload that failed in two volunteers and is answered by a third has that answer."""
    one = first_answer(1)
    for volunteer in ("a", "b"):
        assert take(one, volunteer) == [0]
        assert one.answer(volunteer, 0, FAILURE).verdicts == []
    assert take(one, "c") == [0]
    assert one.answer("c", 0, b"x", 7).verdicts == [Verdict(0, b"x")]
    assert (one.stands_for(0), one.settled) == (7, True)


def test_third_failure_sets_a_payload_aside() -> None:
    """A payload is set aside with its last failure, and not before the third one."""
    one = first_answer(1)
    verdicts = []
    for lease in range(3):
        assert take(one, "a") == [0]
        verdicts.append(one.answer("a", 0, FAILURE, lease).verdicts)
    assert verdicts == [[], [], [Verdict(0, FAILURE)]]
    assert (one.stands_for(0), one.settled) == (2, True)


def test_stored_failures_count_after_a_restart() -> None:
    """Two stored failures and a new one set a payload aside; until then it goes to others first."""
    one = first_answer(0)
    one.recall((), [VoteRow(0, name, FAILURE, 0, 0) for name in ("a", "b")], {})
    one.add([0])
    assert take(one, "c", present=3) == [0]
    assert one.answer("c", 0, FAILURE).verdicts == [Verdict(0, FAILURE)]


def test_payload_that_two_have_comes_back_once() -> None:
    """It waits again only when nobody has it any more."""
    one = first_answer(1)
    assert take(one, "a") == [0]
    assert not one.lease("b", 0)
    one.give_back("a", 0)
    assert (one.waiting, take(one, "c")) == (0, [])
    one.give_back("b", 0)
    assert (one.waiting, take(one, "c")) == (1, [0])


def test_late_answer_takes_a_waiting_payload() -> None:
    """A payload that came back and is answered late is not handed out any more."""
    one = first_answer(2)
    assert take(one, "a") == [0]
    one.give_back("a", 0)
    assert one.lease("a", 0)
    assert one.answer("a", 0, b"x").verdicts == [Verdict(0, b"x")]
    assert take(one, "b", 2) == [1]


def test_many_failed_payloads_do_not_stop_others() -> None:
    """Where everything failed in one volunteer, it gets what never went out, and after a while anything."""
    one = first_answer(300)
    for payload in take(one, "a", 200):
        one.answer("a", payload, FAILURE)
    assert take(one, "a", 50, present=3, now=1.0) == list(range(200, 250))
    assert len(take(one, "b", 200, present=3, now=1.0)) == 200
    one.give_back("b", 0)
    one.answer("b", 1, FAILURE)
    assert take(one, "a", 1, present=3, now=1.0) == [250]
    assert take(one, "a", 1, present=3, now=2.0 + OTHERS_FIRST_SECONDS) == [0]

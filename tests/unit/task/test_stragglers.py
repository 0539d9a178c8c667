"""Near its end, a task does not wait for one slow volunteer: idle ones are given copies of what is out for long."""

import heapq
import random

import pytest

from disio.task.ballot import FAILURE
from disio.task.credibility import Rules
from disio.task.pace import LEAST_PATIENCE, Pace
from disio.task.trust import FirstAnswer, arbiter

TRUSTING = Rules(error_rate=1.0)


def makespan(rules: Rules, *, patient: bool, slow: float = 100.0, payloads: int = 60, volunteers: int = 12) -> float:
    """How long a task takes of which each payload takes a second; one volunteer is ``slow`` times as slow."""
    one = arbiter(rules, random.Random(5))
    one.add(range(payloads))
    speeds = {f"v{number}": slow if number == 0 else 1.0 for number in range(volunteers)}
    pace = Pace()
    now, idle = 0.0, list(speeds)
    events: list[tuple[float, str, int]] = []
    for name in speeds:
        one.join(name, name)
    while not one.settled:
        if not patient:
            one.patience = pace.patience
        one.stirred(now)
        for name in list(idle):
            pick = next(one.picks(name, volunteers, now), None)
            if pick is not None:
                idle.remove(name)
                heapq.heappush(events, (now + speeds[name], name, pick.payload))
            else:
                one.rest(name)
        if one.settled:
            break
        looked = now + 0.5  # the manager looks a few times a second
        if (events and events[0][0] <= looked) or not events:
            assert events, "nobody computes, and the task is not settled"
            now, name, payload = heapq.heappop(events)
            pace.add(1.0)
            one.answer(name, payload, b"right")
            idle.append(name)
        else:
            now = looked
    return now


@pytest.mark.parametrize(
    "rules", [TRUSTING, Rules(quorum=2), Rules(error_rate=1e-2)], ids=["first", "quorum", "checked"]
)
def test_the_end_does_not_wait_for_one_slow_volunteer(rules: Rules) -> None:
    """With one volunteer that is a hundred times as slow the task is done in a fraction of that one's time."""
    waiting = makespan(rules, patient=True)
    copying = makespan(rules, patient=False)
    print(f"{waiting:.1f} s without copies, {copying:.1f} s with them")
    assert waiting >= 100
    assert copying < 40


def test_nobody_is_given_a_copy_while_something_else_waits_or_too_early() -> None:
    """Copies go to the idle only, of what is out for too long, to one other volunteer, and to none twice."""
    one = FirstAnswer(TRUSTING)
    one.add(range(2))
    one.patience = 5.0
    first = one.picks("slow", 3, 0.0)
    assert [next(first).payload, next(first).payload] == [0, 1]
    assert list(one.picks("idle", 3, 4.0)) == []
    assert not one.stirred(4.0)
    assert (one.stirred(5.0), one.waiting, one.overdue) == (True, 0, 2)
    assert list(one.picks("slow", 3, 5.0)) == [], "it has them already"
    assert [pick.payload for pick in one.picks("idle", 3, 5.0)] == [0, 1]
    assert list(one.picks("other", 3, 9.0)) == []
    one.add([2])
    assert [pick.payload for pick in one.picks("other", 3, 9.0)] == [2]


def test_whoever_answers_first_is_taken_and_who_gives_up_is_replaced() -> None:
    """The copy's answer settles the payload; if its holder leaves, the first one goes on, and the other way round."""
    one = FirstAnswer(TRUSTING)
    one.patience = 1.0
    one.add(range(3))
    slow = one.picks("slow", 3, 0.0)
    assert len([next(slow) for _ in range(3)]) == 3
    assert len(list(one.picks("idle", 3, 2.0))) == 3
    assert one.answer("idle", 0, b"x", 7).verdicts
    assert one.stands_for(0) == 7
    one.give_back("idle", 1)
    assert one.knows(1)
    assert not one.settled
    one.give_back("slow", 2)
    assert one.knows(2)
    assert one.answer("idle", 2, FAILURE).verdicts == []
    one.give_back("slow", 1)
    assert sorted(pick.payload for pick in one.picks("other", 3, 2.0)) == [1, 2]
    one.answer("other", 1, b"x")
    one.answer("other", 2, b"x")
    assert one.settled


def test_patience_follows_what_payloads_take() -> None:
    """Nine of ten count, the newest ones; what is unknown is waited for without end, short ones for two seconds."""
    pace = Pace()
    assert (pace.most, pace.patience) == (None, float("inf"))
    pace.add(0.001)
    assert pace.patience == LEAST_PATIENCE
    for _ in range(85):
        pace.add(1.0)
    for _ in range(15):
        pace.add(20.0)
    assert (pace.most, pace.patience) == (20.0, 60.0)
    for _ in range(300):
        pace.add(0.5)
    assert pace.most == 0.5

"""Answers that rest on states of others: who may go on from whose state, and what a vote that comes of it is worth.

A bad state makes a bad answer. So what one volunteer began and others finished is one vote, of all of them
together: as long as it stands none of them, and nobody from their networks, has another vote on that payload. It is
worth less than a vote of one volunteer, and what others found of one of them says nothing of the rest of them.
docs/trust.md has the reasons.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from disio.task.ballot import NOBODY, Ballot, Hands, Standing, Vote, Voter
from disio.task.credibility import Rules

LEAST_WEIGHT: Final = 0.25
"""A vote that would be worth less than this is not worth having: the payload begins anew."""
IDLE_STATES: Final = 4
"""States of one payload that are kept though their volunteers are not at it any more: the newest."""


def weight(rules: Rules, voter: Voter, rests_on: Hands, voters: Mapping[str, Voter]) -> float:
    """What a vote of this volunteer is worth that rests on work of these: 1.0 for a vote of one network alone."""
    strangers = [one for one in (voter, *(voters[name] for name in rests_on)) if not one.trusted]
    return rules.weight(len({one.network or f"volunteer {one.name}" for one in strangers}))


def rest(vote: Vote, rests_on: Hands, voters: Mapping[str, Voter], rules: Rules) -> None:
    """A vote rests on work of these, if there are any, and is worth less for that."""
    if rests_on:
        vote.rests_on = rests_on
        vote.weight = weight(rules, vote.voter, rests_on, voters)


def fallen(rests_on: Iterable[str], voters: Mapping[str, Voter]) -> bool:
    """Whether work of these is good for nothing, as one of them was blacklisted, or is not known here."""
    return any(name not in voters or voters[name].standing is Standing.BLACKLISTED for name in rests_on)


def may_rest_on(ballot: Ballot, voter: Voter, rests_on: Hands, voters: Mapping[str, Voter]) -> bool:
    """Whether an answer of this volunteer that rests on work of these would be independent of all other votes.

    That the volunteer itself may vote is not looked at.
    """
    if fallen(rests_on, voters):
        return False
    others = [voters[name] for name in rests_on if name != voter.name]
    if voter.trusted:
        return all(other.trusted for other in others)  # it is believed outright
    return all(other.trusted or ballot.open_to(other) for other in others)


def fitting_state(ballot: Ballot, voter: Voter, voters: Mapping[str, Voter], rules: Rules) -> tuple[str, Hands]:
    """Whose state a volunteer may go on from, and on whose work that rests; "" if it has to begin anew.

    The newest of those that fit, and that nobody is at any more.
    """
    for keeper, rests_on in reversed(ballot.states.items()):
        if keeper in ballot.holders or not may_rest_on(ballot, voter, rests_on, voters):
            continue
        if any(voters[name].standing is not Standing.GOOD for name in rests_on):
            continue
        if voter.trusted or weight(rules, voter, rests_on, voters) >= LEAST_WEIGHT:
            return keeper, rests_on
    return "", NOBODY


def keep_state(ballot: Ballot, keeper: str, rests_on: Hands, voters: Mapping[str, Voter]) -> list[str]:
    """A volunteer has kept a state. Returns those whose states nobody needs any more.

    Args:
        ballot: the payload's.
        keeper: the volunteer.
        rests_on: all whose work the state is, its keeper among them.
        voters: all volunteers.
    """
    ballot.states.pop(keeper, None)
    useless = [name for name, hands in ballot.states.items() if name in rests_on or fallen(hands, voters)]
    ballot.states[keeper] = rests_on
    idle = [name for name in ballot.states if name not in ballot.holders and name not in useless]
    dropped = useless + idle[:-IDLE_STATES]
    for name in dropped:
        del ballot.states[name]
    for name in rests_on:
        voters[name].touches.add(ballot.payload)
    ballot.touchers |= rests_on
    return dropped

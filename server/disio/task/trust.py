"""When is a payload settled? Takes the votes that came for it and returns a verdict.

At present the first answer is believed. The shape is that of credibility-based voting (L. Sarmenta,
"Sabotage-tolerance mechanisms for volunteer computing systems", 2002): what settles a payload is
decided from all votes for it, and votes without a verdict are kept and judged again with the next one.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from disio.task.model import PayloadState

FAILURES_ALLOWED: Final = 3
"""A payload that has failed so often is set aside."""


class Vote(NamedTuple):
    """What one volunteer answered for one lease. ``answered`` is false for a failure."""

    lease: int
    volunteer: str
    answered: bool


class Verdict(NamedTuple):
    """A payload's new state, and the lease whose result stands for it."""

    state: PayloadState
    lease: int


def judge(votes: Sequence[Vote]) -> Verdict | None:
    """The verdict on a payload after these votes, in the order in which they came; None: more are needed."""
    for vote in votes:
        if vote.answered:
            return Verdict(PayloadState.ACCEPTED, vote.lease)
    if len(votes) >= FAILURES_ALLOWED:
        return Verdict(PayloadState.SET_ASIDE, votes[-1].lease)
    return None

"""Why is an answer believed, or not yet: every vote for a payload, and the sum of them in words."""

import random
import sqlite3

from disio.errors import NotFoundError
from disio.figures import counted
from disio.manager.ledger import Ledger
from disio.manager.tasks import Task
from disio.task.ballot import FAILURE, NOBODY, Hands, Standing
from disio.task.jury import Jury
from disio.task.model import PayloadState
from disio.wire.grid import BallotView, VoteView

SHOWN_DIGITS = 12


async def trace(ledger: Ledger, task: Task, index: int) -> BallotView:
    """Every vote for a payload, as stored, with what they come to.

    Raises:
        NotFoundError: the task has no such payload (yet).
    """
    await ledger.committed()
    if not 0 <= index < task.stored:
        raise NotFoundError(f"task {task.id} has no payload {index}; its payloads so far are 0 to {task.stored - 1}")
    verdict = await ledger.store.verdict(task.number, index)
    state = PayloadState.OPEN if verdict is None else PayloadState(verdict["state"])
    if task.rules.plain_votes == 1:
        rows = await ledger.store.answers_for(task.number, index)
        votes = [_unchecked(row, stands=verdict is not None and row["lease"] == verdict["lease"]) for row in rows]
        return BallotView(task.id, index, _name(state), 1.0, task.rules.error_rate, _first_answer(state), votes)
    jury = await _jury(ledger, task, index)
    rows = await ledger.store.votes_for(task.number, index)
    standing = next((row["digest"] for row in rows if verdict is not None and row["lease"] == verdict["lease"]), None)
    counting = jury.counting(index)
    touches = await ledger.store.touches([row["lease"] for row in rows])
    known = await ledger.store.voters(task.number, frozenset[str]().union(*touches.values()))
    fallen = {voter.volunteer for voter in known if voter.standing is Standing.BLACKLISTED}
    votes = [
        _vote(
            row,
            counts=row["volunteer"] in counting,
            stands=row["digest"] == standing,
            rests_on=touches.get(row["lease"], NOBODY),
            fallen=fallen,
        )
        for row in rows
    ]
    doubt = jury.doubt(index) if jury.knows(index) else 1.0
    reason = _reason(task, state, votes, doubt)
    return BallotView(task.id, index, _name(state), doubt, task.rules.error_rate, reason, votes)


async def _jury(ledger: Ledger, task: Task, index: int) -> Jury:
    """The task's own, or one that knows what is stored of this payload."""
    arbiter = task.queue.arbiter
    if isinstance(arbiter, Jury) and arbiter.knows(index):
        return arbiter
    jury = Jury(task.rules, random.Random(0))  # noqa: S311 - it gives nothing out
    jury.recall(*await ledger.store.ballots(task.number, [index]))
    return jury


def _vote(row: sqlite3.Row, *, counts: bool, stands: bool, rests_on: Hands, fallen: set[str]) -> VoteView:
    return VoteView(
        lease=row["lease"],
        volunteer=row["volunteer"],
        network=row["network"] or "",
        failed=row["digest"] == FAILURE,
        digest=row["digest"].hex()[:SHOWN_DIGITS],
        stint=row["stint"],
        position=row["position"],
        check=bool(row["is_check"]),
        standing=Standing.BLACKLISTED if rests_on & fallen else row["standing"],
        trusted=bool(row["trusted"]),
        counts=counts,
        stands=stands,
        received=row["received"],
        ms=row["ms"],
        rests_on=sorted(rests_on - {row["volunteer"]}),
    )


def _unchecked(row: sqlite3.Row, *, stands: bool) -> VoteView:
    return VoteView(
        lease=row["lease"],
        volunteer=row["volunteer"],
        network="",
        failed=bool(row["outcome"]),
        digest="",
        stint=0,
        position=0,
        check=False,
        standing=Standing.GOOD,
        trusted=False,
        counts=True,
        stands=stands,
        received=row["received"],
        ms=row["ms"],
    )


def _name(state: PayloadState) -> str:
    return state.name.lower().replace("_", " ")


def _first_answer(state: PayloadState) -> str:
    if state is PayloadState.ACCEPTED:
        return "Accepted: the first answer is taken, as the answers of this task are not checked."
    if state is PayloadState.SET_ASIDE:
        return "Set aside: it failed three times."
    return "Open: the first answer will be taken, as the answers of this task are not checked."


def _reason(task: Task, state: PayloadState, votes: list[VoteView], doubt: float) -> str:
    rules = task.rules
    counting = [vote for vote in votes if vote.counts]
    pending = sum(not vote.counts and vote.standing == Standing.GOOD for vote in votes)
    waiting = f" {counted(pending, 'more does', 'more do')} not count yet, as the visit goes on." if pending else ""
    allowed = f"the doubt about it is {doubt:.2g}, and {rules.error_rate:g} is allowed"
    if rules.quorum:
        allowed = f"{rules.quorum} are asked for"
    if state is PayloadState.SET_ASIDE:
        failed = sum(vote.failed for vote in counting)
        return f"Set aside: it failed in {counted(failed, 'volunteer that counts', 'volunteers that count')}."
    if state is PayloadState.ACCEPTED:
        agreeing = [vote for vote in counting if vote.stands]
        if any(vote.trusted for vote in agreeing) and not rules.quorum:
            return "Accepted: a volunteer of the operator's own gave this answer, and is believed outright."
        return f"Accepted: {_votes(len(agreeing))} for this answer; {allowed}."
    if not votes:
        return "Open: nobody has answered it yet."
    tallies = [sum(vote.digest == one.digest for vote in counting) for one in counting]
    return f"Open: {_votes(max(tallies, default=0))} for the leading answer; {allowed}.{waiting}"


def _votes(count: int) -> str:
    return counted(count, "vote counts", "votes count")

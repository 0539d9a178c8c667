"""What is believed of the answers to one task, and who is given which payload.

Credibility-based fault tolerance for short, anonymous visits: voting, checks with payloads already accepted,
blacklisting with withdrawal. No I/O, no clock; randomness is passed in. :mod:`disio.task.credibility` has the
arithmetic and its source, docs/trust.md the reasons.
"""

import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from disio.task.ballot import Ballot, Standing, Stint, Vote, Voter, VoteRow, VoterRow
from disio.task.credibility import Rules
from disio.task.docket import Docket
from disio.task.judge import Judge, Outcome


class Lease(NamedTuple):
    """What a volunteer is given. ``check`` must never reach the volunteer."""

    payload: int
    check: bool


class Jury:
    """The votes of one task.

    The owner adds payloads with :meth:`add`, volunteers with :meth:`join`, asks :meth:`next` for leases, and tells
    what became of them with :meth:`answer`, :meth:`give_back` and :meth:`leave`. It stores the rows in the outcomes;
    from them :meth:`recall` makes the same jury after a restart. The work of a call grows with the votes that it
    touches, not with the task.
    """

    def __init__(self, rules: Rules, rng: random.Random) -> None:
        self.rules = rules
        self.voters: dict[str, Voter] = {}
        self.executions = 0
        """Answers received since the start, checks included."""
        self._rng = rng
        self._plain = rules.plain_votes > 0
        self._checks = rules.checks
        self._docket = Docket(rng)
        self._ballots = self._docket.ballots
        self._judge = Judge(rules, self._docket, self.voters)

    @property
    def fresh(self) -> int:
        """Payloads that were added and not begun: add more when this runs low."""
        return len(self._docket.fresh)

    @property
    def open(self) -> int:
        """Begun payloads without an accepted answer."""
        return self._docket.open

    @property
    def settled(self) -> bool:
        """Whether every added payload has an accepted answer that nobody contradicts."""
        return not (self._docket.open or self._docket.fresh or self._docket.doubted)

    def accepted(self, payload: int) -> bytes | None:
        """The digest of the accepted answer to a payload in memory."""
        ballot = self._ballots.get(payload)
        return None if ballot is None else ballot.accepted

    def votes(self, payload: int) -> list[VoteRow]:
        """The votes for a payload in memory."""
        ballot = self._ballots.get(payload)
        return [] if ballot is None else [vote.row() for vote in ballot.votes.values()]

    def doubt(self, payload: int) -> float:
        """Upper bound of the probability that the leading answer to a begun payload is wrong; 1.0 without one."""
        return self._judge.doubt(self._ballots[payload].groups())

    def add(self, payloads: Iterable[int]) -> None:
        """Payloads that may be begun, in any order."""
        for payload in payloads:
            self._docket.fresh.add(payload)

    def join(self, volunteer: str, network: str | None = None, *, trusted: bool = False) -> None:
        """A volunteer is here; idempotent.

        Args:
            volunteer: its id.
            network: its address prefix, None if not known.
            trusted: its answers are accepted outright.
        """
        voter = self.voters.get(volunteer)
        if voter is None:
            voter = self.voters[volunteer] = Voter(volunteer, network if self.rules.by_network else None, trusted)
        voter.present = True

    def next(self, volunteer: str) -> Lease | None:
        """A payload for this volunteer, now leased to it; None if there is none that it may vote on now."""
        voter = self.voters[volunteer]
        if voter.standing is not Standing.GOOD or voter.contested:
            return None
        stint = self._stint(voter)
        ballot = self._docket.choose(voter, stint)
        if ballot is None:
            return None
        if not ballot.votes and not ballot.holders:
            self._judge.want(ballot)
        self._hold(voter, ballot, stint)
        if ballot.accepted is None:
            ballot.wanted -= 1
            self._docket.mark(ballot)
        return Lease(ballot.payload, ballot.accepted is not None)

    def lease(self, volunteer: str, payload: int) -> bool:
        """A payload is out already (after a restart, or twice near the end); whether its answer will be of use."""
        voter = self.voters[volunteer]
        ballot = self._ballots.get(payload)
        if ballot is None and self._docket.fresh.discard(payload):
            ballot = self._docket.begin(payload)
        if ballot is None or voter.standing is Standing.BLACKLISTED or not ballot.open_to(voter):
            return False
        self._hold(voter, ballot, self._stint(voter))
        if ballot.accepted is None:
            self._judge.want(ballot)
        return True

    def answer(self, volunteer: str, payload: int, digest: bytes) -> Outcome:
        """What a volunteer answered for a payload that is, or was, leased to it."""
        outcome = Outcome()
        voter = self.voters[volunteer]
        if payload not in voter.leases and not self.lease(volunteer, payload):
            return outcome
        stint, position = voter.leases.pop(payload)
        ballot = self._ballots[payload]
        ballot.holders.discard(volunteer)
        self.executions += 1
        stint.unanswered -= 1
        stint.last_answered = max(stint.last_answered, position)
        vote = Vote(stint, payload, digest, position)
        outcome.vote = vote.row()
        self._judge.cast(vote, ballot, outcome)
        return self._finish(stint, outcome)

    def give_back(self, volunteer: str, payload: int) -> Outcome:
        """A lease ended without an answer; idempotent. Who withholds a check among answers has passed none."""
        outcome = Outcome()
        voter = self.voters[volunteer]
        if payload not in voter.leases:
            return outcome
        stint, position = voter.leases.pop(payload)
        ballot = self._ballots[payload]
        ballot.take_from(voter)
        stint.unanswered -= 1
        if ballot.accepted is None:
            self._judge.due([ballot])
        elif position < stint.last_answered and voter.picky_from is None:
            voter.picky_from = stint.number
            outcome.voters.append(voter.row())
            self._judge.due([self._ballots[vote.payload] for vote in stint.votes])
        return self._finish(stint, outcome)

    def leave(self, volunteer: str) -> Outcome:
        """A visit has ended: its leases go out again, its answers count as far as they were checked; idempotent."""
        outcome = Outcome()
        voter = self.voters[volunteer]
        voter.present = False
        for payload in list(voter.leases):
            outcome.extend(self.give_back(volunteer, payload))
        if voter.stint is not None:
            self._judge.close(voter.stint)
        return self._judge.work_off(outcome)

    def set_aside(self, payload: int) -> None:
        """A payload is given up (it failed too often): forget it; idempotent."""
        ballot = self._ballots.get(payload)
        if ballot is not None:
            for name in ballot.holders:
                self.voters[name].leases.pop(payload)[0].unanswered -= 1
            self._forget(ballot)
        self._docket.fresh.discard(payload)

    def forget_final(self) -> list[int]:
        """Take out of memory what nobody can contradict any more; returns its payloads.

        Final is an accepted answer that is not used for checks, all of whose voters have left and voted for nothing
        else than such answers. Call it now and then: it looks at everything in memory.
        """
        resting, busy = [], {voter.name for voter in self.voters.values() if voter.present or voter.leases}
        for payload, ballot in self._ballots.items():
            if ballot.accepted is None or ballot.holders or self._docket.checks_with(payload):
                busy.update(ballot.votes)
            else:
                resting.append(ballot)
        final = [ballot for ballot in resting if busy.isdisjoint(ballot.votes)]
        for ballot in final:
            for vote in ballot.votes.values():
                vote.voter.forgotten.append(ballot.payload)
            self._forget(ballot)
        for name in [voter.name for voter in self.voters.values() if not voter.votes and voter.name not in busy]:
            del self.voters[name]
        return [ballot.payload for ballot in final]

    def recall(
        self, voters: Iterable[VoterRow], votes: Iterable[VoteRow], accepted: Mapping[int, bytes | None]
    ) -> Outcome:
        """Bring stored payloads back: all that are not final after a restart, or those that an outcome named.

        Args:
            voters: the volunteers who gave the votes; those known are left as they are.
            votes: all votes for the payloads, those of the blacklisted included.
            accepted: the begun payloads, with the digests of their accepted answers, None for open ones.
        """
        for row in voters:
            if row.volunteer not in self.voters:
                voter = Voter(row.volunteer, row.network, row.trusted, present=False, standing=row.standing)
                voter.picky_from = row.picky_from
                self.voters[row.volunteer] = voter
        ballots = {payload: self._docket.begin(payload) for payload in accepted if payload not in self._ballots}
        poorer: set[Ballot] = set()
        stints = {(voter.name, vote.stint.number): vote.stint for voter in self.voters.values() for vote in voter.votes}
        for voted in votes:
            voter, ballot = self.voters[voted.volunteer], ballots.get(voted.payload)
            if ballot is None:
                continue
            ballot.give_to(voter)
            ballot.holders.discard(voter.name)
            if voter.standing is Standing.BLACKLISTED:
                poorer.add(ballot)
                continue
            key = voter.name, voted.stint
            stint = stints.get(key) or stints.setdefault(key, Stint(voter, voted.stint, closed=True))
            voter.stints = max(voter.stints, voted.stint + 1)
            vote = Vote(stint, voted.payload, voted.digest, voted.position)
            ballot.votes[voter.name] = vote
            voter.votes.append(vote)
            stint.votes.append(vote)
        return self._judge.take_up(ballots.values(), accepted, poorer)

    def _forget(self, ballot: Ballot) -> None:
        for vote in ballot.votes.values():
            vote.voter.votes.remove(vote)
            vote.stint.votes.remove(vote)
            vote.voter.contested.discard(ballot.payload)
        self._docket.remove(ballot)

    def _stint(self, voter: Voter) -> Stint:
        stint = voter.stint
        if stint is None or (not self._plain and (stint.closed or stint.issued >= self.rules.stint)):
            plan = frozenset() if voter.trusted else self._plan()
            stint = voter.stint = Stint(voter, voter.stints, plan, closed=self._plain)
            voter.stints += 1
        return stint

    def _plan(self) -> frozenset[int]:
        """Where the checks of a stint come: one in each of its equal parts, anywhere in that."""
        part = self.rules.stint / max(1, self._checks)
        return frozenset(int(part * (number + self._rng.random())) for number in range(self._checks))

    def _hold(self, voter: Voter, ballot: Ballot, stint: Stint) -> None:
        voter.leases[ballot.payload] = (stint, stint.issued)
        stint.issued += 1
        stint.unanswered += 1
        ballot.give_to(voter)

    def _finish(self, stint: Stint, outcome: Outcome) -> Outcome:
        if stint.issued >= self.rules.stint and not stint.unanswered:
            self._judge.close(stint)
        return self._judge.work_off(outcome)

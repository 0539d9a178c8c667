"""What a new vote, a closed stint or a blacklisting means for answers and volunteers, and what follows from that."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from disio.task.ballot import Ballot, Group, Standing, Stint, Vote, Voter, VoteRow, VoterRow
from disio.task.credibility import MOST_VOTES, Rules, evidence_needed
from disio.task.docket import Docket

_CONTESTED: Final = 2
"""Votes behind the leading answer with which a volunteer gets no more work until that is decided."""
_LEARNING: Final = 0.02
"""Weight of the newest payload in what is expected of the next ones."""


@dataclass(slots=True)
class Outcome:
    """What one event changed, in the order in which it happened: a payload may have several verdicts."""

    vote: VoteRow | None = None
    """The vote to be stored; None if the answer is of no use (twice, of a blacklisted volunteer, same network)."""
    verdicts: list[tuple[int, bytes | None]] = field(default_factory=list)
    """Payloads and the digests of their answers, now accepted; None: not believed any more, and open again."""
    voters: list[VoterRow] = field(default_factory=list)
    """Volunteers of whom something else is to be stored."""
    recall: list[int] = field(default_factory=list)
    """Forgotten payloads that lost a vote: their rows are to be given to :meth:`disio.task.jury.Jury.recall`."""

    def extend(self, later: "Outcome") -> None:
        """Take in what changed afterwards, but for the vote."""
        self.verdicts += later.verdicts
        self.voters += later.voters
        self.recall += later.recall


class Judge:
    """Applies the rules to ballots. What follows from one decision is worked off in a queue, not by recursion."""

    def __init__(self, rules: Rules, docket: Docket, voters: dict[str, Voter]) -> None:
        self.rules = rules
        self._docket = docket
        self._ballots = docket.ballots
        self._voters = voters
        self._plain = rules.plain_votes
        self._needed = [evidence_needed(rules.odds, rules.error_rate, votes) for votes in range(MOST_VOTES + 1)]
        self._usual_evidence = 0.0
        self._due: deque[Ballot | Voter] = deque()
        self._queued: set[Ballot | Voter] = set()

    def due(self, cases: Iterable[Ballot | Voter]) -> None:
        """These ballots are to be judged, these volunteers to be blacklisted, by the next :meth:`work_off`."""
        for case in cases:
            if case not in self._queued:
                self._queued.add(case)
                self._due.append(case)

    def work_off(self, outcome: Outcome) -> Outcome:
        """Judge what is due, and what becomes due by that."""
        while self._due:
            due = self._due.popleft()
            self._queued.discard(due)
            if isinstance(due, Voter):
                self._blacklist(due, outcome)
            else:
                self._judge(due, outcome)
        return outcome

    def doubt(self, groups: list[Group]) -> float:
        """Upper bound of the probability that the first of these groups is wrong; 1.0 if there is none."""
        if not groups or not groups[0].votes:
            return 1.0
        lead, rivals = groups[0], groups[1:]
        if self._plain:
            return 0.0 if lead.votes >= self._plain else 1.0
        if lead.trusted:
            return 1.0 if rivals and rivals[0].trusted >= lead.trusted else 0.0
        known = len(lead.vouched)
        if not rivals:
            return self.rules.doubt(lead.votes, known)
        return min(1.0, sum(self.rules.doubt(lead.votes - r.against, known - len(r.vouched)) for r in rivals))

    def cast(self, vote: Vote, ballot: Ballot, outcome: Outcome) -> None:
        """A vote has come."""
        ballot.votes[vote.voter.name] = vote
        vote.voter.votes.append(vote)
        vote.stint.votes.append(vote)
        if ballot.accepted is None or vote.voter.trusted:
            if vote.counts or any(other.digest != vote.digest for other in ballot.votes.values()):
                self.due([ballot])
        elif ballot.accepted == vote.digest:
            self.note_agreement(ballot)
            self.due(self._voters[name] for name in ballot.suspects)
            ballot.suspects.clear()
            self._docket.doubted.pop(ballot.payload, None)
        elif not self._plain:
            self._contradict(ballot, vote.voter, outcome)

    def close(self, stint: Stint) -> None:
        """A stint is over: its votes count. Idempotent."""
        if not stint.closed:
            stint.closed = True
            self.due(b for b in map(self._ballot, stint.votes) if b.accepted is None)

    def note_agreement(self, ballot: Ballot) -> None:
        """Who stands with others for an accepted answer has been found right in it."""
        if self._plain:
            return
        agreeing = [vote for vote in ballot.votes.values() if vote.digest == ballot.accepted]
        if len(agreeing) < 2:
            self._unvouch(agreeing)
            return
        for vote in agreeing:
            if ballot.payload not in vote.stint.vouched:
                vote.vouch()
                self.due(b for b in map(self._ballot, vote.stint.votes) if b.short)

    def take_up(
        self, ballots: Iterable[Ballot], accepted: Mapping[int, bytes | None], poorer: AbstractSet[Ballot]
    ) -> Outcome:
        """Stored payloads with their votes are back; ``poorer`` are those that lost a vote to the blacklist."""
        for ballot in ballots:
            digest = accepted[ballot.payload]
            if digest is not None:
                self._docket.close(ballot, digest, for_checks=not self._plain)
                self.note_agreement(ballot)
                for vote in ballot.votes.values():
                    if vote.digest != digest and vote.voter.standing is Standing.SUSPECT:
                        ballot.suspects.append(vote.voter.name)
                        self._docket.doubt(ballot)
            if digest is None or ballot in poorer:
                self.due([ballot])
        return self.work_off(Outcome())

    def _ballot(self, vote: Vote) -> Ballot:
        return self._ballots[vote.payload]

    def _judge(self, ballot: Ballot, outcome: Outcome) -> None:
        groups = ballot.groups()
        if self.doubt(groups) > (0.0 if self._plain else self.rules.error_rate):
            if ballot.accepted is not None:
                self._reopen(ballot, outcome)
            self.want(ballot)
            if ballot.short:
                self._learn(groups[0])
        elif ballot.accepted != groups[0].digest:
            if ballot.accepted is not None:
                self._reopen(ballot, outcome)
            self._learn(groups[0])
            self._accept(ballot, groups[0].digest, outcome)

    def _learn(self, lead: Group) -> None:
        self._usual_evidence += _LEARNING * (len(lead.vouched) / lead.votes - self._usual_evidence)

    def _accept(self, ballot: Ballot, digest: bytes, outcome: Outcome) -> None:
        self._docket.close(ballot, digest, for_checks=not self._plain)
        outcome.verdicts.append((ballot.payload, digest))
        if self._plain:
            return
        self.note_agreement(ballot)
        for vote in ballot.votes.values():
            vote.voter.contested.discard(ballot.payload)
            if vote.digest != digest and not vote.voter.trusted:
                self.due([vote.voter])

    def _reopen(self, ballot: Ballot, outcome: Outcome) -> None:
        self._docket.reopen(ballot)
        self._unvouch(ballot.votes.values())
        outcome.verdicts.append((ballot.payload, None))

    def _unvouch(self, votes: Iterable[Vote]) -> None:
        for vote in votes:
            if vote.payload in vote.stint.vouched:
                vote.unvouch()
                self.due(map(self._ballot, vote.stint.votes))

    def _contradict(self, ballot: Ballot, voter: Voter, outcome: Outcome) -> None:
        """One contradiction makes its giver suspect; a second one, before anybody confirms, opens the payload again."""
        if any(vote.voter.trusted for vote in ballot.votes.values()):
            self.due([voter])
            return
        ballot.suspects.append(voter.name)
        if len(ballot.suspects) == 1:
            self._docket.doubt(ballot)
            if voter.standing is Standing.GOOD:
                self._stand(voter, Standing.SUSPECT, outcome)
            return
        suspects = [self._voters[name] for name in ballot.suspects]
        self._reopen(ballot, outcome)
        for suspect in suspects:
            if suspect.standing is Standing.SUSPECT:
                self._stand(suspect, Standing.GOOD, outcome)
        self.due([ballot])

    def _stand(self, voter: Voter, standing: Standing, outcome: Outcome) -> None:
        voter.standing = standing
        outcome.voters.append(voter.row())
        if voter.stint is not None:
            voter.stint.closed = True
        self.due(map(self._ballot, voter.votes))

    def _blacklist(self, voter: Voter, outcome: Outcome) -> None:
        """Withdraw everything that a volunteer answered. Its network gets no second vote on any of that."""
        if voter.standing is Standing.BLACKLISTED:
            return
        voter.standing = Standing.BLACKLISTED
        outcome.voters.append(voter.row())
        outcome.recall += voter.forgotten
        voter.forgotten.clear()
        for ballot in map(self._ballot, voter.votes):
            vote = ballot.votes.pop(voter.name)
            if voter.name in ballot.suspects:
                ballot.suspects.remove(voter.name)
                if not ballot.suspects:
                    self._docket.doubted.pop(ballot.payload, None)
            if ballot.accepted == vote.digest:
                self.note_agreement(ballot)
            self.due([ballot])
        for payload in voter.leases:
            self._ballots[payload].take_from(voter)
            self.due([self._ballots[payload]])
        voter.leases.clear()
        voter.contested.clear()
        voter.votes.clear()
        voter.stint = None

    def want(self, ballot: Ballot) -> None:
        """Ask for as many votes as would do if all that is under way turns out as usual."""
        votes = [vote for vote in ballot.votes.values() if vote.voter.standing is Standing.GOOD]
        waiting = len(ballot.holders) + sum(not vote.counts for vote in votes)
        ballot.short = bool(votes) and not waiting
        tallies = Counter(vote.digest for vote in votes)
        (lead, most), (_, next_most) = (*tallies.most_common(2), (b"", 0), (b"", 0))[:2]
        wanted = 0 if waiting else 1
        if self._plain:
            wanted = max(self._plain - most - len(ballot.holders), wanted)
        else:
            for vote in votes:
                if most - tallies[vote.digest] >= _CONTESTED:
                    vote.voter.contested.add(ballot.payload)
            known: set[int] = set()
            for vote in votes:
                if vote.counts and vote.digest == lead:
                    known |= vote.evidence
            ahead = most - next_most + len(ballot.holders)
            evidence = len(known) + waiting * self._usual_evidence
            while ahead + wanted < MOST_VOTES and (
                evidence + wanted * self._usual_evidence < self._needed[ahead + wanted]
            ):
                wanted += 1
        ballot.wanted = wanted
        self._docket.mark(ballot)

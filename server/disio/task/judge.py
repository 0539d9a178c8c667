"""What a new vote, a closed stint or a blacklisting means for answers and volunteers, and what follows from that."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from disio.task.ballot import FAILURE, Ballot, Group, Outcome, Standing, Stint, Verdict, Vote, Voter
from disio.task.credibility import MOST_VOTES, Rules, evidence_needed
from disio.task.docket import Docket

_CONTESTED: Final = 2
"""Votes behind the leading answer with which a volunteer gets no more work until that is decided."""
FAILURES_NEEDED: Final = 3
"""A payload is set aside only if it failed so often."""
_FAULTS_ALLOWED: Final = 5
"""Who failed on so many payloads that others answered, and on more than half of what it had, is blacklisted."""
_LEARNING: Final = 0.02
"""Weight of the newest payload in what is expected of the next ones."""


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
        if lead.tried >= FAILURES_NEEDED and lead.tried > sum(rival.against for rival in rivals):
            return 0.0
        known = len(lead.vouched)
        if not rivals:
            return self.rules.doubt(lead.votes, known)
        return min(1.0, sum(self.rules.doubt(lead.votes - r.against, known - len(r.vouched)) for r in rivals))

    def cast(self, vote: Vote, ballot: Ballot, outcome: Outcome) -> None:
        """A vote has come."""
        others = (other.digest for other in ballot.votes.values() if other.digest != FAILURE)
        outcome.contradicts = vote.digest != FAILURE and any(digest != vote.digest for digest in others)
        ballot.votes[vote.voter.name] = vote
        vote.voter.votes[vote.payload] = vote
        vote.stint.votes.append(vote)
        if vote.digest == FAILURE and ballot.accepted is not None:
            self._fault(vote.voter, outcome)
        elif ballot.accepted is None or vote.voter.trusted:
            if vote.counts or any(other.digest != vote.digest for other in ballot.votes.values()):
                self.due([ballot])
        elif ballot.accepted == FAILURE:
            pass  # it failed in enough others; that one machine can do it is no reproach to it
        elif ballot.accepted == vote.digest:
            self.note_agreement(ballot, outcome)
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

    def keep_trying(self, ballot: Ballot, vote: Vote) -> None:
        """A trusted volunteer failed: it may try again where no other trusted one could."""
        had = {vote.voter.name, *ballot.votes}
        others = (v for v in self._voters.values() if v.trusted and v.present and v.name not in had)
        vote.again = not self._plain and vote.tries < FAILURES_NEEDED and next(others, None) is None

    def note_agreement(self, ballot: Ballot, outcome: Outcome) -> None:
        """Who stands with others for an accepted answer has been found right in it."""
        if self._plain or ballot.accepted == FAILURE:
            return
        agreeing = [vote for vote in ballot.votes.values() if vote.digest == ballot.accepted]
        if len(agreeing) < 2:
            self._unvouch(agreeing, outcome)
            return
        for vote in agreeing:
            if not vote.rests_on and ballot.payload not in vote.stint.vouched:
                vote.vouch()
                self.due(b for b in map(self._ballot, vote.stint.votes) if b.short)

    def take_up(
        self, ballots: Iterable[Ballot], accepted: Mapping[int, bytes | None], poorer: AbstractSet[Ballot]
    ) -> Outcome:
        """Stored payloads with their votes are back; ``poorer`` are those that lost a vote to the blacklist."""
        outcome = Outcome()
        for ballot in ballots:
            digest = accepted[ballot.payload]
            if digest is not None:
                ballot.contradicted |= any(vote.digest != digest for vote in ballot.votes.values())
                self._docket.close(ballot, digest, for_checks=not self._plain and digest != FAILURE)
                self._let_stand(ballot)
                self.note_agreement(ballot, outcome)
                for vote in ballot.votes.values():
                    if vote.digest not in (digest, FAILURE) and vote.voter.standing is Standing.SUSPECT:
                        ballot.suspects.append(vote.voter.name)
                        self._docket.doubt(ballot)
            if digest is None or ballot in poorer:
                self.due([ballot])
        return self.work_off(outcome)

    def _ballot(self, vote: Vote) -> Ballot:
        return self._ballots[vote.payload]

    def _judge(self, ballot: Ballot, outcome: Outcome) -> None:
        groups = ballot.groups()
        if not self._decided(groups):
            if ballot.accepted is not None:
                self._reopen(ballot, outcome)
            self.want(ballot)
            if ballot.short:
                self._learn(groups[0])
        elif ballot.accepted != groups[0].digest:
            if ballot.accepted is not None:
                self._reopen(ballot, outcome)
            self._learn(groups[0])
            self._accept(ballot, groups, outcome)
        elif self._let_stand(ballot):
            outcome.verdicts.append(Verdict(ballot.payload, ballot.accepted, ballot.accepted))

    def _decided(self, groups: list[Group]) -> bool:
        if groups and groups[0].digest == FAILURE and groups[0].votes < FAILURES_NEEDED:
            return False
        return self.doubt(groups) <= (0.0 if self._plain else self.rules.error_rate)

    def _let_stand(self, ballot: Ballot) -> bool:
        """See that the answer of somebody in good standing stands for the accepted one; whether that changed."""
        leases = [vote.lease for vote in ballot.votes.values() if vote.digest == ballot.accepted]
        if not leases or ballot.stands in leases:
            return False
        ballot.stands = leases[0]
        return True

    def _fault(self, voter: Voter, outcome: Outcome) -> None:
        """Others answered what a volunteer failed on, or had a part in answering wrongly.

        Once is its machine's weakness, or somebody else's fault; always is not.
        """
        voter.faults += 1
        outcome.voters.append(voter.row())
        if not voter.trusted and voter.faults >= _FAULTS_ALLOWED and 2 * voter.faults > voter.answered:
            self.due([voter])

    def _learn(self, lead: Group) -> None:
        self._usual_evidence += _LEARNING * (len(lead.vouched) / lead.votes - self._usual_evidence)

    def _accept(self, ballot: Ballot, groups: list[Group], outcome: Outcome) -> None:
        digest = groups[0].digest
        self._docket.close(ballot, digest, for_checks=not self._plain and digest != FAILURE)
        self._let_stand(ballot)
        outcome.verdicts.append(Verdict(ballot.payload, digest, None, self.doubt(groups)))
        if self._plain:
            return
        self.note_agreement(ballot, outcome)
        for vote in ballot.votes.values():
            vote.voter.contested.discard(ballot.payload)
            if digest in (vote.digest, FAILURE):
                continue
            if vote.digest == FAILURE or vote.rests_on:  # which of those whose work it is was bad, nobody knows
                for name in sorted({vote.voter.name, *vote.rests_on}):
                    self._fault(self._voters[name], outcome)
            elif not vote.voter.trusted:
                self.due([vote.voter])

    def _reopen(self, ballot: Ballot, outcome: Outcome) -> None:
        outcome.verdicts.append(Verdict(ballot.payload, None, ballot.accepted))
        self._docket.reopen(ballot)
        self._unvouch(ballot.votes.values(), outcome)

    def _unvouch(self, votes: Iterable[Vote], outcome: Outcome) -> None:
        for vote in votes:
            stint = vote.stint
            if vote.payload in stint.vouched:
                vote.unvouch()
                self.due(map(self._ballot, stint.votes))
                if not stint.complete:
                    outcome.shaken.append((stint.voter.name, stint.number))

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
        self.due(map(self._ballot, voter.votes.values()))

    def _blacklist(self, voter: Voter, outcome: Outcome) -> None:
        """Withdraw everything that a volunteer answered. Its network gets no second vote on any of that."""
        if voter.standing is Standing.BLACKLISTED:
            return
        voter.standing = Standing.BLACKLISTED
        outcome.voters.append(voter.row())
        for vote in voter.votes.values():
            ballot = self._ballot(vote)
            del ballot.votes[voter.name]
            if voter.name in ballot.suspects:
                ballot.suspects.remove(voter.name)
                if not ballot.suspects:
                    self._docket.doubted.pop(ballot.payload, None)
            if ballot.accepted == vote.digest:
                self.note_agreement(ballot, outcome)
            self.due([ballot])
        for payload in voter.touches:
            self._withdraw(self._ballots[payload], voter, outcome)
        for payload, holding in voter.leases.items():
            self._ballots[payload].take_from(voter, [self._voters[name] for name in holding.rests_on])
            self.due([self._ballots[payload]])
        voter.leases.clear()
        voter.comparing.clear()
        voter.contested.clear()
        voter.votes.clear()
        voter.stint = None

    def _withdraw(self, ballot: Ballot, blacklisted: Voter, outcome: Outcome) -> None:
        """What others answered falls with the one on whose state it rests; they get no second vote on it.

        Who is still at it from there computes in vain, and may begin anew.
        """
        for vote in [vote for vote in ballot.votes.values() if blacklisted.name in vote.rests_on]:
            ballot.take_back(vote)
            vote.voter.contested.discard(ballot.payload)
            ballot.touched.add(vote.voter.name)
            if ballot.accepted == vote.digest:
                self.note_agreement(ballot, outcome)
            self.due([ballot])
        for holder in sorted(ballot.holders - {blacklisted.name}):
            if blacklisted.name in self._voters[holder].leases[ballot.payload].rests_on:
                outcome.vain.append((holder, ballot.payload))

    def want(self, ballot: Ballot) -> None:
        """Ask for as many votes as would do if all that is under way turns out as usual."""
        if not self._plain and any(self._voters[name].trusted for name in ballot.holders):
            ballot.wanted, ballot.short = 0, False  # one answer will decide
            self._docket.mark(ballot)
            return
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
                if most - tallies[vote.digest] >= _CONTESTED and vote.digest != FAILURE:
                    vote.voter.contested.add(ballot.payload)
            known: set[int] = set()
            for vote in votes:
                if vote.counts and vote.digest == lead:
                    known |= vote.evidence
            worth = int(sum(vote.weight for vote in votes if vote.digest == lead))
            ahead = max(0, worth - next_most) + len(ballot.holders)
            evidence = len(known) + waiting * self._usual_evidence
            while ahead + wanted < MOST_VOTES and (
                evidence + wanted * self._usual_evidence < self._needed[ahead + wanted]
            ):
                wanted += 1
        if votes and lead == FAILURE:
            wanted = max(wanted, FAILURES_NEEDED - most - len(ballot.holders))
        ballot.wanted = wanted
        self._docket.mark(ballot)

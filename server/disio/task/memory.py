"""What a jury has in memory: brought back from what is stored, and let go when nobody looks at it any more."""

from collections.abc import Collection, Iterable, Mapping

from disio.task.ballot import Ballot, Hands, Outcome, Standing, Stint, Vote, Voter, VoteRow, VoterRow
from disio.task.docket import Docket
from disio.task.judge import Judge
from disio.task.resuming import fallen, keep_state, rest


class Memory:
    """Ballots and voters that come and go; :class:`disio.task.jury.Jury` says when, and what the arguments are."""

    def __init__(self, docket: Docket, judge: Judge, voters: dict[str, Voter]) -> None:
        self._docket = docket
        self._judge = judge
        self._voters = voters

    def recall(
        self,
        voters: Iterable[VoterRow],
        votes: Iterable[VoteRow],
        accepted: Mapping[int, tuple[bytes | None, int]],
        doubted: Collection[int],
    ) -> Outcome:
        """Bring stored payloads back, with their votes and all volunteers that these are of."""
        for row in voters:
            if row.volunteer not in self._voters:
                voter = Voter(row.volunteer, row.network, row.trusted, present=False, stored=True)
                voter.standing, voter.picky_from, voter.faults = row.standing, row.picky_from, row.faults
                voter.answered = 2 * row.faults
                self._voters[row.volunteer] = voter
        ballots = {payload: self._docket.begin(payload) for payload in accepted if payload not in self._docket.ballots}
        poorer = {self._docket.ballots[payload] for payload in doubted if payload in self._docket.ballots}
        stints: dict[tuple[str, int], Stint] = {}
        for voted in votes:
            voter, ballot = self._voters[voted.volunteer], ballots.get(voted.payload)
            if ballot is None:
                continue
            ballot.stands = accepted[voted.payload][1]
            ballot.give_to(voter, [self._voters[name] for name in voted.rests_on])
            ballot.holders.discard(voter.name)
            if voter.standing is Standing.BLACKLISTED or fallen(voted.rests_on, self._voters):
                ballot.touched.add(voter.name)
                poorer.add(ballot)
                continue
            key = voter.name, voted.stint
            if key not in stints:
                stints[key] = _remembered(voter, voted.stint)
            stint = stints[key]
            vote = Vote(stint, voted.payload, voted.digest, voted.position, voted.lease, voted.check)
            rest(vote, voted.rests_on, self._voters, self._judge.rules)
            ballot.votes[voter.name] = vote
            voter.votes[voted.payload] = vote
            stint.votes.append(vote)
        digests = {payload: digest for payload, (digest, _) in accepted.items()}
        return self._judge.take_up(ballots.values(), digests, poorer)

    def recall_states(self, states: Iterable[tuple[int, str, Hands]]) -> None:
        """Bring stored states back."""
        for payload, keeper, rests_on in states:
            ballot = self._docket.ballots.get(payload)
            if ballot is None and self._docket.fresh.discard(payload):
                ballot = self._docket.begin(payload)
                self._judge.want(ballot)
            if ballot is not None and ballot.accepted is None and not fallen(rests_on | {keeper}, self._voters):
                keep_state(ballot, keeper, rests_on | {keeper}, self._voters)

    def forget_final(self) -> list[int]:
        """Take out what is decided and not looked at any more; returns its payloads."""
        final = [
            ballot
            for payload, ballot in self._docket.ballots.items()
            if ballot.accepted is not None
            and not ballot.holders
            and not self._docket.checks_with(payload)
            and all(vote.stint.closed for vote in ballot.votes.values())
        ]
        for ballot in final:
            for vote in ballot.votes.values():
                vote.stint.complete = False
            self._forget(ballot)
        gone = [
            voter.name
            for voter in self._voters.values()
            if not (voter.present or voter.votes or voter.leases or voter.touches) and voter.standing is Standing.GOOD
        ]
        for name in gone:
            del self._voters[name]
        return [ballot.payload for ballot in final]

    def _forget(self, ballot: Ballot) -> None:
        for vote in list(ballot.votes.values()):
            ballot.take_back(vote)
            vote.voter.contested.discard(ballot.payload)
        for name in ballot.touchers:
            self._voters[name].touches.discard(ballot.payload)
        self._docket.remove(ballot)


def _remembered(voter: Voter, number: int) -> Stint:
    """A stint that is over: the one that votes in memory belong to, if there are any."""
    for vote in voter.votes.values():
        if vote.stint.number == number:
            return vote.stint
    if voter.stint is not None and voter.stint.number == number:
        return voter.stint
    return Stint(voter, number, closed=True, complete=False)

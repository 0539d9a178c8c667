"""Which payload a volunteer is given next, and what is believed of the answers, for one task.

Credibility-based fault tolerance for short, anonymous visits: voting, spot-checks with payloads already accepted,
blacklisting with withdrawal. No I/O, no clock; randomness is passed in. :mod:`disio.task.credibility` has the
arithmetic and its source, docs/trust.md the reasons.
"""

import itertools
import random
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from disio.task.ballot import Ballot, BallotRow, Group, Standing, Stint, Vote, Voter, VoteRow, VoterRow
from disio.task.credibility import MOST_VOTES, Rules, evidence_needed
from disio.task.drawing import Drawer

_POOL: Final = 512
"""Accepted payloads kept for checking: young ones, so that their age gives nothing away."""
_OPINIONS: Final = 32
"""Doubted payloads looked at for one volunteer."""
_LEARNING: Final = 0.02
"""Weight of the newest stint in what is expected of the next ones."""


class Lease(NamedTuple):
    """What a volunteer is given. ``check`` is never to reach the volunteer."""

    payload: int
    check: bool


@dataclass(slots=True)
class Outcome:
    """What one event changed, in the order in which it happened."""

    vote: VoteRow | None = None
    """The vote to be stored; None if the answer is of no use (twice, of a blacklisted volunteer, same network)."""
    accepted: list[tuple[int, bytes]] = field(default_factory=list)
    """Payload and answer: now accepted."""
    withdrawn: list[int] = field(default_factory=list)
    """Payloads whose accepted answer is not believed any more; they are open again."""
    standings: list[tuple[str, Standing]] = field(default_factory=list)
    """Volunteers whose standing changed."""


class Jury:
    """The votes of one task.

    The owner adds payloads with :meth:`add`, volunteers with :meth:`join`, asks :meth:`next` for leases, and tells
    of what comes back with :meth:`answer`, :meth:`give_back` and :meth:`leave`. Every call is proportional to the
    votes that it touches, not to the size of the task.
    """

    def __init__(self, rules: Rules, rng: random.Random) -> None:
        self.rules = rules
        self.voters: dict[str, Voter] = {}
        self.ballots: dict[int, Ballot] = {}
        self.open = 0
        """Begun payloads without an accepted answer."""
        self.doubted: deque[int] = deque()
        """Accepted payloads that somebody contradicts: they wait for a second opinion."""
        self.executions = 0
        """Votes received, checks included."""
        self._rng = rng
        self._plain = rules.plain_votes
        self._checks = rules.checks
        self._needed = [evidence_needed(rules.odds, rules.error_rate, votes) for votes in range(MOST_VOTES + 1)]
        self._fresh = Drawer[int](rng)
        self._needy = Drawer[int](rng)
        self._young = Drawer[int](rng)
        self._seasoned = Drawer[int](rng)
        self._usual_evidence = 0.0
        self._usual_confirmed = 0.0
        self._due: deque[Ballot | Voter] = deque()

    # what the owner asks

    @property
    def fresh(self) -> int:
        """Payloads that were added and not begun: add more when this runs low."""
        return len(self._fresh)

    @property
    def settled(self) -> bool:
        """Whether every added payload has an accepted answer that nobody contradicts."""
        return not (self.open or self._fresh or self.doubted)

    def doubt(self, payload: int) -> float:
        """Upper bound of the probability that the leading answer of a begun payload is wrong; 1.0 without votes."""
        return self._doubt(self.ballots[payload].groups())

    def votes(self, payload: int) -> list[VoteRow]:
        """The votes for a payload: why its answer is accepted."""
        ballot = self.ballots.get(payload)
        return [] if ballot is None else [vote.row() for vote in ballot.votes.values()]

    # what the owner tells

    def add(self, payloads: Iterable[int]) -> None:
        """Payloads that may be begun. They are begun in random order, so that their place tells nobody anything."""
        for payload in payloads:
            self._fresh.add(payload)

    def join(self, volunteer: str, network: str | None = None, *, trusted: bool = False) -> None:
        """A volunteer is here; idempotent.

        Args:
            volunteer: its id.
            network: its address prefix; None if it is not known, or does not matter.
            trusted: its answers are accepted outright.
        """
        if volunteer not in self.voters:
            self.voters[volunteer] = Voter(volunteer, network if self.rules.by_network else None, trusted)

    def next(self, volunteer: str) -> Lease | None:
        """A payload for this volunteer, now leased to it; None if there is none that it may vote on."""
        voter = self.voters[volunteer]
        if voter.standing is not Standing.GOOD:
            return None
        stint = self._stint(voter)
        ballot = self._choose_check(voter, stint) or self._choose_work(voter) or self._choose_second_opinion(voter)
        if ballot is None:
            return None
        check = ballot.accepted is not None
        self._hold(voter, ballot, stint)
        if not check:
            ballot.wanted -= 1
            self._mark(ballot)
        return Lease(ballot.payload, check)

    def answer(self, volunteer: str, payload: int, digest: bytes) -> Outcome:
        """What a volunteer answered for a payload that is, or was, leased to it."""
        outcome = Outcome()
        voter = self.voters[volunteer]
        ballot = self.ballots.get(payload)
        lease = voter.leases.pop(payload, None)
        if ballot is None or voter.standing is Standing.BLACKLISTED or volunteer in ballot.votes:
            return outcome
        if lease is None:
            if not self._may_vote(voter, ballot):
                return outcome
            stint = self._stint(voter)
            self._hold(voter, ballot, stint)
            lease = voter.leases.pop(payload)
        stint, position = lease
        ballot.holders.discard(volunteer)
        self.executions += 1
        vote = Vote(stint, payload, digest, position, passed=ballot.accepted == digest)
        ballot.votes[volunteer] = vote
        voter.votes.append(vote)
        stint.votes.append(vote)
        stint.unanswered -= 1
        stint.last_answered = max(stint.last_answered, position)
        if vote.passed:
            stint.passed += 1
            stint.last_passed = max(stint.last_passed, position)
        outcome.vote = vote.row()
        if ballot.accepted is None or voter.trusted:
            self._due.append(ballot)
        elif vote.passed:
            self._uphold(ballot)
        elif not self._plain:
            self._contradict(ballot, voter, outcome)
        if stint.issued >= self.rules.stint and stint.unanswered == 0:
            self._close(stint)
        self._work_off(outcome)
        return outcome

    def give_back(self, volunteer: str, payload: int) -> Outcome:
        """A lease ended without an answer; idempotent. Who withholds a check among answers gains nothing by checks."""
        outcome = Outcome()
        voter = self.voters[volunteer]
        lease = voter.leases.pop(payload, None)
        if lease is None:
            return outcome
        stint, position = lease
        stint.unanswered -= 1
        ballot = self.ballots[payload]
        self._release(voter, ballot)
        if ballot.accepted is None:
            self._due.append(ballot)
        elif position < stint.last_answered and voter.picky_from is None:
            voter.picky_from = stint.number
        if stint.issued >= self.rules.stint and stint.unanswered == 0:
            self._close(stint)
        self._work_off(outcome)
        return outcome

    def leave(self, volunteer: str) -> Outcome:
        """A visit has ended: its leases go out again, its answers count as far as they were checked; idempotent."""
        outcome = Outcome()
        voter = self.voters[volunteer]
        for payload in list(voter.leases):
            given_back = self.give_back(volunteer, payload)
            outcome.accepted += given_back.accepted
            outcome.withdrawn += given_back.withdrawn
            outcome.standings += given_back.standings
        if voter.stint is not None:
            self._close(voter.stint)
        self._work_off(outcome)
        return outcome

    # choosing

    def _stint(self, voter: Voter) -> Stint:
        stint = voter.stint
        if stint is None or (not self._plain and (stint.closed or stint.issued >= self.rules.stint)):
            plan = frozenset() if voter.trusted else self._plan()
            stint = voter.stint = Stint(voter, voter.stints, plan, closed=self._plain > 0)
            voter.stints += 1
        return stint

    def _plan(self) -> frozenset[int]:
        """Where the checks of a stint come: one in each of its equal parts, anywhere in that."""
        if not self._checks:
            return frozenset()
        part = self.rules.stint / self._checks
        return frozenset(int(part * (number + self._rng.random())) for number in range(self._checks))

    def _choose_check(self, voter: Voter, stint: Stint) -> Ballot | None:
        due = stint.issued in stint.plan
        if not due and not (stint.owed and self._rng.random() < 0.5):
            return None
        ballot = self._choose_second_opinion(voter)
        for drawer in (self._young, self._seasoned):
            if ballot is not None:
                break
            payload = drawer.draw(lambda payload: self._may_vote(voter, self.ballots[payload]))
            if payload is not None:
                ballot = self.ballots[payload]
        if ballot is None:
            stint.owed += due
            return None
        stint.owed -= not due
        if self._young.discard(ballot.payload):
            self._seasoned.add(ballot.payload, most=_POOL)
        return ballot

    def _choose_second_opinion(self, voter: Voter) -> Ballot | None:
        for payload in itertools.islice(self.doubted, _OPINIONS):
            ballot = self.ballots[payload]
            if not ballot.holders and self._may_vote(voter, ballot):
                return ballot
        return None

    def _choose_work(self, voter: Voter) -> Ballot | None:
        payload = self._needy.draw(lambda payload: self._may_vote(voter, self.ballots[payload]))
        if payload is not None:
            return self.ballots[payload]
        payload = self._fresh.draw()
        if payload is None:
            return None
        self._fresh.discard(payload)
        ballot = self.ballots[payload] = Ballot(payload)
        self.open += 1
        self._want(ballot)
        return ballot

    def _may_vote(self, voter: Voter, ballot: Ballot) -> bool:
        if voter.name in ballot.votes or voter.name in ballot.holders:
            return False
        return voter.trusted or voter.network is None or voter.network not in ballot.networks

    def _hold(self, voter: Voter, ballot: Ballot, stint: Stint) -> None:
        voter.leases[ballot.payload] = (stint, stint.issued)
        stint.issued += 1
        stint.unanswered += 1
        ballot.holders.add(voter.name)
        if voter.network is not None and not voter.trusted:
            ballot.networks.add(voter.network)

    def _release(self, voter: Voter, ballot: Ballot) -> None:
        ballot.holders.discard(voter.name)
        if voter.network is not None and not voter.trusted:
            ballot.networks.discard(voter.network)

    # judging

    def _work_off(self, outcome: Outcome) -> None:
        while self._due:
            due = self._due.popleft()
            if isinstance(due, Voter):
                self._blacklist(due, outcome)
            else:
                self._judge(due, outcome)

    def _close(self, stint: Stint) -> None:
        if stint.closed:
            return
        stint.closed = True
        if stint.votes and not stint.voter.trusted and stint.voter.standing is Standing.GOOD:
            evidence = sum(vote.evidence for vote in stint.votes) / len(stint.votes)
            self._usual_evidence += _LEARNING * (evidence - self._usual_evidence)
        self._due.extend(ballot for ballot in self._ballots_of(stint.votes) if ballot.accepted is None)

    def _ballots_of(self, votes: list[Vote]) -> Iterator[Ballot]:
        return (self.ballots[vote.payload] for vote in votes)

    def _doubt(self, groups: list[Group]) -> float:
        if not groups:
            return 1.0
        lead, rivals = groups[0], groups[1:]
        if self._plain:
            return 0.0 if lead.votes >= self._plain and not (rivals and rivals[0].votes >= lead.votes) else 1.0
        if lead.trusted:
            return 1.0 if rivals and rivals[0].trusted >= lead.trusted else 0.0
        if not rivals:
            return self.rules.doubt(lead.votes, lead.total)
        return min(1.0, sum(self.rules.doubt(lead.votes - rival.votes, lead.total - rival.total) for rival in rivals))

    def _judge(self, ballot: Ballot, outcome: Outcome) -> None:
        groups = ballot.groups()
        if self._doubt(groups) > (0.0 if self._plain else self.rules.error_rate):
            self._reopen(ballot, outcome)
            self._want(ballot)
            return
        lead = groups[0]
        if ballot.accepted != lead.digest:
            self._reopen(ballot, outcome)
            self._accept(ballot, lead, outcome)

    def _accept(self, ballot: Ballot, lead: Group, outcome: Outcome) -> None:
        self.open -= 1
        ballot.accepted = lead.digest
        ballot.wanted = 0
        self._mark(ballot)
        outcome.accepted.append((ballot.payload, lead.digest))
        if self._plain:
            return
        self._young.add(ballot.payload, most=_POOL)
        if not lead.trusted and lead.votes > 1:
            self._usual_confirmed += _LEARNING * (lead.confirmed - self._usual_confirmed)
        for vote in ballot.votes.values():
            if vote.digest != lead.digest:
                if not vote.stint.voter.trusted:
                    self._due.append(vote.stint.voter)
            elif lead.votes > 1 and not vote.passed:
                vote.confirmed = True
                vote.stint.confirmed += 1

    def _reopen(self, ballot: Ballot, outcome: Outcome) -> None:
        if ballot.accepted is None:
            return
        self.open += 1
        ballot.accepted = None
        self._forget_doubt(ballot)
        self._young.discard(ballot.payload)
        self._seasoned.discard(ballot.payload)
        for vote in ballot.votes.values():
            if vote.confirmed:
                vote.confirmed = False
                vote.stint.confirmed -= 1
        outcome.withdrawn.append(ballot.payload)

    def _contradict(self, ballot: Ballot, voter: Voter, outcome: Outcome) -> None:
        """An accepted answer has been contradicted: once is the volunteer's fault, twice puts the answer in doubt."""
        if any(vote.stint.voter.trusted for vote in ballot.votes.values()):
            self._due.append(voter)
            return
        ballot.suspects.append(voter.name)
        if len(ballot.suspects) == 1:
            self.doubted.append(ballot.payload)
            if voter.standing is Standing.GOOD:
                self._stand(voter, Standing.SUSPECT, outcome)
            return
        suspects = [self.voters[name] for name in ballot.suspects]
        self._reopen(ballot, outcome)
        for suspect in suspects:
            if suspect.standing is Standing.SUSPECT:
                self._stand(suspect, Standing.GOOD, outcome)
        self._due.append(ballot)

    def _uphold(self, ballot: Ballot) -> None:
        """A second opinion confirmed the accepted answer: who contradicted it was wrong."""
        self._due.extend(self.voters[name] for name in ballot.suspects)
        self._forget_doubt(ballot)

    def _forget_doubt(self, ballot: Ballot) -> None:
        if ballot.suspects:
            ballot.suspects.clear()
            self.doubted.remove(ballot.payload)

    def _stand(self, voter: Voter, standing: Standing, outcome: Outcome) -> None:
        voter.standing = standing
        outcome.standings.append((voter.name, standing))
        if voter.stint is not None:
            self._close(voter.stint)
        self._due.extend(ballot for ballot in self._ballots_of(voter.votes) if ballot.accepted is None)

    def _blacklist(self, voter: Voter, outcome: Outcome) -> None:
        if voter.standing is Standing.BLACKLISTED:
            return
        voter.standing = Standing.BLACKLISTED
        outcome.standings.append((voter.name, Standing.BLACKLISTED))
        for ballot in self._ballots_of(voter.votes):
            vote = ballot.votes.pop(voter.name)
            self._release(voter, ballot)
            if voter.name in ballot.suspects:
                ballot.suspects.remove(voter.name)
                if not ballot.suspects:
                    self.doubted.remove(ballot.payload)
            if ballot.accepted is None or ballot.accepted == vote.digest:
                self._due.append(ballot)
        for payload in voter.leases:
            ballot = self.ballots[payload]
            self._release(voter, ballot)
            if ballot.accepted is None:
                self._due.append(ballot)
        voter.leases.clear()
        voter.votes.clear()
        if voter.stint is not None:
            voter.stint.closed = True

    # wanting

    def _want(self, ballot: Ballot) -> None:
        """How many votes to ask for: as many as would do if all that is under way turns out as usual."""
        votes = [vote for vote in ballot.votes.values() if vote.stint.voter.standing is Standing.GOOD]
        held = len(ballot.holders)
        tallies: dict[bytes, list[float]] = {}
        for vote in votes:
            tally = tallies.setdefault(vote.digest, [0, 0.0])
            tally[0] += 1
            tally[1] += vote.evidence if vote.stint.closed else self._usual_evidence
        ranked = sorted(tallies.values(), reverse=True) or [[0, 0.0]]
        lead, rival = ranked[0], ranked[1] if len(ranked) > 1 else [0, 0.0]
        waiting = held + sum(not vote.counts for vote in votes)
        if self._plain:
            ballot.wanted = max(self._plain - int(lead[0]) - held, 0 if waiting else 1)
        else:
            ahead = int(lead[0] - rival[0]) + held
            evidence = lead[1] - rival[1] + held * self._usual_evidence + self._usual_confirmed
            wanted = 0 if waiting else 1
            while ahead + wanted < MOST_VOTES and (
                evidence + wanted * self._usual_evidence < self._needed[max(0, ahead + wanted)]
            ):
                wanted += 1
            ballot.wanted = wanted
        self._mark(ballot)

    def _mark(self, ballot: Ballot) -> None:
        if ballot.wanted > 0:
            self._needy.add(ballot.payload)
        else:
            self._needy.discard(ballot.payload)

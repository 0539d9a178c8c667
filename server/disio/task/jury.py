"""What is believed of the answers to one task, and who is given which payload.

Credibility-based fault tolerance for short, anonymous visits: voting, checks with payloads already accepted,
blacklisting with withdrawal. No I/O, no clock; randomness is passed in. :mod:`disio.task.credibility` has the
arithmetic and its source, docs/trust.md the reasons.
"""

import itertools
import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from disio.task.ballot import (
    FAILURE,
    NOBODY,
    Ballot,
    Hands,
    Holding,
    Outcome,
    Pick,
    Standing,
    Stint,
    Vote,
    Voter,
    VoteRow,
    VoterRow,
)
from disio.task.credibility import Rules
from disio.task.docket import Docket
from disio.task.judge import Judge
from disio.task.memory import Memory
from disio.task.resuming import fallen, fitting_state, keep_state, may_rest_on, rest

_FORGETTING: Final = 1000


class Jury:
    """The votes of one task.

    The owner adds payloads with :meth:`add`, volunteers with :meth:`join`, asks :meth:`next` for leases, and tells
    what became of them with :meth:`answer`, :meth:`give_back` and :meth:`leave`. It stores the rows in the outcomes;
    from them :meth:`recall` makes the same jury after a restart. The work of a call grows with the votes that it
    touches, not with the task.

    Args:
        rules: what the researcher asks.
        rng: where chance comes from: nobody must be able to foresee what is a check.
        first_stint: the number of the first stint; above all that were ever stored.
    """

    def __init__(self, rules: Rules, rng: random.Random, first_stint: int = 0) -> None:
        self.rules = rules
        self.patience = float("inf")
        self.voters: dict[str, Voter] = {}
        self.executions = 0
        """Answers received since the start, checks included."""
        self._rng = rng
        self._stints = itertools.count(first_stint)
        self._looked_at = 0
        """Executions at the last :meth:`forget_final`."""
        self._plain = rules.plain_votes > 0
        self._checks = rules.checks
        self._docket = Docket(rng)
        self._ballots = self._docket.ballots
        self._judge = Judge(rules, self._docket, self.voters)
        self._memory = Memory(self._docket, self._judge, self.voters)

    @property
    def fresh(self) -> int:
        """Payloads that were added and not begun: add more when this runs low."""
        return len(self._docket.fresh)

    @property
    def open(self) -> int:
        """Begun payloads without an accepted answer."""
        return self._docket.open

    @property
    def waiting(self) -> int:
        """Payloads that somebody may be given now."""
        return self._docket.waiting

    @property
    def overdue(self) -> int:
        """None: one more vote is asked for instead."""
        return 0

    def stirred(self, now: float) -> bool:
        """Whether something waits that did not at the last look: who was given nothing may be given it."""
        self._docket.ask_again(now, self.patience)
        stirred, self._docket.stirred = self._docket.stirred, False
        return stirred

    @property
    def ripe(self) -> bool:
        """Whether so much has happened that :meth:`forget_final` is worth its while."""
        return self.executions - self._looked_at > len(self._ballots) // 2 + _FORGETTING

    @property
    def settled(self) -> bool:
        """Whether every added payload has an accepted answer that nobody contradicts."""
        return not (self._docket.open or self._docket.fresh or self._docket.doubted)

    def accepted(self, payload: int) -> bytes | None:
        """The digest of the accepted answer to a payload in memory."""
        ballot = self._ballots.get(payload)
        return None if ballot is None else ballot.accepted

    def stands_for(self, payload: int) -> int:
        """The lease whose answer stands for an accepted payload in memory."""
        return self._ballots[payload].stands

    def votes(self, payload: int) -> list[VoteRow]:
        """The votes for a payload in memory."""
        ballot = self._ballots.get(payload)
        return [] if ballot is None else [vote.row() for vote in ballot.votes.values()]

    def answers(self, payload: int) -> dict[bytes, int]:
        """The digests of the answers to a payload in memory, and the first lease that each was given for."""
        ballot = self._ballots.get(payload)
        return {} if ballot is None else ballot.answers()

    def to_compare(self, volunteer: str, payload: int, digest: bytes) -> bool:
        """Whether an answer is to be compared before it counts; it is then as good as come."""
        ballot, voter = self._ballots.get(payload), self.voters.get(volunteer)
        if ballot is None or voter is None:
            return False
        answers = ballot.answers()
        begun = answers or any(payload in self.voters[name].comparing for name in ballot.holders)
        if digest in answers or not begun:
            return False
        voter.comparing.add(payload)
        return True

    @property
    def suspects(self) -> int:
        """Volunteers in memory that wait for a second opinion."""
        return sum(voter.standing is Standing.SUSPECT for voter in self.voters.values())

    @property
    def shortage(self) -> tuple[int, int]:
        """How many volunteers of different networks the next answers take, and how many are here."""
        here = [voter for voter in self.voters.values() if voter.present and voter.standing is Standing.GOOD]
        if not self._plain and any(voter.trusted for voter in here):
            return 1, 1
        networks = {voter.network or f"volunteer {voter.name}" for voter in here}
        return self.rules.votes_to_start, len(networks)

    def counting(self, payload: int) -> set[str]:
        """Volunteers whose votes for a payload in memory count."""
        ballot = self._ballots.get(payload)
        return set() if ballot is None else {name for name, vote in ballot.votes.items() if vote.counts}

    def doubt(self, payload: int) -> float:
        """Upper bound of the probability that the leading answer to a begun payload is wrong; 1.0 without one."""
        return self._judge.doubt(self._ballots[payload].groups())

    def add(self, payloads: Iterable[int]) -> None:
        """Payloads that may be begun, in any order."""
        for payload in payloads:
            self._docket.fresh.add(payload)

    def join(self, volunteer: str, network: str | None = None, *, trusted: bool = False) -> VoterRow | None:
        """A volunteer is here; idempotent.

        Args:
            volunteer: its id.
            network: its address prefix, None if not known.
            trusted: its answers are accepted outright.

        Returns:
            what is to be stored of it with the first payload that it is given; None if it was given some before.
        """
        voter = self.voters.get(volunteer)
        if voter is None:
            voter = self.voters[volunteer] = Voter(volunteer, network if self.rules.by_network else None, trusted)
        voter.present = True
        return None if voter.stored else voter.row()

    def picks(self, volunteer: str, present: int, now: float) -> Iterator[Pick]:
        """Payloads for this volunteer, each leased to it when it is taken. See :meth:`next`."""
        while (pick := self.next(volunteer)) is not None:
            self._ballots[pick.payload].since = now
            yield pick

    def next(self, volunteer: str) -> Pick | None:
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
        check = ballot.accepted is not None
        state, rests_on = ("", NOBODY) if check else fitting_state(ballot, voter, self.voters, self.rules)
        self._hold(voter, ballot, Holding(stint, stint.issued, check, rests_on))
        voter.stored = True
        if not check:
            ballot.wanted = 0 if voter.trusted and not self._plain else ballot.wanted - 1
            self._docket.mark(ballot)
        return Pick(ballot.payload, check, state, rests_on)

    def keep(self, volunteer: str, payload: int) -> list[str] | None:
        """A volunteer keeps a state of a payload that it holds, from which others may go on.

        Returns:
            volunteers whose states of it nobody needs any more; None if this one is not needed.
        """
        voter, ballot = self.voters.get(volunteer), self._ballots.get(payload)
        if voter is None or ballot is None or ballot.accepted is not None or payload not in voter.leases:
            return None
        rests_on = voter.leases[payload].rests_on | {volunteer}
        if fallen(rests_on, self.voters):
            return None
        return keep_state(ballot, volunteer, rests_on, self.voters)

    def recall_states(self, states: Iterable[tuple[int, str, Hands]]) -> None:
        """States were stored, oldest first: payload, who kept it, on whose work it rests. They are of known voters."""
        self._memory.recall_states(states)

    def lease(self, volunteer: str, payload: int, *, check: bool = False, rests_on: Hands = NOBODY) -> bool:
        """A payload is out already (after a restart, or twice near the end); whether its answer will be of use.

        ``check`` tells what its lease was stored as, ``rests_on`` on whose work it goes on.
        """
        voter = self.voters.get(volunteer)
        if voter is None or voter.standing is Standing.BLACKLISTED or fallen(rests_on, self.voters):
            return False
        ballot = self._ballots.get(payload)
        if ballot is None and self._docket.fresh.discard(payload):
            ballot = self._docket.begin(payload)
        if ballot is None or not ballot.open_to(voter):
            return False
        if rests_on and (ballot.accepted is not None or not may_rest_on(ballot, voter, rests_on, self.voters)):
            return False
        stint = self._stint(voter)
        self._hold(voter, ballot, Holding(stint, stint.issued, check or ballot.accepted is not None, rests_on))
        if ballot.accepted is None:
            self._judge.want(ballot)
        return True

    def answer(self, volunteer: str, payload: int, digest: bytes, lease: int = 0, rests_on: Hands = NOBODY) -> Outcome:
        """What a volunteer answered for a payload that is, or was, leased to it; ``FAILURE`` if it could not.

        ``lease`` is by which its owner will know the answer again, ``rests_on`` on whose work it was to go on.
        """
        outcome = Outcome()
        voter = self.voters.get(volunteer)
        if voter is None or (payload not in voter.leases and not self.lease(volunteer, payload, rests_on=rests_on)):
            return outcome
        if voter.leases[payload].rests_on != rests_on:
            return outcome  # it was given the payload anew since, and that lease is the one that counts
        voter.comparing.discard(payload)
        ballot = self._ballots[payload]
        if rests_on and (ballot.accepted is not None or fallen(rests_on, self.voters)):
            return self.give_back(volunteer, payload, recalled=True)
        stint, position, check, _ = voter.leases.pop(payload)
        ballot.holders.discard(volunteer)
        ballot.states.pop(volunteer, None)
        self.executions += 1
        voter.answered += 1
        stint.unanswered -= 1
        stint.last_answered = max(stint.last_answered, position)
        former = ballot.votes.get(volunteer)
        if former is not None:
            ballot.take_back(former)
        vote = Vote(stint, payload, digest, position, lease, check, tries=1 if former is None else former.tries + 1)
        rest(vote, rests_on, self.voters, self.rules)
        if digest == FAILURE and voter.trusted:
            self._judge.keep_trying(ballot, vote)
        outcome.vote = vote.row()
        if not voter.stored:
            voter.stored = True
            outcome.voters.append(voter.row())
        self._judge.cast(vote, ballot, outcome)
        return self._finish(stint, outcome)

    def give_back(self, volunteer: str, payload: int, *, recalled: bool = False) -> Outcome:
        """A lease ended without an answer; idempotent. Who withholds a check among answers has passed none.

        ``recalled``: it was taken back, and so is not withheld.
        """
        outcome = Outcome()
        voter = self.voters.get(volunteer)
        if voter is None or payload not in voter.leases or payload in voter.comparing:
            return outcome
        stint, position, _, rests_on = voter.leases.pop(payload)
        ballot = self._ballots[payload]
        ballot.take_from(voter, [self.voters[name] for name in rests_on])
        stint.unanswered -= 1
        if ballot.accepted is None:
            self._judge.due([ballot])
        elif not recalled and position < stint.last_answered and voter.picky_from is None:
            voter.picky_from = stint.number
            outcome.voters.append(voter.row())
            self._judge.due([self._ballots[vote.payload] for vote in stint.votes])
        return self._finish(stint, outcome)

    def leave(self, volunteer: str) -> Outcome:
        """A visit has ended: its leases go out again, its answers count as far as they were checked; idempotent."""
        outcome = Outcome()
        voter = self.voters.get(volunteer)
        if voter is None:
            return outcome
        voter.present = False
        for payload in list(voter.leases):
            outcome.extend(self.give_back(volunteer, payload))
        if voter.stint is not None:
            self._judge.close(voter.stint)
        return self._judge.work_off(outcome)

    def rest(self, volunteer: str) -> Outcome:
        """There is nothing for this volunteer now: its stint is over once it holds nothing, as if it had left."""
        outcome = Outcome()
        voter = self.voters.get(volunteer)
        if voter is None or voter.stint is None:
            return outcome
        voter.resting = True
        return self._finish(voter.stint, outcome)

    def forget_final(self) -> list[int]:
        """Take out of memory what is decided and not looked at any more; returns its payloads.

        That is an accepted answer which is not used for checks, and whose voters' stints are over. The outcome
        of something later may still name it. Call it when ``ripe``: it looks at everything in memory.
        """
        self._looked_at = self.executions
        return self._memory.forget_final()

    def knows(self, payload: int) -> bool:
        """Whether a begun payload is in memory."""
        return payload in self._ballots

    def recall(
        self,
        voters: Iterable[VoterRow],
        votes: Iterable[VoteRow],
        accepted: Mapping[int, tuple[bytes | None, int]],
        doubted: Collection[int] = (),
    ) -> Outcome:
        """Bring stored payloads back: all that are not final after a restart, or those that an outcome named.

        With a payload come all that its voters answered in the same stints: they speak for it.

        Args:
            voters: the volunteers who gave the votes, and those on whose states they rest; those known are left as
                they are.
            votes: all votes for the payloads, those of the blacklisted included.
            accepted: the begun payloads, with the digests of their accepted answers (None for open ones) and the
                leases that stand for them.
            doubted: payloads that are to be judged again.
        """
        return self._memory.recall(voters, votes, accepted, doubted)

    def _stint(self, voter: Voter) -> Stint:
        stint = voter.stint
        if stint is None or (not self._plain and (stint.closed or stint.issued >= self.rules.stint)):
            plan = frozenset() if voter.trusted else self._plan()
            stint = voter.stint = Stint(voter, next(self._stints), plan, closed=self._plain)
        return stint

    def _plan(self) -> frozenset[int]:
        """Where the checks of a stint come: one in each of its equal parts, anywhere in that."""
        part = self.rules.stint / max(1, self._checks)
        return frozenset(int(part * (number + self._rng.random())) for number in range(self._checks))

    def _hold(self, voter: Voter, ballot: Ballot, holding: Holding) -> None:
        voter.leases[ballot.payload] = holding
        voter.resting = False
        holding.stint.issued += 1
        holding.stint.unanswered += 1
        ballot.give_to(voter, [self.voters[name] for name in holding.rests_on])

    def _finish(self, stint: Stint, outcome: Outcome) -> Outcome:
        over = stint.issued >= self.rules.stint or stint.voter.resting or not stint.voter.present
        if not stint.unanswered and over:
            self._judge.close(stint)
        return self._judge.work_off(outcome)

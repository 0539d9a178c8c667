"""Who voted for what: the records that :mod:`disio.task.jury` keeps, and the rows that outlive it."""

import hashlib
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

FAILURE: Final = b""
"""What stands for an answer where a volunteer says that the payload failed: no digest is empty."""

Hands = frozenset[str]
"""Volunteers on whose work something rests, as it went on from a state of theirs: see :mod:`disio.task.resuming`."""
NOBODY: Final[Hands] = frozenset()


def answer_digest(data: bytes) -> bytes:
    """What stands for an answer where answers are compared: equal for equal values."""
    return hashlib.blake2b(data, digest_size=16).digest()


class Standing(StrEnum):
    """What is thought of a volunteer. The values are fit for a database."""

    GOOD = "good"
    """Its votes count."""
    SUSPECT = "suspect"
    """It contradicted an accepted answer: it gets no work and its votes rest until a second opinion is there."""
    BLACKLISTED = "blacklisted"
    """It was wrong: nothing that it ever answered counts."""


class VoterRow(NamedTuple):
    """What is to be stored of a volunteer.

    ``picky_from``: the first stint in which it withheld a check, or None; ``faults``: payloads on which it failed,
    and which others answered.
    """

    volunteer: str
    network: str | None
    trusted: bool
    standing: Standing
    picky_from: int | None
    faults: int = 0


class VoteRow(NamedTuple):
    """What is to be stored of an answer; never changed. Stint and position say when its lease was given.

    ``network`` is the one that the vote used up; ``check``: its payload had an accepted answer when it was leased;
    ``rests_on``: whose states it went on from.
    """

    payload: int
    volunteer: str
    digest: bytes
    stint: int
    position: int
    lease: int = 0
    network: str | None = None
    check: bool = False
    rests_on: Hands = NOBODY


class Pick(NamedTuple):
    """What a volunteer is given. ``check`` must never reach the volunteer.

    ``state``: who kept the state that it is to go on from, empty to begin anew; ``rests_on``: all whose work that is,
    where answers are judged together.
    """

    payload: int
    check: bool
    state: str = ""
    rests_on: Hands = NOBODY


class Verdict(NamedTuple):
    """What is now believed of a payload, and what was before; None: nothing, it is open. ``doubt``: how much is left.

    The digest ``FAILURE``: it is set aside. Twice the same: another lease stands for it.
    """

    payload: int
    digest: bytes | None
    former: bytes | None = None
    doubt: float = 0.0


@dataclass(slots=True)
class Outcome:
    """What one event changed, in the order in which it happened: a payload may have several verdicts."""

    vote: VoteRow | None = None
    """The vote to be stored; None if the answer is of no use (twice, of a blacklisted volunteer, same network)."""
    contradicts: bool = False
    """Whether the vote contradicts an earlier one."""
    verdicts: "list[Verdict]" = field(default_factory=list)
    voters: list[VoterRow] = field(default_factory=list)
    """Volunteers of whom something else is to be stored. What the blacklisted among them voted on and is not in
    memory is to be given to :meth:`disio.task.jury.Jury.recall`."""
    shaken: list[tuple[str, int]] = field(default_factory=list)
    """Stints (volunteer, number) that are not wholly in memory and that less speaks for: as above."""
    vain: list[tuple[str, int]] = field(default_factory=list)
    """Leases (volunteer, payload) of which no vote can come any more, as they go on from a state of somebody who is
    blacklisted now. They are to be taken back."""

    def extend(self, later: "Outcome") -> None:
        """Take in what changed afterwards, but for the vote."""
        self.verdicts += later.verdicts
        self.voters += later.voters
        self.shaken += later.shaken
        self.vain += later.vain


@dataclass(slots=True, eq=False)
class Stint:
    """A bounded run of leases of one volunteer, judged as a whole: nothing that came before it vouches for it."""

    voter: "Voter"
    number: int
    plan: frozenset[int] = frozenset()
    """Positions at which a check is due."""
    owed: int = 0
    """Checks that were due when there was nothing to check with."""
    issued: int = 0
    unanswered: int = 0
    last_answered: int = -1
    closed: bool = False
    vouched: dict[int, int] = field(default_factory=dict)
    """Payloads in which others found it right (checks among them), to positions."""
    last_vouched: int = -1
    votes: "list[Vote]" = field(default_factory=list)
    """Those in memory."""
    complete: bool = True
    """Whether all its votes are in memory."""


class Holding(NamedTuple):
    """A payload that a volunteer was given: where it stands in its stint, whether it is a check, on whom it rests."""

    stint: Stint
    position: int
    check: bool
    rests_on: Hands = NOBODY


@dataclass(slots=True, eq=False)
class Voter:
    """A volunteer, as far as its answers to one task go."""

    name: str
    network: str | None
    trusted: bool
    present: bool = True
    stored: bool = False
    """It has been given something, so what is to be stored of it has been told."""
    standing: Standing = Standing.GOOD
    picky_from: int | None = None
    stint: Stint | None = None
    resting: bool = False
    """There is nothing for it: its stint is over as soon as it holds nothing."""
    leases: dict[int, Holding] = field(default_factory=dict)
    votes: "dict[int, Vote]" = field(default_factory=dict)
    """By payload: those in memory."""
    comparing: set[int] = field(default_factory=set)
    """Payloads that it has answered, and whose answers are still compared with others."""
    answered: int = 0
    faults: int = 0
    """Payloads on which it failed, and which others answered."""
    contested: set[int] = field(default_factory=set)
    """Open payloads in which it trails by two votes or more: it gets no work until they are decided."""
    touches: set[int] = field(default_factory=set)
    """Payloads in memory of which it has kept a state, or on whose state of its somebody else went on."""

    def row(self) -> VoterRow:
        """What is to be stored."""
        return VoterRow(self.name, self.network, self.trusted, self.standing, self.picky_from, self.faults)


@dataclass(slots=True, eq=False)
class Vote:
    """One answer of one volunteer, or its failure."""

    stint: Stint
    payload: int
    digest: bytes
    position: int
    lease: int = 0
    check: bool = False
    tries: int = 1
    """How often it failed: a trusted volunteer may try again."""
    again: bool = False
    """Whether it may try (once) more."""
    rests_on: Hands = NOBODY
    """Whose states it went on from."""
    weight: float = 1.0
    """What it is worth: see :meth:`disio.task.credibility.Rules.weight`."""

    @property
    def voter(self) -> Voter:
        """Who gave it."""
        return self.stint.voter

    @property
    def counts(self) -> bool:
        """Whether its stint is over, so that it is checked as far as it will be, and its giver is in good standing."""
        voter = self.stint.voter
        return voter.trusted or (self.stint.closed and voter.standing is Standing.GOOD)

    @property
    def evidence(self) -> AbstractSet[int]:
        """Payloads that speak for this answer: those of its stint, if one of them was leased later than it.

        None speaks for what rests on states: they say nothing of the others, and who is given a state knows that
        this is no check.
        """
        stint = self.stint
        picky = stint.voter.picky_from
        if self.rests_on or self.position > stint.last_vouched or (picky is not None and stint.number >= picky):
            return frozenset()
        return stint.vouched.keys()

    def vouch(self) -> None:
        """Others found it right; idempotent. What rests on states speaks for nothing else, as nothing speaks for it."""
        if self.rests_on:
            return
        stint = self.stint
        stint.vouched[self.payload] = self.position
        stint.last_vouched = max(stint.last_vouched, self.position)

    def unvouch(self) -> None:
        """What others found is not believed any more; idempotent."""
        stint = self.stint
        if stint.vouched.pop(self.payload, None) is not None:
            stint.last_vouched = max(stint.vouched.values(), default=-1)

    def row(self) -> VoteRow:
        """What is to be stored."""
        voter = self.voter
        network = None if voter.trusted else voter.network
        return VoteRow(
            self.payload,
            voter.name,
            self.digest,
            self.stint.number,
            self.position,
            self.lease,
            network,
            self.check,
            self.rests_on,
        )


@dataclass(slots=True)
class Group:
    """The voters of one answer to one payload, summed up."""

    digest: bytes
    votes: float = 0
    """What its votes are worth."""
    against: int = 0
    """Votes of it that count against others: those as well that do not count yet, and all of them in full."""
    trusted: int = 0
    tried: int = 0
    """Failures of trusted volunteers."""
    vouched: set[int] = field(default_factory=set)
    """Other payloads in which these voters were found right, each once: saboteurs may agree on what they falsify."""

    def strength(self) -> tuple[int, float, int, bytes]:
        """What puts one group before another."""
        return (self.trusted, self.votes, len(self.vouched), self.digest)


@dataclass(slots=True, eq=False)
class Ballot:
    """One begun payload: its votes, at most one for each volunteer and network, and who holds it."""

    payload: int
    votes: dict[str, Vote] = field(default_factory=dict)
    holders: set[str] = field(default_factory=set)
    networks: set[str] = field(default_factory=set)
    """Networks that have voted, or hold it."""
    accepted: bytes | None = None
    stands: int = 0
    """The lease whose answer stands for it."""
    suspects: list[str] = field(default_factory=list)
    """Who contradicts the accepted answer."""
    contradicted: bool = False
    """Whether anybody ever did: it is not used for checks again, so that a wrong answer cannot do harm repeatedly."""
    wanted: int = 0
    """Votes still to be asked for."""
    since: float = 0.0
    """When it last went out, in monotonic seconds."""
    short: bool = False
    """Whether all its votes count, and do not suffice: more may yet be found out about their voters."""
    states: dict[str, Hands] = field(default_factory=dict)
    """Volunteers whose states are kept, oldest first, and all whose work each of them is."""
    touched: set[str] = field(default_factory=set)
    """Who may not vote on it: what others answer or hold rests on their states, or their own vote fell with another."""
    touchers: set[str] = field(default_factory=set)
    """Everybody to whose ``touches`` it belongs."""

    def open_to(self, voter: Voter) -> bool:
        """Whether a volunteer may vote on it: not twice, and only once in a network."""
        if voter.name in self.holders or voter.name in self.touched:
            return False
        vote = self.votes.get(voter.name)
        if vote is not None:
            return vote.again
        return voter.trusted or voter.network is None or voter.network not in self.networks

    def give_to(self, voter: Voter, rests_on: Iterable[Voter] = ()) -> None:
        """A volunteer has it, and so has its network; those as well on whose work it goes on."""
        self.holders.add(voter.name)
        for one in (voter, *rests_on):
            if one is not voter:
                one.touches.add(self.payload)
                self.touchers.add(one.name)
            if not one.trusted:
                if one is not voter:
                    self.touched.add(one.name)
                if one.network is not None:
                    self.networks.add(one.network)

    def take_from(self, voter: Voter, rests_on: Iterable[Voter] = ()) -> None:
        """A volunteer has nothing to do with it any more, nor have those on whose work it would have gone on."""
        self.holders.discard(voter.name)
        for one in (voter, *rests_on):
            if not one.trusted:
                if one is not voter:
                    self.touched.discard(one.name)
                if one.network is not None:
                    self.networks.discard(one.network)

    def take_back(self, vote: Vote) -> None:
        """A vote was never given."""
        del self.votes[vote.voter.name], vote.voter.votes[self.payload]
        vote.stint.votes.remove(vote)

    def answers(self) -> dict[bytes, int]:
        """The digests of all answers but failures, and the first lease that each was given for."""
        found: dict[bytes, int] = {}
        for vote in self.votes.values():
            if vote.digest != FAILURE:
                found.setdefault(vote.digest, vote.lease)
        return found

    def groups(self) -> list[Group]:
        """The votes of those in good standing, by answer, the strongest group first."""
        return _grouped(self.payload, self.votes.values())


def _grouped(payload: int, votes: Iterable[Vote]) -> list[Group]:
    found: dict[bytes, Group] = {}
    for vote in votes:
        if vote.voter.standing is not Standing.GOOD:
            continue
        group = found.get(vote.digest)
        if group is None:
            group = found[vote.digest] = Group(vote.digest)
        group.against += vote.tries
        if not vote.counts:
            continue
        group.votes += vote.tries * vote.weight
        if vote.voter.trusted:
            group.trusted += vote.digest != FAILURE
            group.tried += vote.tries * (vote.digest == FAILURE)
        group.vouched |= vote.evidence
    for group in found.values():
        group.vouched.discard(payload)
    return list(found.values()) if len(found) < 2 else sorted(found.values(), key=Group.strength, reverse=True)

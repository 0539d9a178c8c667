"""Who voted for what: the plain records that :mod:`disio.task.jury` keeps."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Standing(StrEnum):
    """What is thought of a volunteer. The values are fit for a database."""

    GOOD = "good"
    """Its votes count."""
    SUSPECT = "suspect"
    """It contradicted an accepted answer: it gets no work and its votes rest until a second opinion is there."""
    BLACKLISTED = "blacklisted"
    """It was wrong: nothing that it ever answered counts."""


class VoterRow(NamedTuple):
    """What is stored of a volunteer. ``picky_from`` is the first stint in which it withheld answers, or None."""

    volunteer: str
    network: str | None
    trusted: bool
    standing: Standing
    picky_from: int | None


class VoteRow(NamedTuple):
    """What is stored of an answer; written once, never changed.

    ``stint`` and ``position`` say when it was leased: the stint's number in its volunteer, the place in that.
    ``passed``: it confirmed an answer that was accepted without it.
    """

    payload: int
    volunteer: str
    digest: bytes
    stint: int
    position: int
    passed: bool


class BallotRow(NamedTuple):
    """What is stored of a begun payload: the digest of its accepted answer, and who contradicts that."""

    payload: int
    accepted: bytes | None
    suspects: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Stint:
    """A bounded run of leases of one volunteer, judged as a whole: what came before vouches for nothing in it."""

    voter: "Voter"
    number: int
    plan: frozenset[int] = frozenset()
    """Positions at which a spot-check is due."""
    owed: int = 0
    """Checks that were due when there was nothing to check with."""
    issued: int = 0
    unanswered: int = 0
    last_answered: int = -1
    passed: int = 0
    last_passed: int = -1
    confirmed: int = 0
    """Votes of this stint that stand with an accepted answer, beside others' votes."""
    closed: bool = False
    votes: "list[Vote]" = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Voter:
    """A volunteer, as far as its answers to one task go."""

    name: str
    network: str | None
    trusted: bool
    standing: Standing = Standing.GOOD
    picky_from: int | None = None
    stint: Stint | None = None
    stints: int = 0
    leases: "dict[int, tuple[Stint, int]]" = field(default_factory=dict)
    """By payload: the stint and the position in it."""
    votes: "list[Vote]" = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Vote:
    """One answer of one volunteer."""

    stint: Stint
    payload: int
    digest: bytes
    position: int
    passed: bool
    confirmed: bool = False

    @property
    def counts(self) -> bool:
        """Whether the answer has been checked as far as it will be, and its giver is not doubted."""
        voter = self.stint.voter
        return voter.trusted or (self.stint.closed and voter.standing is Standing.GOOD)

    @property
    def evidence(self) -> int:
        """Checks passed that speak for this answer: those of its stint, if one of them came later than it."""
        stint = self.stint
        picky = stint.voter.picky_from
        if self.position > stint.last_passed or (picky is not None and stint.number >= picky):
            return 0
        return stint.passed

    def row(self) -> VoteRow:
        """What is to be stored."""
        stint = self.stint
        return VoteRow(self.payload, stint.voter.name, self.digest, stint.number, self.position, self.passed)


@dataclass(slots=True)
class Group:
    """The voters of one answer, summed up."""

    digest: bytes
    votes: int = 0
    evidence: float = 0.0
    confirmed: int = 0
    """The most other payloads in which one of them was confirmed: they may be the same ones for all of them."""
    trusted: int = 0

    def add(self, vote: Vote) -> None:
        """One more voter."""
        self.votes += 1
        self.evidence += vote.evidence
        stint = vote.stint
        self.confirmed = max(self.confirmed, stint.confirmed - vote.confirmed)
        self.trusted += stint.voter.trusted

    @property
    def total(self) -> float:
        """All that speaks for this group's voters, in checks passed."""
        return self.evidence + self.confirmed


@dataclass(slots=True, eq=False)
class Ballot:
    """One begun payload: its votes, at most one for each volunteer and network, and who holds it."""

    payload: int
    votes: dict[str, Vote] = field(default_factory=dict)
    holders: set[str] = field(default_factory=set)
    networks: set[str] = field(default_factory=set)
    """Networks that have voted or hold it."""
    accepted: bytes | None = None
    suspects: list[str] = field(default_factory=list)
    wanted: int = 0
    """Votes still to be asked for."""

    def groups(self) -> list[Group]:
        """The votes that count, by answer, the strongest group first."""
        return _ranked(vote for vote in self.votes.values() if vote.counts)

    def pending(self) -> int:
        """Votes that will count once their stint has closed."""
        return sum(not vote.stint.closed for vote in self.votes.values() if not vote.stint.voter.trusted)


def _ranked(votes) -> list[Group]:
    found: dict[bytes, Group] = {}
    for vote in votes:
        group = found.get(vote.digest)
        if group is None:
            group = found[vote.digest] = Group(vote.digest)
        group.add(vote)
    if len(found) < 2:
        return list(found.values())
    return sorted(found.values(), key=lambda group: (group.trusted, group.votes, group.total, group.digest), reverse=True)

"""A jury with an owner who stores what it is told, as a manager does, and what must be true of it at any time."""

import random
from dataclasses import dataclass, field

from disio.task.ballot import NOBODY, Hands, Outcome, Standing, VoteRow, VoterRow
from disio.task.credibility import Rules
from disio.task.jury import Jury

RIGHT, WRONG = b"right", b"wrong"


@dataclass
class Court:
    """A jury, and what its owner would have stored of it."""

    rules: Rules
    seed: int = 0
    verdicts: dict[int, bytes | None] = field(default_factory=dict)
    here: dict[str, tuple[str | None, bool]] = field(default_factory=dict)
    """Whoever came: network, and whether trusted."""
    voters: dict[str, VoterRow] = field(default_factory=dict)
    votes: dict[tuple[int, str], VoteRow] = field(default_factory=dict)
    held: dict[str, list[int]] = field(default_factory=dict)
    rests_on: dict[tuple[str, int], Hands] = field(default_factory=dict)
    states: dict[tuple[int, str], Hands] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.jury = Jury(self.rules, random.Random(self.seed))

    def join(self, name: str, network: str | None = None, *, trusted: bool = False) -> None:
        network, trusted = self.here.setdefault(name, (network, trusted))
        self.jury.join(name, network, trusted=trusted)
        self.held.setdefault(name, [])

    def store(self, outcome: Outcome) -> Outcome:
        if outcome.vote is not None:
            self.votes[outcome.vote.payload, outcome.vote.volunteer] = outcome.vote
            self.verdicts.setdefault(outcome.vote.payload, None)
        for verdict in outcome.verdicts:
            assert self.verdicts[verdict.payload] == verdict.former, "a verdict that does not follow on the last one"
            self.verdicts[verdict.payload] = verdict.digest
            if verdict.digest is not None:
                self.states = {key: hands for key, hands in self.states.items() if key[0] != verdict.payload}
        self.voters.update({row.volunteer: row for row in outcome.voters})
        for name, payload in outcome.vain:
            if payload in self.held[name]:
                self.held[name].remove(payload)
                self.store(self.jury.give_back(name, payload, recalled=True))
        bad = {row.volunteer for row in outcome.voters if row.standing is Standing.BLACKLISTED}
        stints = set(outcome.shaken)
        rows = [
            row
            for row in self.votes.values()
            if bad & {row.volunteer, *row.rests_on} or (row.volunteer, row.stint) in stints
        ]
        self.bring_back(self.jury, sorted({row.payload for row in rows if not self.jury.knows(row.payload)}))
        return outcome

    def bring_back(self, jury: Jury, payloads: list[int]) -> None:
        """What an owner does with its database."""
        if not payloads:
            return
        stints = {(row.volunteer, row.stint) for row in self.votes.values() if row.payload in set(payloads)}
        near = {row.payload for row in self.votes.values() if (row.volunteer, row.stint) in stints} | set(payloads)
        rows = [row for row in self.votes.values() if row.payload in near]
        names = {name for row in rows for name in (row.volunteer, *row.rests_on)}
        accepted = {payload: (self.verdicts.get(payload), 0) for payload in near}
        self.store(jury.recall([self.voters[name] for name in names], rows, accepted, payloads))

    def take(self, name: str, count: int = 1) -> list[int]:
        network, trusted = self.here[name]
        row = self.jury.join(name, network, trusted=trusted)
        picks = [pick for pick in (self.jury.next(name) for _ in range(count)) if pick is not None]
        if picks and row is not None:
            self.voters[name] = row
        self.rests_on.update({(name, pick.payload): pick.rests_on for pick in picks})
        taken = [pick.payload for pick in picks]
        self.held[name] += taken
        return taken

    def keep(self, name: str, payload: int) -> bool:
        """A volunteer keeps a state of what it holds; whether the jury wants it."""
        unneeded = self.jury.keep(name, payload)
        if unneeded is not None:
            self.states[payload, name] = self.rests_on.get((name, payload), NOBODY)
            for keeper in unneeded:
                del self.states[payload, keeper]
        return unneeded is not None

    def answer(self, name: str, payload: int, digest: bytes = RIGHT) -> Outcome:
        if payload in self.held[name]:
            self.held[name].remove(payload)
        rests_on = self.rests_on.get((name, payload), NOBODY)
        return self.store(self.jury.answer(name, payload, digest, rests_on=rests_on))

    def visit(self, name: str, payloads: int = 20, digest: bytes = RIGHT, network: str | None = None) -> None:
        """A whole visit, every answer the same."""
        self.join(name, network or name)
        for _ in range(payloads):
            for payload in self.take(name):
                self.answer(name, payload, digest)
        self.store(self.jury.leave(name))

    def restart(self, payloads: int) -> None:
        """A new jury from what is stored, to which whoever was here and what was held is told again."""
        former = self.jury
        first = max((row.stint for row in self.votes.values()), default=0) + 1000
        self.jury = Jury(self.rules, random.Random(self.seed), first)
        begun = sorted({row.payload for row in self.votes.values()})
        self.jury.recall(self.voters.values(), (), {})
        self.bring_back(self.jury, begun)
        open_ = (payload for payload in range(payloads) if self.verdicts.get(payload) is None)
        self.jury.add(payload for payload in open_ if not self.jury.knows(payload))
        for name, held in self.held.items():
            held[:] = [
                payload
                for payload in held
                if self.jury.lease(name, payload, rests_on=self.rests_on.get((name, payload), NOBODY))
            ]
        self.jury.recall_states((payload, name, hands) for (payload, name), hands in self.states.items())
        for name, voter in former.voters.items():
            if voter.present:
                self.join(name)

    def check(self) -> None:
        """What holds at any time."""
        jury = self.jury
        rested_on = [
            jury.voters[name]
            for voter in jury.voters.values()
            for holding in voter.leases.values()
            for name in holding.rests_on
        ]
        assert all(voter.standing is not Standing.BLACKLISTED for voter in rested_on), "somebody computes in vain"
        for payload, digest in self.verdicts.items():
            rows = jury.votes(payload)
            if not rows:
                continue
            assert jury.accepted(payload) == digest, "stored verdicts tell the same as memory"
            hands = [[jury.voters[name] for name in {row.volunteer, *row.rests_on}] for row in rows]
            assert all(voter.standing is not Standing.BLACKLISTED for voters in hands for voter in voters)
            networks = [{voter.network for voter in voters if not voter.trusted} - {None} for voters in hands]
            assert sum(map(len, networks)) == len(set().union(*networks)), "two votes from one network"
            names = [{voter.name for voter in voters if not voter.trusted} for voters in hands]
            assert sum(map(len, names)) == len(set().union(*names)), "two votes of one volunteer"
            if digest is None:
                continue
            assert any(row.digest == digest for row in rows), "an accepted answer that nobody gave"
            if not self.rules.plain_votes:
                assert jury.doubt(payload) <= self.rules.error_rate, "accepted below the threshold"


def honest(court: Court, visits: int, *, first: int = 0) -> None:
    """So many honest visits, one after the other."""
    for number in range(first, first + visits):
        court.visit(f"honest{number}")

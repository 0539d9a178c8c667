"""Which payload is a volunteer given next: a check, a begun payload, or a new one.

A narrow front: payloads that were begun are finished before new ones are begun, so that there are accepted ones to
check with early. Everything is drawn at random, so that neither a payload's place nor its age says what it is for.
"""

import itertools
import random
from collections.abc import Iterable
from typing import Final

from disio.task.ballot import Ballot, Stint, Voter
from disio.task.drawing import Drawer

_POOL: Final = 512
"""Accepted payloads kept for checking: young ones, as old ones could be known for what they are."""
_RESERVE: Final = 64
"""Accepted payloads kept for checking again, should there be no others."""
_LOOKED_AT: Final = 32
"""Payloads that are looked at, for one volunteer, where they are taken in order."""
_OPEN: Final = 50_000
"""Payloads that are begun and not decided, at most: with too few volunteers nothing more would come of others."""
_PATIENCE: Final = 64
"""Payloads that may wait for more to be found out about their voters, rather than for another vote."""


class Docket:
    """The begun payloads of a task by what they wait for, and the payloads that were not begun."""

    def __init__(self, rng: random.Random) -> None:
        self.ballots: dict[int, Ballot] = {}
        self.open = 0
        """Begun payloads without an accepted answer."""
        self.doubted: dict[int, None] = {}
        """Accepted payloads that somebody contradicts, oldest first: they wait for a second opinion."""
        self.stirred = False
        """Something waits that did not before."""
        self.fresh = Drawer[int](rng)
        self._rng = rng
        self._needy = Drawer[int](rng)
        self._short: dict[int, None] = {}
        self._young = Drawer[int](rng)
        self._seasoned = Drawer[int](rng)

    @property
    def waiting(self) -> int:
        """Payloads that somebody may be given now."""
        fresh = len(self.fresh) if self.open < _OPEN else 0
        return fresh + len(self._needy) + len(self._short) + len(self.doubted)

    def choose(self, voter: Voter, stint: Stint) -> Ballot | None:
        """A payload for this volunteer; None if there is none that it may vote on."""
        return self._check(voter, stint) or self._work(voter) or self._second_opinion(voter)

    def begin(self, payload: int) -> Ballot:
        """A payload is begun."""
        ballot = self.ballots[payload] = Ballot(payload)
        self.open += 1
        return ballot

    def mark(self, ballot: Ballot) -> None:
        """What an open payload waits for may have changed."""
        payload = ballot.payload
        wanted = ballot.wanted > 0
        if wanted and ballot.short:
            self._short[payload] = None
            self.stirred = True
        else:
            self._short.pop(payload, None)
        if wanted and not ballot.short:
            self._needy.add(payload)
            self.stirred = True
        else:
            self._needy.discard(payload)

    def ask_again(self, now: float, patience: float) -> None:
        """Where nothing waits, ask for one more vote on what has been out for too long: its voter may be stuck."""
        if self.waiting or not self.open or patience == float("inf"):
            return
        open_ = (ballot for ballot in self.ballots.values() if ballot.accepted is None and ballot.holders)
        for ballot in itertools.islice(open_, _LOOKED_AT):
            if ballot.wanted <= 0 and now - ballot.since >= patience:
                ballot.since = now
                ballot.wanted = 1
                self.mark(ballot)

    def close(self, ballot: Ballot, digest: bytes, *, for_checks: bool) -> None:
        """A payload has its accepted answer, which may be used for checks if nobody ever contradicted it."""
        self.open -= 1
        ballot.accepted = digest
        ballot.states.clear()
        ballot.wanted = 0
        ballot.short = False
        self.mark(ballot)
        if for_checks and not ballot.contradicted:
            self._young.add(ballot.payload, most=_POOL)

    def doubt(self, ballot: Ballot) -> None:
        """Somebody contradicts the accepted answer: it waits for a second opinion."""
        ballot.contradicted = True
        self.doubted[ballot.payload] = None
        self.stirred = True
        self._young.discard(ballot.payload)
        self._seasoned.discard(ballot.payload)

    def reopen(self, ballot: Ballot) -> None:
        """The accepted answer is not believed any more."""
        self.open += 1
        ballot.accepted = None
        ballot.suspects.clear()
        self.doubted.pop(ballot.payload, None)
        self._young.discard(ballot.payload)
        self._seasoned.discard(ballot.payload)

    def remove(self, ballot: Ballot) -> None:
        """A payload is of no interest any more, whatever its state."""
        if ballot.accepted is None:
            self.open -= 1
            ballot.wanted = 0
            self.mark(ballot)
        self._young.discard(ballot.payload)
        self._seasoned.discard(ballot.payload)
        self.doubted.pop(ballot.payload, None)
        del self.ballots[ballot.payload]

    def checks_with(self, payload: int) -> bool:
        """Whether an accepted payload may still go out, as a check or for a second opinion."""
        return payload in self._young or payload in self._seasoned or payload in self.doubted

    def _check(self, voter: Voter, stint: Stint) -> Ballot | None:
        due = stint.issued in stint.plan
        if not due and not (stint.owed and self._rng.random() < 0.5):
            return None
        ballot = self._second_opinion(voter) or self._drawn(self._young, voter) or self._drawn(self._seasoned, voter)
        if ballot is None:
            stint.owed += due
            return None
        stint.owed -= not due
        if self._young.discard(ballot.payload):
            self._seasoned.add(ballot.payload, most=_RESERVE)
        return ballot

    def _work(self, voter: Voter) -> Ballot | None:
        ballot = self._drawn(self._needy, voter)
        if ballot is None and (len(self._short) > _PATIENCE or not self.fresh):
            ballot = self._first(self._short, voter)
        if ballot is None:
            # In order to those who are never checked: results then come in order. At random to all others.
            draw = self.fresh.oldest if voter.trusted else self.fresh.draw
            payload = draw() if self.open < _OPEN else None
            if payload is not None:
                self.fresh.discard(payload)
                ballot = self.begin(payload)
        return ballot

    def _second_opinion(self, voter: Voter) -> Ballot | None:
        return self._first((payload for payload in self.doubted if not self.ballots[payload].holders), voter)

    def _drawn(self, drawer: Drawer[int], voter: Voter) -> Ballot | None:
        payload = drawer.draw(lambda payload: self.ballots[payload].open_to(voter))
        return None if payload is None else self.ballots[payload]

    def _first(self, payloads: Iterable[int], voter: Voter) -> Ballot | None:
        for payload in itertools.islice(payloads, _LOOKED_AT):
            if self.ballots[payload].open_to(voter):
                return self.ballots[payload]
        return None

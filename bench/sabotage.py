"""Visits that compute, some of them by saboteurs, driving the real jury: the simulation behind ``bench trust``."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from disio.task.ballot import Outcome, Standing
from disio.task.credibility import Rules
from disio.task.jury import Jury

RIGHT, WRONG = b"right", b"wrong"
VISIT = 20
TABS = 100

Kind = Literal["each", "concerted", "turncoat", "renamed", "moved", "plotting"]
KINDS: dict[Kind, str] = {
    "each": "each saboteur falsifies a share of its answers, chosen for itself; all give the same wrong answer",
    "concerted": "saboteurs agree on the share of payloads that all of them falsify",
    "turncoat": "concerted, but each behaves for a random part of its visit before it begins",
    "renamed": "concerted, and back at once under a new name when blacklisted or done",
    "moved": "as renamed, but each time from another network as well",
    "plotting": "they tell each other what they see: a share of the visits begins one forgery on a payload new "
    "to all of them, the others join it up to twice a visit while it is young",
}


@dataclass
class Tab:
    """One visit."""

    name: str
    network: str
    bad: bool
    left: int = VISIT
    answered: int = 0
    turns_at: int = 0
    begins: int = 0
    joins: int = 2
    lease: int | None = None


@dataclass
class Found:
    """What came of a run. ``ever_wrong`` counts wrong answers that were accepted at any time."""

    payloads: int
    executions: int
    wrong: int
    ever_wrong: int
    wronged: int
    caught: int


@dataclass
class Sabotage:
    """Who falsifies which answers."""

    kind: Kind
    rate: float
    rng: random.Random
    targets: dict[int, bool] = field(default_factory=dict)
    plots: dict[int, tuple[bool, int]] = field(default_factory=dict)

    def falsifies(self, tab: Tab, payload: int, now: int) -> bool:
        """Whether a saboteur gives the wrong answer; ``now`` counts answers."""
        if self.kind == "each":
            return self.rng.random() < self.rate
        if self.kind == "plotting":
            return self._plots(tab, payload, now)
        if payload not in self.targets:
            self.targets[payload] = self.rng.random() < self.rate
        return self.targets[payload] and tab.answered >= tab.turns_at

    def _plots(self, tab: Tab, payload: int, now: int) -> bool:
        begun, since = self.plots.get(payload, (None, now))
        if begun is None:
            begins = tab.begins > 0
            tab.begins -= begins
            self.plots[payload] = (begins, now)
            return begins
        joins = begun and tab.joins > 0 and now - since < 1.5 * TABS * VISIT
        tab.joins -= joins
        return joins


def simulate(rules: Rules, bad: float, kind: Kind, rate: float, *, payloads: int, seed: int) -> Found:
    """One task computed by visits of which a share is bad; every saboteur gives the same wrong answer."""
    rng = random.Random(seed)
    jury = Jury(rules, random.Random(seed + 1))
    jury.add(range(payloads))
    sabotage = Sabotage(kind, rate, rng)
    found = Found(payloads, 0, 0, 0, 0, 0)
    saboteurs: set[str] = set()
    stays = kind in {"renamed", "moved"}
    arrived = 0

    def arrive(is_bad: bool, network: str | None = None) -> Tab:
        nonlocal arrived
        tab = Tab(f"v{arrived}", network or f"net{arrived}", is_bad)
        arrived += 1
        if is_bad:
            saboteurs.add(tab.name)
            tab.turns_at = rng.randrange(VISIT) if kind == "turncoat" else 0
            tab.begins = int(rng.random() < rate)
        jury.join(tab.name, tab.network)
        return tab

    tabs = [arrive(place < bad * TABS if stays else rng.random() < bad) for place in range(TABS)]
    for tab in tabs:
        tab.left = rng.randrange(1, VISIT + 1)  # they have been here for a while: visits do not end all at once
    note = _noting(found, saboteurs)
    while not jury.settled:
        place = int(rng.random() * TABS)
        tab = tabs[place]
        if tab.lease is not None:
            wrong = tab.bad and sabotage.falsifies(tab, tab.lease, jury.executions)
            note(jury.answer(tab.name, tab.lease, WRONG if wrong else RIGHT))
            tab.answered += 1
            tab.left -= 1
        lease = jury.next(tab.name) if tab.left > 0 else None
        tab.lease = None if lease is None else lease.payload
        if lease is None:
            note(jury.leave(tab.name))
            tabs[place] = (
                arrive(tab.bad, tab.network if kind == "renamed" and tab.bad else None)
                if stays
                else arrive(rng.random() < bad)
            )
    found.executions = jury.executions
    found.wrong = sum(jury.accepted(payload) == WRONG for payload in range(payloads))
    return found


def _noting(found: Found, saboteurs: set[str]) -> Callable[[Outcome], None]:
    def note(outcome: Outcome) -> None:
        found.ever_wrong += sum(verdict.digest == WRONG for verdict in outcome.verdicts)
        for row in outcome.voters:
            if row.standing is Standing.BLACKLISTED:
                if row.volunteer in saboteurs:
                    found.caught += 1
                else:
                    found.wronged += 1

    return note

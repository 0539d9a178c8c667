"""Which faults happen when. Pure: the same seed gives the same schedule.

A fault is due when so many results have been accepted, not when so much time has passed: a replay on a
slower machine disturbs the same part of the work.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """What can be done to a grid."""

    KILL = "kill"
    """SIGKILL, and a new start after a while."""
    FREEZE = "freeze"
    """SIGSTOP, and SIGCONT after a while: there, but silent."""
    CUT = "cut"
    """All connections of a link are reset, and refused for a while."""
    CUT_MIDWAY = "cut in a message"
    """A connection is reset after so many more bytes, wherever in a message that is."""
    STALL = "stall"
    """No byte passes a link for a while, and nobody is told."""
    HALF_CLOSE = "half-close"
    """One side of each connection sees its end, the other does not; after a while all is reset."""
    NO_NETWORK = "no network"
    """The network device is taken down for a while: no link carries anything."""
    FILL = "full disk"
    """Not one byte more can be written to a data directory for a while; a distributor is cut from its managers too."""
    REPLAY = "replay"
    """A volunteer sends acknowledged results once more."""
    STEAL = "steal"
    """A volunteer answers, wrongly, with leases that are not its own."""
    WITHHOLD = "late answer"
    """A volunteer computes, leaves, and answers when its leases have gone to others."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    number: int
    after: int
    """Due when so many results have been accepted."""
    kind: Kind
    target: str
    """Whom it hits: a process, a link or a disk, by its name in the grid."""
    seconds: float
    """How long it lasts."""
    size: int
    """Bytes or results, where the kind has use for a number."""


SECONDS: Final[Mapping[Kind, tuple[float, float]]] = {
    Kind.KILL: (0.0, 6.0),
    Kind.FREEZE: (0.5, 8.0),
    Kind.CUT: (0.1, 6.0),
    Kind.CUT_MIDWAY: (0.5, 4.0),
    Kind.STALL: (0.5, 8.0),
    Kind.HALF_CLOSE: (0.5, 5.0),
    Kind.NO_NETWORK: (0.5, 6.0),
    Kind.FILL: (1.0, 6.0),
    Kind.REPLAY: (0.0, 0.0),
    Kind.STEAL: (0.0, 0.0),
    Kind.WITHHOLD: (2.0, 8.0),
}
"""How long a fault of each kind lasts. A link counts as lost after four silent seconds: less and more are tried."""

_FIRST, _LAST = 0.02, 0.90
"""The part of the work in which faults happen: something is to be there before, and left afterwards."""


def make_schedule(
    seed: int, faults: int, payloads: int, targets: Mapping[Kind, Sequence[Sequence[str]]], *, patience: float = 1.0
) -> list[Fault]:
    """The faults of a run, in the order in which they are due.

    Args:
        seed: decides everything.
        faults: how many.
        payloads: how many results will be accepted in all.
        targets: for each kind, groups of names that it can hit. Each group has its turn before one has it again,
            so that a short schedule has something of everything.
        patience: factor on how long faults last.
    """
    chance = random.Random(seed)
    deck = [(kind, group) for kind, groups in targets.items() for group in groups if group]
    if not deck:
        raise ValueError("there is nothing that a fault could hit")
    turns: list[tuple[Kind, Sequence[str]]] = []
    while len(turns) < faults:
        turns += chance.sample(deck, len(deck))
    span = (_LAST - _FIRST) * payloads
    due = sorted(int(_FIRST * payloads + chance.random() * span) for _ in range(faults))
    return [
        Fault(
            number=number,
            after=after,
            kind=kind,
            target=chance.choice(group),
            seconds=round(chance.uniform(*SECONDS[kind]) * patience, 2),
            size=chance.randrange(1, 20_000),
        )
        for number, (after, (kind, group)) in enumerate(zip(due, turns, strict=False), 1)
    ]

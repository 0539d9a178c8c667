"""The distributors of the grid, as managers tell of them: what volunteers may move to when this one is lost. No I/O."""

from typing import Final

from disio.wire.grid import Peer
from disio.wire.volunteer import Cluster as Told
from disio.wire.volunteer import Peer as Origin

MAX_KNOWN: Final = 1000
"""Origins that are remembered; the ones told longest ago go first."""


class Cluster:
    """The union of what all managers have told. What a manager told stays known while it is away.

    Args:
        own: this distributor's id.
    """

    def __init__(self, own: str) -> None:
        self.told = Told([])
        """What volunteers are told; another object whenever that changes. Empty while there is no other distributor."""
        self.known: dict[str, None] = {}
        """Origins of other distributors that are, or were, of this grid: their pages go on when they are gone."""
        self._own = own
        self._by_manager: dict[str, list[Peer]] = {}

    @property
    def others(self) -> list[str]:
        """The origins of all other distributors."""
        return sorted({peer.url for peer in self._peers() if peer.distributor != self._own})

    def update(self, manager: str, peers: list[Peer]) -> bool:
        """A manager tells which distributors it is linked to. Whether volunteers are to be told something new."""
        self._by_manager[manager] = peers
        for origin in self.others:
            self.known.pop(origin, None)
            self.known[origin] = None
        while len(self.known) > MAX_KNOWN:
            del self.known[next(iter(self.known))]
        found = {peer.url: peer.load for peer in sorted(self._peers(), key=lambda peer: peer.load)}
        told = Told([Origin(url, load) for url, load in sorted(found.items())] if self.others else [])
        if told == self.told:
            return False
        self.told = told
        return True

    def _peers(self) -> list[Peer]:
        return [peer for peers in self._by_manager.values() for peer in peers]

"""Whether a unit's ``agree`` can be relied on, by what came of comparing strangers' answers. Pure.

Two answers that it cannot compare count as different: one of them may be a stranger's nonsense. So nobody can fail a
task by an answer. ``agree`` itself is to blame where it has compared nothing soundly so far, and could not for several
pairs of answers from networks that are all different.
"""

from collections.abc import Set as AbstractSet
from typing import Final

PAIRS: Final = 3
"""So many pairs of strangers do not send nonsense together before anybody has sent anything sound."""


class Reliance:
    """What came of comparing the answers of one task; a pair is where its two answers are from."""

    def __init__(self) -> None:
        self._sound: set[str] = set()
        """Networks of which an answer could be compared."""
        self._apart: list[AbstractSet[str]] = []
        """Pairs that could not be compared, no network twice."""
        self._rivals: dict[str, set[str]] = {}
        """By network of which nothing could be compared so far: with whose answers that failed."""

    def hopeless(self, pair: AbstractSet[str]) -> bool:
        """Whether nothing could be made of any answer from one of these; each try may take long."""
        return any(len(self._rivals.get(network, ())) >= PAIRS for network in pair)

    def compared(self, pair: AbstractSet[str]) -> None:
        """Two answers were compared, whatever came of it."""
        self._sound |= pair
        for network in pair:
            self._rivals.pop(network, None)

    def failed(self, pair: AbstractSet[str]) -> bool:
        """Two answers could not be compared; whether ``agree`` is to blame."""
        if not any(pair & other for other in self._apart):
            self._apart.append(pair)
        for network in pair - self._sound:
            self._rivals.setdefault(network, set()).update(pair - {network})
        return not self._sound and len(self._apart) >= PAIRS

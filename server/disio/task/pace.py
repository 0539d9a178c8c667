"""How long payloads of a task take, by the newest measurements. Pure: no clock."""

from collections import deque
from typing import Final

REMEMBERED: Final = 200
PATIENCE_FACTOR: Final = 3.0
LEAST_PATIENCE: Final = 2.0
"""Messages and short pauses take their time, too: sooner than this nobody is called slow."""


class Pace:
    """Computing times of the last payloads that were answered, in seconds."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=REMEMBERED)
        self._quantile = 0.0
        self._new = 0

    def add(self, seconds: float) -> None:
        """A payload was answered, and took so long."""
        self._times.append(seconds)
        self._new += 1

    @property
    def most(self) -> float | None:
        """Nine of ten payloads take no longer, in seconds; None if nothing is known yet.

        Payloads differ, and so do machines: a mean says little about the long ones.
        """
        if not self._times:
            return None
        if self._new * 10 >= len(self._times):  # it need not be exact
            ordered = sorted(self._times)
            self._quantile = ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)]
            self._new = 0
        return self._quantile

    @property
    def patience(self) -> float:
        """How long a payload may be out until somebody else may be given it as well; infinite if nothing is known."""
        most = self.most
        return float("inf") if most is None else max(LEAST_PATIENCE, PATIENCE_FACTOR * most)

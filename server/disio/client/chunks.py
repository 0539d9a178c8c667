"""How many calls travel together: enough that the way costs little, few enough that all volunteers have some."""

from typing import Final

TARGET_SECONDS: Final = 0.1
"""Computing time of one payload, if its calls are short."""
SHARES: Final = 8
"""Calls that wait are cut into so many payloads at least: guided self-scheduling, as for payloads."""
MOST_CALLS: Final = 4096
FIRST_PAYLOADS: Final = 16
"""Payloads of one call each that are sent before it is known how long a call takes."""
FIRST_SECONDS: Final = 0.5
"""After so long without an answer twice as many are sent: calls are long, and belong alone."""
MOST_PAYLOADS: Final = 1024
"""Payloads under way."""


class Chunks:
    """What is known of the calls of one function."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._calls = 0
        self._since: float | None = None

    def answered(self, calls: int, ms: float) -> None:
        """So many calls took so long together."""
        self._calls += calls
        self._seconds += ms / 1000

    def size(self, waiting: int, under_way: int, now: float) -> int:
        """How many calls the next payload has; 0: none may be sent yet.

        Args:
            waiting: calls of this function that wait.
            under_way: payloads that are not answered.
            now: monotonic seconds.
        """
        if under_way >= MOST_PAYLOADS:
            return 0
        if not self._calls:
            self._since = now if self._since is None else self._since
            allowed = FIRST_PAYLOADS * 2 ** min(int((now - self._since) / FIRST_SECONDS), 10)
            return 1 if under_way < allowed else 0
        mean = max(self._seconds / self._calls, 1e-6)
        share = -(-waiting // SHARES)
        return max(1, min(int(TARGET_SECONDS / mean), share, MOST_CALLS))

"""A wall clock that tests put forward and back."""

import time

import pytest


class Clock:
    """The wall clock of this process, put forward or back."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._time, self._time_ns = time.time, time.time_ns

    def time(self) -> float:
        """Instead of ``time.time``."""
        return self._time() + self.ahead

    def time_ns(self) -> int:
        """Instead of ``time.time_ns``."""
        return self._time_ns() + int(self.ahead * 1e9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Every part of the manager, which is in this process, sees this clock."""
    one = Clock()
    monkeypatch.setattr(time, "time", one.time)
    monkeypatch.setattr(time, "time_ns", one.time_ns)
    return one

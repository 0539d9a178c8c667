"""Figures as people read them."""

import math

import pytest

from disio.figures import ago, counted, duration, milliseconds, rate


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (math.inf, "-"),
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (61, "1 min 01 s"),
        (3600, "1 h 00 min"),
        (3 * 86400 + 7200, "3 d 2 h"),
    ],
)
def test_duration(seconds: float | None, text: str) -> None:
    """A duration is told in the two largest units that matter."""
    assert duration(seconds) == text


def test_counted() -> None:
    """One of a thing is no plural."""
    assert [counted(n, "payload") for n in (0, 1, 2, 1000)] == [
        "0 payloads",
        "1 payload",
        "2 payloads",
        "1,000 payloads",
    ]
    assert [counted(n, "process", "processes") for n in (1, 2)] == ["1 process", "2 processes"]


def test_rates_and_times() -> None:
    """Rates and times have as many digits as mean something."""
    assert [rate(value) for value in (12345.6, 12.3, 1.23, 0.05, 0.0)] == [
        "12,346/s",
        "12/s",
        "1.2/s",
        "3.0/min",
        "0.0/s",
    ]
    assert [milliseconds(value) for value in (0.123, 12.3, 65000)] == ["0.12 ms", "12 ms", "1 min 05 s"]
    assert [ago(0, value) for value in (5, 125, 7300, 200000)] == ["just now", "2 min ago", "2 h ago", "2 d ago"]

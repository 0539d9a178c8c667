"""The numbers that keep one volunteer, or many, from being too much. Pure: time and counts are passed in."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Final

from disio.errors import UsageError
from disio.figures import counted
from disio.wire.volunteer import MAX_FRAME_BYTES, MAX_ITEMS, MAX_WINDOW

MIB: Final = 1024 * 1024
WORK_FRAME_BYTES: Final = MIB
"""Work frames are cut here, so that acknowledgements never wait behind a long one."""
MIN_RESERVE: Final = 2
MAX_RESERVE: Final = 2 * MAX_WINDOW
"""Leases kept for one volunteer beyond its window."""
MAX_RESERVE_BYTES: Final = 64 * MIB
MAX_HOLDING: Final = 2 * MAX_WINDOW
"""Leases that a returning volunteer may say it still holds."""
_RATE_SECONDS: Final = 8.0


@dataclass(frozen=True)
class Limits:
    """What a distributor bears. Times in seconds, sizes in bytes.

    An address is an IPv4 address or 64 bits of IPv6. Its rates are chosen for a university behind one address: see
    docs/distributor.md. What has a rate goes on at that rate after so much at once (``burst``); 0 turns it off.
    """

    connections: int = 10_000
    connections_per_address: int = 2_000
    """Generous: a proxy or a school's network is one address."""
    sockets: int = 16_384
    """TCP connections, those of volunteers included; fewer where the system allows fewer open files."""
    sockets_per_address: int = 6_000
    idle_seconds: float = 30.0
    """A connection on which nothing is asked; a request's head has to arrive in this time."""
    patience_seconds: float = 30.0
    """Who would have to wait longer for its share is refused."""
    requests_per_second: float = 50.0
    requests_burst: float = 2_000.0
    handshakes_per_second: float = 10.0
    handshakes_burst: float = 500.0
    offence_handshakes: float = 5.0
    """A connection that ends for what it said costs its address as many handshakes more."""
    messages_per_second: float = 1_000.0
    messages_burst: float = 5_000.0
    sent_bytes_per_second: float = 64.0 * MIB
    sent_bytes_burst: float = 4096.0 * MIB
    received_bytes_per_second: float = 32.0 * MIB
    received_bytes_burst: float = 512.0 * MIB
    unfinished_bytes: int = 512 * MIB
    """Frames that have begun to arrive, of all volunteers together."""
    unfinished_bytes_per_address: int = 128 * MIB
    hello_seconds: float = 10.0
    frame_seconds: float = 120.0
    """From a frame's first byte to its last."""
    frame_bytes: int = MAX_FRAME_BYTES
    send_seconds: float = 120.0
    """One frame to a slow reader, until the system has taken it."""
    ping_seconds: float = 20.0
    silence_seconds: int = 60
    """Nothing at all came, not even the answer to a ping."""
    close_seconds: float = 2.0
    """How long the other side may take to answer a close."""
    unacknowledged_bytes: int = 64 * MIB
    """Results of one volunteer that are neither committed nor spooled."""
    unsent_acks: int = 32 * MAX_ITEMS
    """Acknowledged leases that a volunteer does not read."""
    spool_bytes: int = 4 * 1024 * MIB
    file_cache_bytes: int = 8 * 1024 * MIB
    """Sources, packages and shared data of tasks, on disk."""

    @classmethod
    def given(cls, texts: Iterable[str]) -> "Limits":
        """From ``NAME=VALUE`` texts, as on a command line.

        Raises:
            UsageError: no such limit, or no such value.
        """
        known = {limit.name: limit.type for limit in fields(cls)}
        chosen: dict[str, Any] = {}
        for text in texts:
            name, equals, value = text.partition("=")
            name = name.strip().replace("-", "_")
            if name not in known or not equals:
                raise UsageError(f"{text!r} sets no limit; write --limit NAME=NUMBER with one of {', '.join(known)}")
            number = _number(value)
            if number is None:
                raise UsageError(f"{value!r} is no number that {name} could be; write for example --limit {name}=100")
            chosen[name] = int(number) if known[name] is int else number
        return cls(**chosen)

    def refusal(self, connections: int, from_address: int) -> str:
        """Why one more connection is refused, or "" when it is welcome."""
        if connections >= self.connections:
            return f"this distributor serves {counted(self.connections, 'volunteer')} already; try again later"
        if from_address >= self.connections_per_address:
            return f"your network address has {counted(self.connections_per_address, 'volunteer')} connected already"
        return ""


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < 2**53 else None


class Rate:
    """Events per second, lately: an exponentially fading count."""

    def __init__(self) -> None:
        self._weight = 0.0
        self._at = 0.0

    def add(self, count: int, now: float) -> None:
        """``count`` events have happened at ``now`` (monotonic seconds)."""
        self._weight = self._weight * math.exp((self._at - now) / _RATE_SECONDS) + count
        self._at = now

    def at(self, now: float) -> float:
        """Events per second as of ``now``."""
        return self._weight * math.exp((self._at - now) / _RATE_SECONDS) / _RATE_SECONDS


def reserve_target(window: int, rate: float, hold_seconds: float) -> int:
    """How many leases to keep for a volunteer beyond its window.

    Enough for ``hold_seconds`` at ``rate`` results per second, so that it stays busy while a manager
    is away; at least a few, so that it never waits for a round trip; none while it is paused.
    """
    if window <= 0:
        return 0
    return min(max(math.ceil(rate * hold_seconds), MIN_RESERVE), MAX_RESERVE)

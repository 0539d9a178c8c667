"""Who may come in, how often, and how much each address may move: fair shares, in tokens. Pure: time is passed in.

An address that is over its rate is first made to wait, which a browser takes for a slow network, and refused only when
it would wait too long. So a limit never breaks the visits of many honest visitors behind one address, it spaces them.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

MAX_ACCOUNTS: Final = 65_536
"""Addresses remembered; those not heard of for longest go first."""
_IPV6_BITS: Final = 64
"""What one connection is given of IPv6 at least: it counts as one address."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """So much a second, after so much at once; ``patience``: the longest wait, in seconds. A rate of 0 has no limit."""

    per_second: float
    burst: float
    patience: float


class Bucket:
    """Tokens of one address. It may go into debt: who takes then has to wait until that is paid."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, rate: Allowance, now: float) -> None:
        self._tokens = rate.burst
        self._at = now

    def take(self, rate: Allowance, amount: float, now: float) -> float | None:
        """Seconds to wait before going on; None: refused, and nothing was taken."""
        self._tokens = min(rate.burst, self._tokens + (now - self._at) * rate.per_second)
        self._at = now
        wait = max(0.0, (amount - self._tokens) / rate.per_second)
        if wait > rate.patience:
            return None
        self._tokens -= amount
        return wait


class Shares:
    """One kind of thing that each address has a rate of."""

    def __init__(self, rate: Allowance) -> None:
        self.rate = rate
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, who: str, amount: float, now: float) -> float | None:
        """Seconds that ``who`` has to wait first; None: it is refused.

        Args:
            who: the account, see :func:`account`.
            amount: how much of the kind.
            now: monotonic seconds.
        """
        if self.rate.per_second <= 0:
            return 0.0
        bucket = self._buckets.get(who)
        if bucket is None:
            bucket = self._buckets[who] = Bucket(self.rate, now)
            if len(self._buckets) > MAX_ACCOUNTS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(who)
        return bucket.take(self.rate, amount, now)


class Counts:
    """How many of something are there now, in all and of each address."""

    def __init__(self) -> None:
        self.total = 0
        self._by: dict[str, int] = {}

    def of(self, who: str) -> int:
        """How many of this address."""
        return self._by.get(who, 0)

    def enter(self, who: str, amount: int = 1) -> None:
        """So many more."""
        self.total += amount
        self._by[who] = self.of(who) + amount

    def leave(self, who: str, amount: int = 1) -> None:
        """So many less."""
        self.total -= amount
        left = self.of(who) - amount
        if left > 0:
            self._by[who] = left
        else:
            self._by.pop(who, None)


def account(address: str) -> str:
    """Whose share it is: an IPv4 address, or the 64 bits of IPv6 that belong to one connection."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, _IPV6_BITS), strict=False))

"""A set from which members are drawn at random, in constant time."""

import random
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_TRIES = 8
"""Random draws before the members are looked at one by one."""
_LOOKED_AT = 256
"""Members looked at one by one at most."""

Member = TypeVar("Member", bound=Hashable)


class Drawer(Generic[Member]):
    """Members in no particular order, each of them once."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._members: list[Member] = []
        self._places: OrderedDict[Member, int] = OrderedDict()  # a dict would look longer and longer for its first

    def __len__(self) -> int:
        return len(self._members)

    def __contains__(self, member: object) -> bool:
        return member in self._places

    def add(self, member: Member, *, most: int | None = None) -> None:
        """Put a member in; with ``most``, the one that has been in longest goes out when there are more."""
        if member in self._places:
            return
        if most is not None and len(self._members) >= most:
            self.discard(next(iter(self._places)))
        self._places[member] = len(self._members)
        self._members.append(member)

    def discard(self, member: Member) -> bool:
        """Take a member out; whether it was there."""
        place = self._places.pop(member, None)
        if place is None:
            return False
        last = self._members.pop()
        if place < len(self._members):
            self._members[place] = last
            self._places[last] = place
        return True

    def oldest(self) -> Member | None:
        """The member that has been in longest, left in; None if there is none."""
        return next(iter(self._places), None)

    def draw(self, fits: Callable[[Member], bool] | None = None) -> Member | None:
        """A random member that fits, left in; None if none is found in a bounded search."""
        size = len(self._members)
        if not size:
            return None
        for _ in range(_TRIES):
            member = self._members[int(self._rng.random() * size)]
            if fits is None or fits(member):
                return member
        start = int(self._rng.random() * size)
        for step in range(min(size, _LOOKED_AT)):
            member = self._members[(start + step) % size]
            if fits is None or fits(member):
                return member
        return None

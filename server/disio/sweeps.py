"""Sweeps: many combinations of parameters, made as they are asked for."""

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, overload

MOST_READ: Final = 1_000_000
"""Values of one name that are taken from what is no sequence, and might have no end."""


class Sweep(Sequence[dict[str, Any]]):
    """Combinations of parameters, each a dict; a sequence of which nothing but its axes is in memory.

    ``a * b`` combines each of ``a`` with each of ``b`` (names must differ), the last changing fastest; ``a + b`` is one
    after the other.
    """

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        """The combination at a place, or a list of several."""
        if isinstance(index, slice):
            return [self._at(place) for place in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"there is no combination {index}: there are {len(self):,}")
        return self._at(place)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """All combinations in order."""
        return map(self._at, range(len(self)))

    def __mul__(self, other: "Sweep") -> "Sweep":
        """Each combination of this one with each of the other."""
        return _Product(self, other)

    def __add__(self, other: "Sweep") -> "Sweep":
        """The combinations of this one, then those of the other."""
        return _Chain(self, other)

    def __repr__(self) -> str:
        return f"<sweep of {len(self):,} combinations>"

    @abstractmethod
    def _at(self, place: int) -> dict[str, Any]:
        """The combination at this place, which is one."""


class _Grid(Sweep):
    def __init__(self, axes: dict[str, Sequence[Any]]) -> None:
        self._axes = list(reversed(axes.items()))
        self._names = list(axes)

    def __len__(self) -> int:
        return math.prod(len(values) for _, values in self._axes)

    def _at(self, place: int) -> dict[str, Any]:
        found = {}
        for name, values in self._axes:
            place, rest = divmod(place, len(values))
            found[name] = values[rest]
        return {name: found[name] for name in self._names}


class _Zipped(Sweep):
    def __init__(self, axes: dict[str, Sequence[Any]]) -> None:
        lengths = {name: len(values) for name, values in axes.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {count:,}" for name, count in lengths.items())
            raise ValueError(f"zipped axes must be of the same length; {told}")
        self._axes = axes

    def __len__(self) -> int:
        return max(map(len, self._axes.values()), default=0)

    def _at(self, place: int) -> dict[str, Any]:
        return {name: values[place] for name, values in self._axes.items()}


class _Product(Sweep):
    def __init__(self, outer: Sweep, inner: Sweep) -> None:
        self._outer, self._inner = outer, inner
        both = set(outer[0]) & set(inner[0]) if len(outer) and len(inner) else set()
        if both:
            raise ValueError(f"both sweeps have {', '.join(sorted(both))}; give each name to one of them")

    def __len__(self) -> int:
        return len(self._outer) * len(self._inner)

    def _at(self, place: int) -> dict[str, Any]:
        outer, inner = divmod(place, len(self._inner))
        return {**self._outer[outer], **self._inner[inner]}


class _Chain(Sweep):
    def __init__(self, first: Sweep, second: Sweep) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    def _at(self, place: int) -> dict[str, Any]:
        return self._first[place] if place < len(self._first) else self._second[place - len(self._first)]


def grid(**axes: Iterable[Any]) -> Sweep:
    """Every combination of the values of each name, the last name changing fastest.

    Args:
        axes: the values of each name: a range, list or other sequence is kept as it is; other iterables are read, up
            to a million values.

    Raises:
        ValueError: an iterable has more values, or no end.
    """
    return _Grid({name: _sequence(name, values) for name, values in axes.items()})


def zipped(**axes: Iterable[Any]) -> Sweep:
    """The first value of each name together, then the second of each, and so on.

    Raises:
        ValueError: there are not equally many values of each name.
    """
    return _Zipped({name: _sequence(name, values) for name, values in axes.items()})


def _sequence(name: str, values: Iterable[Any]) -> Sequence[Any]:
    if isinstance(values, str | bytes | dict):
        raise TypeError(f"the values of {name} are one {type(values).__name__}; write [{values!r}] for a single value")
    if not isinstance(values, Iterable):
        raise TypeError(f"{name}={values!r} is a single value; write {name}=[{values!r}], or a range or list of values")
    if hasattr(values, "__getitem__") and hasattr(values, "__len__"):
        return values  # type: ignore[return-value]
    read = list(islice(values, MOST_READ + 1))
    if len(read) > MOST_READ:
        raise ValueError(f"{name} has more than {MOST_READ:,} values, or no end; give a range or another sequence")
    return read

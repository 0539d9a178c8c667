"""Ranges and lists of parameters on the command line: ``-p a=1:10 -p b=x,y``.

A value is a *range* if it is ``START:STOP`` or ``START:STOP:STEP`` of numbers, as ``range`` has them: STOP is left out.
``START:STOP@COUNT`` are so many evenly spaced numbers, both ends included. A value is a *list* if it has commas, no
spaces and no quotes, brackets or braces: its items are JSON, ranges, or text. All else is one value, as it always was.
"""

import json
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from disio.errors import UsageError

MOST_VALUES: Final = 10**9
_NUMBER: Final = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE: Final = re.compile(rf"(?P<start>{_NUMBER}):(?P<stop>{_NUMBER})(?::(?P<step>{_NUMBER})|@(?P<count>\d+))?")
_LIST: Final = re.compile(r"[^\s\"'\[\]{}]*,[^\s\"'\[\]{}]*")


class Numbers(Sequence[Any]):
    """Evenly spaced numbers, exact in decimals: ints if all are written as ints."""

    def __init__(self, start: Decimal, step: Decimal, count: int, *, whole: bool) -> None:
        self._start, self._step, self._count = start, step, count
        self._kind: type = int if whole else float

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        """The number at a place."""
        places = range(self._count)[index]
        if isinstance(places, range):
            return [self[place] for place in places]
        return self._kind(self._start + self._step * places)


def values_of(text: str) -> Sequence[Any] | None:
    """The values that a range or a list stands for; None if the text is one value.

    Raises:
        UsageError: a range that has no values, or too many.
    """
    matched = _RANGE.fullmatch(text)
    if matched is not None:
        return _numbers(text, **matched.groupdict())
    if _LIST.fullmatch(text) is None:
        return None
    values: list[Any] = []
    for item in text.split(","):
        matched = _RANGE.fullmatch(item)
        values += _numbers(item, **matched.groupdict()) if matched is not None else [one_value(item)]
    return values


def one_value(text: str) -> Any:
    """JSON if it is JSON, else text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _numbers(text: str, *, start: str, stop: str, step: str | None, count: str | None) -> Sequence[Any]:
    try:
        first, last = Decimal(start), Decimal(stop)
        if count is not None:
            number = int(count)
            size = (last - first) / max(number - 1, 1)
        else:
            size = Decimal(step) if step is not None else Decimal(1)
            whole_steps, rest = divmod(last - first, size) if size else (Decimal(0), Decimal(0))
            number = int(whole_steps) + bool(rest) if (last - first) * size > 0 else 0
    except (InvalidOperation, OverflowError):
        raise UsageError(f"the range {text} is too large") from None
    if not size and count is None:
        raise UsageError(f"the range {text} has a step of 0")
    if number < 1:
        raise UsageError(f"the range {text} has no values; write START:STOP:STEP with STOP beyond START, or quote text")
    if number > MOST_VALUES:
        raise UsageError(f"the range {text} has {number:,} values; at most {MOST_VALUES:,} are possible")
    whole = count is None and not re.search(r"[.eE]", start + stop + (step or ""))
    return Numbers(first, size, number, whole=whole)

"""What a researcher may state about the checking of answers: in a unit's ``[tool.disio]``, or when it is submitted.

Here it is seen that the values are of the right kind; whether they make sense together is for the manager to say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite
from typing import Any, Final

from disio.errors import UnitError
from disio.unit.hints import hint

MAX_KEYS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Checking:
    """What was stated; None: nothing. docs/trust.md says what each of these means."""

    error_rate: float | None = None
    assume_bad: float | None = None
    quorum: int | None = None
    stint: int | None = None
    check_share: float | None = None
    by_network: bool | None = None
    trust_volunteers: bool | tuple[str, ...] | None = None

    def stated(self) -> dict[str, Any]:
        """What was stated, by name."""
        values = {name: getattr(self, name) for name in CHECKING}
        return {name: value for name, value in values.items() if value is not None}


CHECKING: Final = tuple(field.name for field in fields(Checking))
"""The names of all settings."""


def read_checking(table: Mapping[str, Any], place: str) -> Checking:
    """Settings as somebody wrote them.

    Args:
        table: names and values.
        place: where they stand, for errors, such as ``tool.disio.``.

    Raises:
        UnitError: an unknown name, or a value of the wrong kind.
    """
    for name in table:
        if name not in CHECKING:
            raise UnitError(f"unknown setting {place}{name}; {hint(name, CHECKING)}")
    settings: dict[str, Any] = {name: _READERS[name](f"{place}{name}", value) for name, value in table.items()}
    return Checking(**settings)


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise UnitError(f"{name} is {str(value)[:40]!r}; it must be a number, such as 0.0001")
    return float(value)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2**31:
        raise UnitError(f"{name} is {str(value)[:40]!r}; it must be a whole number")
    return value


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise UnitError(f"{name} is {str(value)[:40]!r}; it must be true or false")
    return value


def _trusted(name: str, value: Any) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    if isinstance(value, list | tuple) and len(value) <= MAX_KEYS and all(isinstance(key, str) for key in value):
        return tuple(value)
    raise UnitError(f'{name} must be true, false, or a list of the names of keys, such as ["lab"]')


_READERS: Final = {
    "error_rate": _number,
    "assume_bad": _number,
    "quorum": _whole,
    "stint": _whole,
    "check_share": _number,
    "by_network": _flag,
    "trust_volunteers": _trusted,
}

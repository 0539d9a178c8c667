"""The work that is computed meanwhile, and what its answers must be, found in another way than the units do."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

UNITS: Final = Path(__file__).parent / "units"
_PRIME: Final = 2**61 - 1
_BLOCK: Final = 120
_WORDS: Final = ("volunteer", "computing", "browser", "Δίσκος", "", "aa")


@dataclass(frozen=True)
class Work:
    """One task to submit."""

    unit: str
    params: dict[str, Any]
    count: int
    """How many payloads it has."""
    payload: Callable[[int], Any]
    """The payload at an index."""
    expected: Callable[[Any], Any]
    """The right answer to a payload."""
    answer: Any = None
    """What ``reduce`` returns, if there is one."""
    error_rate: float = 0.0
    """The share of accepted answers that may be wrong, as the unit states it."""

    @property
    def path(self) -> Path:
        """The unit's file."""
        return UNITS / self.unit

    @property
    def most_wrong(self) -> int:
        """So many wrong answers are within what was stated: three deviations above the mean."""
        mean = self.error_rate * self.count
        return math.ceil(mean + 3 * math.sqrt(mean))


def _power(number: int) -> int:
    return pow(number, 65537, _PRIME)


def _square(number: int) -> int:
    return (pow(number, 2, _PRIME) + 1) % _PRIME


def _word(index: int) -> list[Any]:
    return [_WORDS[index % len(_WORDS)] * (1 + index % 3), (index, complex(index, -0.0), [None, 1 << 70])]


def _letters(payload: list[Any]) -> dict[str, Any]:
    word, rest = payload
    return {"counts": dict(Counter(word)), "letters": set(word), "rest": rest}


def _block(payload: list[int]) -> bytes:
    number, size = payload
    return bytes(((number * 31) % 251 + place * 17) % 251 for place in range(size))


def make_work(payloads: int) -> list[Work]:
    """Tasks of one manager with so many payloads in all: ranges, a list, splits; two whose answers are checked."""
    words, small, large, checked = payloads // 20, payloads // 5, payloads // 10, payloads // 20
    powers = payloads - words - small - large - 2 * checked
    first, second = powers // 2, powers - powers // 2

    def blocks(count: int, size: int) -> Work:
        total = sum(sum(_block([number, size])) for number in range(count))
        return Work(
            "blocks.py", {"count": count, "size": size}, count, lambda n: [n, size], _block, answer=[count, total]
        )

    return [
        Work("powers.py", {"start": 0, "stop": first}, first, lambda n: n, _power),
        Work("words.py", {"payloads": [_word(n) for n in range(words)]}, words, _word, _letters),
        blocks(small, 8),
        Work("powers.py", {"start": 7, "stop": 7 + second}, second, lambda n: n + 7, _power),
        blocks(large, _BLOCK),
        Work("checked.py", {"stop": checked}, checked, lambda n: n, _square, error_rate=0.001),
        Work("voted.py", {"stop": checked}, checked, lambda n: n, _square),
    ]

"""The work that is computed meanwhile, and what its answers must be, found in another way than the units do."""

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

    @property
    def path(self) -> Path:
        """The unit's file."""
        return UNITS / self.unit


def _power(number: int) -> int:
    return pow(number, 65537, _PRIME)


def _word(index: int) -> list[Any]:
    return [_WORDS[index % len(_WORDS)] * (1 + index % 3), (index, complex(index, -0.0), [None, 1 << 70])]


def _letters(payload: list[Any]) -> dict[str, Any]:
    word, rest = payload
    return {"counts": dict(Counter(word)), "letters": set(word), "rest": rest}


def _block(payload: list[int]) -> bytes:
    number, size = payload
    return bytes(((number * 31) % 251 + place * 17) % 251 for place in range(size))


def make_work(payloads: int) -> list[Work]:
    """Tasks of one manager with so many payloads in all: ranges, a list, and two with a split."""
    words, small, large = payloads // 20, payloads // 4, payloads // 10
    powers = payloads - words - small - large
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
    ]

# /// script
# [tool.disio]
# error_rate = 1
# ///
"""Blocks of bytes, made by a split, with an answer over all of them."""

import sys
from collections.abc import Iterable, Iterator, Mapping


def split(params: Mapping[str, int]) -> Iterator[list[int]]:
    """Payloads [0, size] to [count - 1, size], lazily."""
    for number in range(params["count"]):
        yield [number, params["size"]]


def run(payload: list[int]) -> bytes:
    """So many bytes that depend on the number."""
    number, size = payload
    if sys.platform == "emscripten":
        for _ in range(150_000):
            pass
    return bytes((number * 31 + place * 17) % 251 for place in range(size))


def reduce(results: Iterable[bytes], params: Mapping[str, int]) -> list[int]:
    """How many blocks there were, and the sum of all bytes."""
    count = total = 0
    del params
    for block in results:
        count += 1
        total += sum(block)
    return [count, total]

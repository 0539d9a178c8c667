"""Blocks of bytes, made by a split, with an answer over all of them."""

import sys


def split(params):
    """Payloads [0, size] to [count - 1, size], lazily."""
    for number in range(params["count"]):
        yield [number, params["size"]]


def run(payload):
    """So many bytes that depend on the number."""
    number, size = payload
    if sys.platform == "emscripten":
        for _ in range(150_000):
            pass
    return bytes((number * 31 + place * 17) % 251 for place in range(size))


def reduce(results, params):
    """How many blocks there were, and the sum of all bytes."""
    count = total = 0
    for block in results:
        count += 1
        total += sum(block)
    return [count, total]

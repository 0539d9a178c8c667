# /// script
# [tool.disio]
# error_rate = 1
# ///
"""Powers in a large field, the long way."""

import sys

PRIME = 2**61 - 1


def run(number: int) -> int:
    """The number to the power 65537; in a browser with some work more, so that others have their share."""
    if sys.platform == "emscripten":
        for _ in range(150_000):
            pass
    power = number
    for _ in range(16):
        power = power * power % PRIME
    return power * number % PRIME

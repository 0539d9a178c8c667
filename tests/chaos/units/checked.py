# /// script
# [tool.disio]
# error_rate = 0.001
# assume_bad = 0.15
# by_network = false
# ///
"""Squares in a large field, believed as far as their givers are."""

PRIME = 2**61 - 1


def run(number: int) -> int:
    """The number's square and a bit."""
    return (number * number + 1) % PRIME

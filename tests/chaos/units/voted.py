# /// script
# [tool.disio]
# quorum = 2
# by_network = false
# ///
"""Squares in a large field, believed when two say the same."""

PRIME = 2**61 - 1


def run(number: int) -> int:
    """The number's square and a bit."""
    return (number * number + 1) % PRIME

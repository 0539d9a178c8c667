"""Computes for so many seconds at a stretch."""

import time


def run(payload):
    """Add numbers for ``payload`` seconds."""
    end = time.perf_counter() + payload
    total = 0
    while time.perf_counter() < end:
        total += sum(range(1000))
    return 1

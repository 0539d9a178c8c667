# /// script
# [tool.disio]
# error_rate = 1
# ///
"""Counts letters: values of many kinds on their way out and back."""

from typing import Any


def run(payload: list[Any]) -> dict[str, Any]:
    """How often each letter occurs, and the payload's other parts as they came."""
    word, rest = payload
    counts: dict[str, int] = {}
    for letter in word:
        counts[letter] = counts.get(letter, 0) + 1
    return {"counts": counts, "letters": set(word), "rest": rest}

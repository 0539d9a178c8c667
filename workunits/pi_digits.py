"""Hexadecimal digits of pi, each range computed without the digits before it.

The formula of Bailey, Borwein and Plouffe gives the digits from any position on:

    pi = sum over k >= 0 of 16**-k * (4/(8k+1) - 2/(8k+4) - 1/(8k+5) - 1/(8k+6))

Multiplied by 16**start, all that matters of the terms up to ``start`` is their fraction, which modular
exponentiation gives with small numbers. Everything is done in whole numbers with a bound on the error, so
every digit is right, however far out.

Parameters: ``start`` (0: the first digit after the point), ``digits`` (how many), ``chunk`` (how many per payload).
The answer is the digits as text: 243f6a8885a308d3...

Source: D. Bailey, P. Borwein, S. Plouffe, "On the rapid computation of various polylogarithmic constants",
Mathematics of Computation 66 (1997).
"""

# /// script
# [tool.disio]
# title = "Digits of pi"
# homepage = "https://en.wikipedia.org/wiki/Bailey%E2%80%93Borwein%E2%80%93Plouffe_formula"
# timeout = 300
# ///

from collections.abc import Iterable, Iterator
from typing import Any

TERMS = ((4, 1), (-2, 4), (-1, 5), (-1, 6))


def split(params: dict[str, Any]) -> Iterator[list[int]]:
    """Ranges of positions: ``[first, count]``."""
    start, digits, chunk = params.get("start", 0), params.get("digits", 1000), params.get("chunk", 16)
    if start < 0 or digits < 1 or chunk < 1:
        raise ValueError("start must be at least 0, digits and chunk at least 1")
    for first in range(start, start + digits, chunk):
        yield [first, min(chunk, start + digits - first)]


def run(payload: list[int]) -> str:
    """The digits of one range."""
    first, count = payload
    guard = 64
    while True:
        bits = 4 * count + guard
        value = fraction(first, bits)
        # Each term was rounded down by less than one unit: at most (4 + 2 + 1 + 1) a step of k.
        error = 8 * (first + bits // 4 + 2)
        lowest, highest = (value - error) >> guard, (value + error) >> guard
        if lowest == highest:
            return f"{highest:0{count}x}"
        guard *= 2  # the digits end so close to a run of 0 or f that the error could reach them


def fraction(start: int, bits: int) -> int:
    """The fraction of ``16**start * pi``, as a whole number of ``2**-bits``."""
    total = 0
    for factor, j in TERMS:
        part = 0
        for k in range(start + 1):
            modulus = 8 * k + j
            part += (pow(16, start - k, modulus) << bits) // modulus
        for k in range(start + 1, start + bits // 4 + 2):
            part += (1 << (bits - 4 * (k - start))) // (8 * k + j) if bits >= 4 * (k - start) else 0
        total += factor * part
    return total & ((1 << bits) - 1)


def show(result: str) -> str:
    """The digits of a range as bars, for the visitor who computed them: SVG."""
    shown = result[:32]
    step = 320 / max(8, len(shown))
    bars = []
    for place, digit in enumerate(shown):
        value = int(digit, 16)
        x, height = place * step, 6 + 5 * value
        bars.append(
            f'<rect x="{x + step * 0.1:.1f}" y="{86 - height}" width="{step * 0.8:.1f}" height="{height}" rx="2" '
            f'fill="hsl({160 + 8 * value} 55% 48%)"/>'
            f'<text x="{x + step / 2:.1f}" y="102" text-anchor="middle" font-family="monospace" '
            f'font-size="{min(13, step * 1.3):.1f}" fill="#7b8794">{digit}</text>'
        )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 108">{"".join(bars)}</svg>'


def reduce(results: Iterable[str], params: dict[str, Any]) -> str:
    """All digits, in order."""
    return "".join(results)

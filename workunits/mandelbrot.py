"""A picture of the Mandelbrot set: each payload is some rows of it.

For each point c of the plane, z = z*z + c is repeated from z = 0; the colour tells how soon z runs away. The
count is made smooth by how far z has run at the end, so that there are no bands.

Parameters: ``width`` and ``height`` (pixels), ``centre`` ([re, im]), ``span`` (the picture's width in the plane),
``iterations`` (how long to wait for z to run away; at most 1000), ``rows`` (per payload).
The answer is the bytes of a PNG file.
"""

# /// script
# [tool.disio]
# title = "Mandelbrot set"
# timeout = 120
# ///

import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import log, log2
from typing import Any

DEFAULTS = {
    "width": 960,
    "height": 640,
    "centre": [-0.74338, 0.13148],
    "span": 0.0032,
    "iterations": 800,
    "rows": 8,
}
STEPS = 64
"""Parts of an iteration that are told apart: counts travel as 16-bit multiples of 1/64."""
ESCAPE = 256.0
"""How far z must run; far more than the 2 that would do, for smooth colours."""
PALETTE = (
    (0.0, (0, 7, 60)),
    (0.16, (32, 107, 203)),
    (0.42, (237, 255, 255)),
    (0.64, (255, 170, 0)),
    (0.86, (60, 2, 20)),
)


def split(params: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Blocks of rows; each payload carries all that its rows need."""
    view = settings(params)
    rows = view.pop("rows")
    for first in range(0, view["height"], rows):
        yield {**view, "first": first, "rows": min(rows, view["height"] - first)}


def settings(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters with defaults, checked."""
    unknown = params.keys() - DEFAULTS.keys()
    if unknown:
        raise ValueError(f"unknown parameters: {', '.join(sorted(unknown))}; there are {', '.join(DEFAULTS)}")
    view = {**DEFAULTS, **params}
    if not (0 < view["width"] <= 20_000 and 0 < view["height"] <= 20_000 and view["rows"] > 0):
        raise ValueError("width and height must be from 1 to 20,000, rows at least 1")
    if not 0 < view["iterations"] <= 1000:
        raise ValueError("iterations must be from 1 to 1000")
    return view


def run(payload: dict[str, Any]) -> bytes:
    """The counts of some rows: 16-bit little-endian, 0 for points that stay."""
    width, height = payload["width"], payload["height"]
    (centre_re, centre_im), pixel = payload["centre"], payload["span"] / payload["width"]
    counts: list[int] = []
    for row in range(payload["first"], payload["first"] + payload["rows"]):
        im = centre_im + ((height - 1) / 2 - row) * pixel
        for column in range(width):
            re = centre_re + (column - (width - 1) / 2) * pixel
            counts.append(escape(re, im, payload["iterations"]))
    return struct.pack(f"<{len(counts)}H", *counts)


def escape(re: float, im: float, iterations: int) -> int:
    """How soon z runs away from c = re + im*i, in parts of an iteration, from 1; 0 if it stays."""
    shifted = re - 0.25
    q = shifted * shifted + im * im
    if q * (q + shifted) <= 0.25 * im * im or (re + 1) * (re + 1) + im * im <= 0.0625:
        return 0  # inside the heart or the largest disc: z stays, and waiting for it would take longest
    x = y = xx = yy = 0.0
    for count in range(iterations):
        y = 2.0 * x * y + im
        x = xx - yy + re
        xx = x * x
        yy = y * y
        if xx + yy > ESCAPE * ESCAPE:
            smooth = count + 1 - log2(log(xx + yy) / (2 * log(ESCAPE)))
            return max(1, min(0xFFFF, round(smooth * STEPS)))
    return 0


def reduce(results: Iterable[bytes], params: dict[str, Any]) -> bytes:
    """The picture as a PNG file."""
    view = settings(params)
    colours = [colour(count) for count in range(view["iterations"] * STEPS + 2 * STEPS)]
    packer = zlib.compressobj(9)
    parts = []
    stride = 2 * view["width"]
    for block in results:
        for start in range(0, len(block), stride):
            counts = struct.unpack(f"<{view['width']}H", block[start : start + stride])
            parts.append(packer.compress(sub_filtered(b"".join([colours[count] for count in counts]))))
    parts.append(packer.flush())
    header = struct.pack(">IIBBBBB", view["width"], view["height"], 8, 2, 0, 0, 0)
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"IDAT", b"".join(parts)), chunk(b"IEND", b""))
    )


def colour(count: int) -> bytes:
    """The colour of a count: red, green, blue."""
    if count == 0:
        return b"\x04\x04\x0c"
    place = (log(1 + count / STEPS) * 0.62) % 1.0
    stops = [*PALETTE, (1.0, PALETTE[0][1])]
    for (low, dark), (high, bright) in pairwise(stops):
        if place <= high:
            part = (place - low) / (high - low)
            part = part * part * (3 - 2 * part)
            return bytes(round(a + (b - a) * part) for a, b in zip(dark, bright, strict=True))
    raise AssertionError("the palette has a gap")


def sub_filtered(row: bytes) -> bytes:
    """A row of pixels as the differences to the pixel on the left, which compress better."""
    return (
        b"\x01"
        + array("B", ((value - before) & 0xFF for value, before in zip(row, b"\0\0\0" + row, strict=False))).tobytes()
    )


def chunk(kind: bytes, data: bytes) -> bytes:
    """One part of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

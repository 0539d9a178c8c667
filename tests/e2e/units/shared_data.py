"""Adds up some lines of a shared file."""

import mmap
from pathlib import Path


def split(params):
    """One payload for each share of the lines."""
    return range(params["count"])


def run(payload, ctx):
    """The first number of the file, read through memory, and the sum of one share of them."""
    path = Path(ctx.data("numbers"))
    lines = path.read_text().splitlines()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        first = int(mapped[: mapped.find(b"\n")])
    return [first, sum(map(int, lines[payload::10]))]

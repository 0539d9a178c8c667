"""Encodes with a compiled package."""
# /// script
# dependencies = ["msgspec>=0.21"]
# ///

from importlib.metadata import version

import msgspec


class Point(msgspec.Struct):
    """Something to encode."""

    x: int
    y: int


def run(payload):
    """The bytes of a point, and the version of the package, as its metadata has it."""
    return [msgspec.msgpack.encode(Point(payload, 2)), version("msgspec")]

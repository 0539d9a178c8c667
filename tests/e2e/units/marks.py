"""Leaves marks wherever it can, and tells which it finds."""

import builtins
import math
import sys
from pathlib import Path

import js

MARK = Path("/tmp/disio_mark")


def run(payload):
    """What an earlier payload left here: in Python, in JavaScript, in files, in the prototypes of everything."""
    found = []
    if hasattr(builtins, "disio_mark") or hasattr(math, "disio_mark") or "disio_mark" in sys.modules:
        found.append("python")
    if hasattr(js.self, "disio_mark") or hasattr(js.Object.new(), "disio_mark"):
        found.append("javascript")
    if MARK.exists():
        found.append("file")
    builtins.disio_mark = math.disio_mark = sys.modules["disio_mark"] = 1
    js.self.disio_mark = js.Object.prototype.disio_mark = 1
    js.setInterval(js.performance.now.bind(js.performance), 10)
    MARK.touch()
    return found

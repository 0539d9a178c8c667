"""Tells how often this interpreter has run a payload: shows whether interpreters are shared."""

import builtins


def run(payload):
    """How many payloads this interpreter has computed, this one included."""
    builtins.disio_seen = getattr(builtins, "disio_seen", 0) + 1
    return builtins.disio_seen

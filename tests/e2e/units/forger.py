"""Speaks for its own worker: what it says is not what a worker would say."""

# /// script
# [tool.disio]
# timeout = 2
# ///

import time

import js
from pyodide.ffi import to_js


def run(payload):
    """Say something forged, as the payload wishes, and answer."""

    def say(**message):
        js.self.postMessage(to_js(message, dict_converter=js.Object.fromEntries))

    if payload == "time":
        say(type="results", items="[[0,2,1]]", data=js.Uint8Array.new(2), ms=float("nan"), memory=1)
    elif payload == "memory":
        say(type="results", items="[[0,2,1]]", data=js.Uint8Array.new(2), ms=1, memory=float("inf"))
    elif payload == "held":
        say(type="held", slices=-5)
    elif payload == "for ever":
        while True:
            say(type="opened")
            time.sleep(0.2)
    else:
        say(type=payload, slices="x", items=[], data=None, ms="no", message={"a": 1})
    return payload

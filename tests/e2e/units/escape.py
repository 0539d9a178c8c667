"""Tries every way out of the cell that a worker has, and tells what became of it."""

# /// script
# [tool.disio]
# timeout = 30
# ///

import socket
import time

import js
from pyodide.ffi import to_js


def run(payload):
    """Try to reach the address of the payload, by each means; nothing is awaited, because a unit is plain Python.

    Returns:
        dict: by means, "done" where something was got hold of, else what was raised, or "no error" where failing comes
        later or not at all.
    """
    stranger = payload["stranger"]
    host, _, port = stranger.rpartition("/")[2].partition(":")
    found = {}

    def attempt(name, action):
        try:
            value = action(f"{stranger}/unit-{name}")
        except BaseException as error:
            found[name] = f"{type(error).__name__}: {error}"[:200]
        else:
            found[name] = "done" if value is True else "no error"

    def request(address):
        sender = js.XMLHttpRequest.new()
        sender.open("GET", address, False)
        sender.send()

    def blob(code):
        return js.URL.createObjectURL(js.Blob.new(to_js([code])))

    def shout(_):
        js.BroadcastChannel.new("escape").postMessage("unit_broadcast")

    def fill(_):
        held = [bytearray(64 * 2**20) for _ in range(payload["mebibytes"] // 64)]
        return len(held) == payload["mebibytes"] // 64

    real_import_scripts = js.Object.getPrototypeOf(js.Object.getPrototypeOf(js.self)).importScripts
    sockets = stranger.replace("http", "ws", 1)
    means = {
        "fetch": lambda to: js.fetch(to) and None,
        "request": request,
        "websocket": lambda to: js.WebSocket.new(to.replace(stranger, sockets)) and None,
        "events": lambda to: js.EventSource.new(to) and None,
        "font": lambda to: js.FontFace.new("escape", f"url({to})").load() and None,
        "scripts": lambda to: real_import_scripts.call(js.self, to),
        "worker": lambda to: js.Worker.new(blob(f"fetch('{to}')")) and None,
        "worker_scripts": lambda to: js.Worker.new(blob(f"importScripts('{to}')")) and None,
        "worker_import": lambda to: js.Worker.new(blob(f"import('{to}')")) and None,
        "python_socket": lambda _: socket.create_connection((host, int(port))) and None,
        "eval": lambda _: js.eval("1") == 1,
        "function": lambda _: js.Function.new("return 1")() == 1,
        "broadcast": shout,
        "database": lambda _: js.indexedDB.open("escape") is not None,
        "page": lambda _: js.document.cookie is not None,
        "window": lambda _: js.window is not None,
        "parent": lambda _: js.parent is not None,
        "peer": lambda _: js.RTCPeerConnection is not None,
        "service_worker": lambda _: js.navigator.serviceWorker.register("/sw.js") and None,
        "storage": lambda _: js.localStorage.length is not None,
        "navigate": lambda to: setattr(js.location, "href", to),
        "memory": fill,
    }
    for name, action in means.items():
        attempt(name, action)

    end = time.monotonic() + 0.5  # what was begun has time to arrive
    while time.monotonic() < end:
        pass
    return found

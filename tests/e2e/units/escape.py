"""Tries every way out of the cell that a worker has, and tells what became of it."""

# /// script
# [tool.disio]
# timeout = 20
# ///

import time

import js
from pyodide.ffi import to_js


def run(payload):
    """Try to reach each address of the payload, by each means.

    Returns:
        dict: by means, what was raised, or "no error" where failing comes later or not at all.
    """
    found = {}

    def attempt(name, action):
        try:
            action()
        except BaseException as error:
            found[name] = str(error)[:80]
        else:
            found[name] = "no error"

    def request(address):
        sender = js.XMLHttpRequest.new()
        sender.open("GET", address, False)
        sender.send()

    real_import_scripts = js.Object.getPrototypeOf(js.Object.getPrototypeOf(js.self)).importScripts
    for number, address in enumerate(payload):
        nested = f"""
            try {{ importScripts("{address}/worker/messages.js?escape=nested-import-scripts") }} catch {{ }}
            import("{address}/worker/messages.js?escape=nested-import").catch(() => 0);
            fetch("{address}/escape-nested-fetch").catch(() => 0);
        """
        means = {
            "fetch": lambda to=address: js.fetch(to + "/escape-fetch"),
            "request": lambda to=address: request(to + "/escape-request"),
            "socket": lambda to=address: js.WebSocket.new(to.replace("http", "ws", 1) + "/escape-socket"),
            "events": lambda to=address: js.EventSource.new(to + "/escape-events"),
            "scripts": lambda to=address: js.importScripts(to + "/worker/messages.js?escape=scripts"),
            "real scripts": lambda to=address: real_import_scripts.call(
                js.self, to + "/worker/messages.js?escape=real-scripts"
            ),
            "worker": lambda to=address: js.Worker.new(to + "/worker/worker.js?escape=worker"),
            "nested worker": lambda code=nested: js.Worker.new(js.URL.createObjectURL(js.Blob.new(to_js([code])))),
            "eval": lambda: js.eval("1"),
        }
        for name, action in means.items():
            attempt(f"{name} {number}", action)
    attempt("database", lambda: js.indexedDB.open("escape"))
    attempt("page", lambda: js.document.cookie)

    end = time.monotonic() + 0.5  # what was begun has time to arrive
    while time.monotonic() < end:
        pass
    return found

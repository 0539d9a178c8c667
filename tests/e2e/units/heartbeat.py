"""Never ends, and is heard of as long as it computes, if there is a way out."""

# /// script
# [tool.disio]
# timeout = 600
# ///

import js


def run(payload):
    """Ask for the payload's address again and again."""
    while True:
        sender = js.XMLHttpRequest.new()
        sender.open("GET", payload, False)
        sender.send()

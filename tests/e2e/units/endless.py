"""Never ends for payload 3."""
# /// script
# [tool.disio]
# timeout = 1.5
# ///


def run(payload):
    """The payload, except for 3, which never comes back."""
    while payload == 3:
        pass
    return payload

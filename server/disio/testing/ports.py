"""A port for programs that cannot take a free one by themselves."""

import socket


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now. Programs that can bind port 0 do better with that."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])

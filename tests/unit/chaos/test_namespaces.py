"""Namespaces of the run's own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TAKE_DOWN = """
import socket, sys
from tests.chaos.namespaces import enter, set_network
if not enter().network:
    sys.exit(77)
server = socket.create_server(("127.0.0.1", 0))
there = socket.create_connection(server.getsockname(), timeout=5)
here, _ = server.accept()
here.settimeout(0.3)
set_network(up=False)
try:
    socket.create_connection(server.getsockname(), timeout=0.3)
except OSError:
    pass
else:
    sys.exit("a connection was made without a network")
set_network(up=True)
here.settimeout(10)
there.sendall(b"still there")
assert here.recv(100) == b"still there"
"""


def test_the_network_can_be_taken_down(tmp_path: Path) -> None:
    """Without it nothing can be reached, connections outlive it, and nobody outside notices."""
    script = tmp_path / "down.py"
    script.write_text(TAKE_DOWN)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    ended = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, env=environment)
    if ended.returncode == 77:
        pytest.skip("no network namespace is allowed here")
    assert ended.returncode == 0, ended.stderr

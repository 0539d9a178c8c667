"""Volunteers' journals."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.chaos.journal import Entry, Journal, read

ENTRIES = [Entry(True, "mgr001-1", 5, 0), Entry(False, "mgr001-2", 6, -1)]
WRITE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from tests.chaos.journal import Entry, Journal
Journal(Path(sys.argv[1])).write([Entry(True, "mgr001-1", 5, 0), Entry(False, "mgr001-2", 6, -1)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_is_written_survives_a_kill(tmp_path: Path) -> None:
    """A process that is killed right after it wrote has written."""
    path = tmp_path / "journal"
    ended = subprocess.run([sys.executable, "-c", WRITE_AND_DIE, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert list(read(path)) == ENTRIES


def test_half_a_line_does_not_count(tmp_path: Path) -> None:
    """A journal whose last line was cut off is read up to there."""
    path = tmp_path / "journal"
    Journal(path).write(ENTRIES)
    path.write_bytes(path.read_bytes() + b"ack mgr001-1 7")
    assert list(read(path)) == ENTRIES

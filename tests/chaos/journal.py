"""What a volunteer writes down, so that what it was told is known even after it was killed.

A line for each result: ``ack TASK LEASE INDEX``, or ``no TASK LEASE INDEX`` for one that counts for nothing. A line is
in the kernel's hands before the volunteer goes on: a SIGKILL takes nothing back.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """One result that a volunteer was told about. ``payload``: its index, -1 if the lease was never its own."""

    acknowledged: bool
    task: str
    lease: int
    payload: int


class Journal:
    """Written by one process; never rewritten."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, entries: Iterable[Entry]) -> None:
        """Write entries down; they stay when this process is killed afterwards."""
        lines = "".join(f"{'ack' if e.acknowledged else 'no'} {e.task} {e.lease} {e.payload}\n" for e in entries)
        os.write(self._file, lines.encode())


def read(path: Path) -> Iterator[Entry]:
    """All entries; the last line is passed over if it was not written to its end."""
    for line in path.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            word, task, lease, index = line.split()
            yield Entry(word == "ack", task, int(lease), int(index))

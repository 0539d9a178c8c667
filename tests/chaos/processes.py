"""What processes there are, and how much memory they have (Linux: from /proc)."""

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

_PR_SET_CHILD_SUBREAPER: Final = 36
SAMPLE_SECONDS: Final = 0.5
WARM_SECONDS: Final = 5.0
"""After so long a process has what it needs to work; what it takes beyond is growth."""


def adopt_orphans() -> None:
    """What a killed process leaves behind becomes our child, where :func:`descendants` finds it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def descendants() -> list[str]:
    """Every living process that descends from this one: its id and command line. Zombies do not count."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    return [f"{pid} {_command(pid)}" for pid in parents if os.getpid() in _ancestors(pid, parents)]


def _ancestors(pid: int, parents: Mapping[int, int]) -> Iterator[int]:
    while (pid := parents.get(pid, 0)) > 1:
        yield pid


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")[:160].strip()
    except OSError:
        return ""


def resident(pid: int) -> int:
    """Bytes that a process has in memory; 0: it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


class Memory:
    """Follows how much memory processes take, each from when it is warm.

    Args:
        processes: name to id, asked for at each look: a killed process comes back with another id.
    """

    def __init__(self, processes: Callable[[], Mapping[str, int]]) -> None:
        self._processes = processes
        self._first: dict[tuple[str, int], float] = {}
        self._warm: dict[tuple[str, int], int] = {}
        self.growth: dict[str, int] = {}
        """The most that one of this name has grown since it was warm, in bytes."""
        self.most: dict[str, int] = {}
        """The most that one of this name had, in bytes."""

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            for name, pid in self._processes().items():
                self.note(name, pid, resident(pid), loop.time())
            await asyncio.sleep(SAMPLE_SECONDS)

    def note(self, name: str, pid: int, size: int, now: float) -> None:
        """A process has so many bytes, now (monotonic seconds)."""
        key = name, pid
        since = self._first.setdefault(key, now)
        self.most[name] = max(self.most.get(name, 0), size)
        if now - since >= WARM_SECONDS:
            warm = self._warm.setdefault(key, size)
            self.growth[name] = max(self.growth.get(name, 0), size - warm)

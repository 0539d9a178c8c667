"""Disks that can be filled. In a mount namespace each data directory is a small file system, and really full.

Without one, the limit on the size of a process's files stands for the disk: writing fails as on a full disk, but only
where a file would grow.
"""

import contextlib
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

SIZE: Final = 256 * 1024 * 1024
_FILLER: Final = "filler"


class Disk(Protocol):
    """Where a process keeps its data."""

    def fill(self) -> None:
        """Let nothing more be written."""

    def free(self) -> None:
        """Undo :meth:`fill`; idempotent."""


class Mounted:
    """A small file system of its own, until :func:`unmount` or the end of our mount namespace."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "none", str(path)], check=True)

    def fill(self) -> None:
        """Take every free page."""
        filler = os.open(self._path / _FILLER, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            size = 0
            for step in (1 << 20, 4096):  # others write meanwhile: it is full when not one page more can be had
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(filler, size, step)
                        size += step
        finally:
            os.close(filler)

    def free(self) -> None:
        """Give the pages back."""
        (self._path / _FILLER).unlink(missing_ok=True)


def unmount(folder: Path) -> None:
    """Let go of all file systems in a folder; what they held is gone."""
    for path in folder.iterdir():
        if path.is_mount():
            subprocess.run(["umount", "--lazy", str(path)], check=True)


class Limited:
    """The limit on the size of a process's files, set to what its largest one has."""

    def __init__(self, path: Path, process: Callable[[], int]) -> None:
        self._path = path
        self._process = process
        path.mkdir(parents=True)

    def fill(self) -> None:
        """No file may grow beyond the largest one there is."""
        largest = max((file.stat().st_size for file in self._path.iterdir()), default=0)
        self._limit(largest)

    def free(self) -> None:
        """Set the limit back."""
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            _, hard = resource.prlimit(self._process(), resource.RLIMIT_FSIZE)
            resource.prlimit(self._process(), resource.RLIMIT_FSIZE, (size, hard))

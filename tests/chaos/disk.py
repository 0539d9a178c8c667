"""Disks that can be filled. With mounts, each data directory is a small file system of its own and is really full.

Mounts need a mount namespace: root has one for the asking, others where the kernel lets them make a user namespace.
Without one, the limit on the size of a process's files stands for the disk: writing fails as on a full disk, but only
where a file would grow.
"""

import contextlib
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

MARK: Final = "DISIO_CHAOS_MOUNTS"
"""Set for the process that runs in a mount namespace of its own."""
SIZE: Final = 256 * 1024 * 1024
_FILLER: Final = "filler"
_PROBE: Final = 'mount -t tmpfs -o size=1m none "$0"'


class Disk(Protocol):
    """Where a process keeps its data."""

    def fill(self) -> None:
        """Let nothing more be written."""

    def free(self) -> None:
        """Undo :meth:`fill`; idempotent."""


def enter_mount_namespace(folder: Path) -> bool:
    """Go on in a mount namespace of our own, if there can be one: this program then starts anew.

    Returns:
        Whether we are in one.

    Args:
        folder: an empty folder, to try a mount on.
    """
    if os.environ.get(MARK):
        return True
    unshare = shutil.which("unshare")
    if unshare is None:
        return False
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = [unshare, *as_root, "--mount", "--propagation", "private"]
    tried = subprocess.run([*command, "sh", "-c", _PROBE, str(folder)], check=False, capture_output=True)
    if tried.returncode == 0:
        os.environ[MARK] = "1"
        os.execv(unshare, [*command, *sys.orig_argv])
    return False


class Mounted:
    """A small file system of its own. It lasts as long as our mount namespace."""

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

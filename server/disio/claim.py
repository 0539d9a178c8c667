"""A data directory belongs to one process at a time."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from disio.errors import StoreError

_LOCK: Final = "lock"


def in_use(directory: Path) -> bool:
    """Whether a process has a directory to itself now."""
    try:
        descriptor = os.open(directory / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared, and given back at once: none that runs is disturbed.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def claimed(directory: Path, kind: str) -> Iterator[None]:
    """Have a directory to ourselves, making it if it is not there. The kernel gives it back when the process ends.

    Args:
        directory: the data directory.
        kind: what we are, for people: ``manager``, ``distributor``.

    Raises:
        StoreError: another process has it, or it cannot be written.
    """
    try:
        directory.mkdir(0o700, parents=True, exist_ok=True)  # results and keys in it are its owner's
        descriptor = os.open(directory / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"the data directory {directory} cannot be used ({error.strerror}); give another one with --data"
        ) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StoreError(
            f"another process is using the data directory {directory}; stop it, or give this {kind} "
            "its own directory with --data"
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)

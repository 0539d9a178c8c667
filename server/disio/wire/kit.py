"""A task's kit: what its interpreters need beside the unit's source. Packages, a snapshot, shared data.

A kit names files by their hashes; the files themselves lie with the task's manager. ``docs/packages.md``
tells how a kit is made and what its files look like.
"""

from collections.abc import Iterator
from typing import Annotated, Final

from msgspec import Meta, Struct

MAX_FILE_BYTES: Final = 1024**3
"""No file of a kit is larger."""
MAX_FILES: Final = 256
"""Packs of one kit, and shared data files of one kit."""

Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
FileSize = Annotated[int, Meta(ge=0, le=MAX_FILE_BYTES)]
DataName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")]
"""What ``ctx.data`` is asked for: letters, digits, ``_``, ``.`` and ``-``."""


class FileRef(Struct, frozen=True):
    """A file by its hash and its size in bytes."""

    sha256: Sha256
    size: FileSize


class Pack(Struct, frozen=True, kw_only=True):
    """One installed package as one file: see ``disio.bundle.packs``."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    version: Annotated[str, Meta(max_length=100)] = ""
    sha256: Sha256
    size: FileSize


class TaskSnapshot(Struct, frozen=True):
    """An interpreter's memory with packages already imported, for interpreters of exactly this bundle."""

    sha256: Sha256
    size: FileSize
    bundle: Sha256


class Kit(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a task needs beside its unit's source."""

    lock: FileRef | None = None
    """How the packages were resolved, in pyodide-lock's format."""
    packs: Annotated[list[Pack], Meta(max_length=MAX_FILES)] = []
    """The packages, those that others need first."""
    snapshot: TaskSnapshot | None = None
    data: Annotated[dict[DataName, FileRef], Meta(max_length=MAX_FILES)] = {}
    """Shared read-only files by the names that ``ctx.data`` knows them by."""
    module: Annotated[str, Meta(pattern=r"^([^\W\d]\w*(\.[^\W\d]\w*)*)?\Z", max_length=200)] = ""
    """The unit's dotted name, if it is a module of one of the packs."""

    def served(self) -> Iterator[FileRef | Pack | TaskSnapshot]:
        """The files that browsers fetch."""
        yield from self.packs
        if self.snapshot is not None:
            yield self.snapshot
        yield from self.data.values()

    def sizes(self) -> dict[str, int]:
        """The sizes of all files by hash, the lock included."""
        sizes = {file.sha256: file.size for file in self.served()}
        if self.lock is not None:
            sizes[self.lock.sha256] = self.lock.size
        return sizes

    @property
    def empty(self) -> bool:
        """Whether the unit needs nothing but its source."""
        return self == Kit()

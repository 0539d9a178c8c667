"""What a task needs beside its unit's source, put together on the researcher's machine: see ``docs/packages.md``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Final

from disio.errors import UsageError
from disio.filestore import digest_of
from disio.wire.kit import MAX_FILE_BYTES, FileRef, Kit

_DATA_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

DataFiles = Mapping[str, str | PathLike[str]]
"""Paths of shared data by the names that ``ctx.data`` will know them by."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A kit, and where its files lie on this machine, by sha256."""

    kit: Kit
    files: dict[str, Path] = field(default_factory=dict)


def prepare(data: DataFiles | None = None) -> Prepared:
    """Put together what a task needs.

    Raises:
        UsageError: a file of shared data cannot be read, is too large, or has a name that cannot be asked for.
    """
    shared: dict[str, FileRef] = {}
    files: dict[str, Path] = {}
    for name, path in data_paths(data).items():
        with path.open("rb") as file:
            sha256 = digest_of(file)
        shared[name] = FileRef(sha256, path.stat().st_size)
        files[sha256] = path
    return Prepared(Kit(data=shared), files)


def data_paths(data: DataFiles | None) -> dict[str, Path]:
    """The files of shared data, looked at.

    Raises:
        UsageError: one cannot be read, is too large, or has a name that cannot be asked for.
    """
    paths = {}
    for name, given in (data or {}).items():
        path = Path(given).absolute()
        if not _DATA_NAME.fullmatch(name):
            raise UsageError(f"{name!r} is no name for shared data; use letters, digits, _, . and -")
        try:
            with path.open("rb"):
                size = path.stat().st_size
        except OSError as error:
            raise UsageError(f"the shared data {name} cannot be read from {path}: {error.strerror}") from None
        if size > MAX_FILE_BYTES:
            raise UsageError(f"{path} has {size:,} bytes; shared data may have {MAX_FILE_BYTES:,} bytes in one file")
        paths[name] = path
    return paths

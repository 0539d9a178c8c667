"""From a copy of results to the file that was asked for."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Final

from disio.client.export.copy import Copy
from disio.errors import UsageError

FORMATS: Final = ("sqlite", "parquet", "npy", "npz")
_WRITERS: Final = {
    "parquet": ("disio.client.export.parquet:write", "pyarrow", "disio[parquet]"),
    "npy": ("disio.client.export.arrays:write_npy", "numpy", "numpy"),
    "npz": ("disio.client.export.arrays:write_npz", "numpy", "numpy"),
}


def writer_of(kind: str) -> Callable[[Copy, Path], None]:
    """What writes a format.

    Raises:
        UsageError: the package that it needs is not installed.
    """
    where, package, install = _WRITERS[kind]
    module, _, name = where.partition(":")
    try:
        writer: Callable[[Copy, Path], None] = getattr(import_module(module), name)
    except ImportError:
        raise UsageError(f"--format {kind} needs {package}: pip install '{install}'") from None
    return writer


def export(copy: Copy, kind: str, target: Path) -> None:
    """Write a copy as a file of another format; the file is there whole, or not at all.

    Raises:
        UnfitError: the results do not fit the format.
        UsageError: the file cannot be written.
    """
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        writer_of(kind)(copy, unfinished)
        unfinished.replace(target)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)

"""From a copy of results to the file that was asked for."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from disio.client.export.copy import Copy
from disio.errors import UsageError

FORMATS: Final = ("sqlite", "parquet", "npy", "npz")
_PARTS: Final = {
    "parquet": ("disio.client.export.parquet", "pyarrow", "disio[parquet]"),
    "npy": ("disio.client.export.arrays", "numpy", "numpy"),
    "npz": ("disio.client.export.arrays", "numpy", "numpy"),
}


def writer_of(kind: str) -> Callable[[Copy, Path], None]:
    """What writes a format.

    Raises:
        UsageError: the package that it needs is not installed.
    """
    writer: Callable[[Copy, Path], None] = _part(kind, "write" if kind == "parquet" else f"write_{kind}")
    return writer


def last_row(kind: str, path: Path) -> tuple[int, int] | None:
    """The last row of a file: its index and when it was accepted; None if it has none, or the format keeps neither.

    Raises:
        UsageError: it is no file of results in this format, or the package that it needs is not installed.
    """
    read: Callable[[Path], tuple[int, int] | None] = _part(kind, "last" if kind == "parquet" else f"last_{kind}")
    try:
        return read(path)
    except Exception as error:  # what the libraries raise for the bytes of another format is of many kinds
        told = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
        raise UsageError(f"{path} is no file of results in {kind}{told}; name another with -o") from None


def _part(kind: str, name: str) -> Any:
    module, package, install = _PARTS[kind]
    try:
        return getattr(import_module(module), name)
    except ImportError:
        raise UsageError(f"--format {kind} needs {package}: pip install '{install}'") from None


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

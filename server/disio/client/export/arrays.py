"""Results as NumPy files: one array of all of them, written piece by piece."""

import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from disio.client.export.copy import Copy, Row
from disio.client.export.fitting import UnfitError


def write_npy(copy: Copy, path: Path) -> None:
    """One array: its first axis is the results in order of index.

    Raises:
        UnfitError: the results are neither numbers nor text nor arrays of one shape.
    """
    _fill(copy, path, _Column("result"))


def write_npz(copy: Copy, path: Path) -> None:
    """Several arrays: ``index``, ``result``, ``payload`` (where it fits), ``ms``, ``settled``, ``votes``.

    Of results and payloads that are dicts there is an array for each name.

    Raises:
        UnfitError: the results are neither numbers nor text nor arrays of one shape, or dicts of such.
    """
    first = next(iter(copy), None)
    columns = [_Column("index"), *_named("result", first), *_named("payload", first)]
    columns += [_Column("ms"), _Column("settled"), _Column("votes")]
    with (
        tempfile.TemporaryDirectory(dir=path.parent, prefix=".disio-") as folder,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for column in columns:
            file = Path(folder) / "array.npy"
            try:
                _fill(copy, file, column)
            except UnfitError:
                if column.of != "payload":
                    raise
                continue
            archive.write(file, f"{column.label}.npy")
            file.unlink()


def last_npy(path: Path) -> None:
    """See that it is an array; it does not tell whose.

    Raises:
        ValueError: it is no array.
    """
    np.load(path, mmap_mode="r")


def last_npz(path: Path) -> tuple[int, int] | None:
    """Index and ``settled`` of the last result; None if there is none.

    Raises:
        ValueError, KeyError, zipfile.BadZipFile: it is no file of results.
    """
    with zipfile.ZipFile(path) as archive:
        ends = []
        for name in ("index", "settled"):
            with archive.open(f"{name}.npy") as file:
                ends.append(np.lib.format.read_array(file)[-1:].tolist())
    return (ends[0][0], ends[1][0]) if ends[0] else None


class _Column:
    """What of each result stands in an array: an attribute, or one name of a dict that is one."""

    def __init__(self, of: str, name: str | None = None) -> None:
        self.of = of
        self.name = name

    @property
    def label(self) -> str:
        if self.name is None:
            return self.of
        return self.name if self.of == "result" else f"payload.{self.name}"

    def take(self, row: Row) -> Any:
        value = getattr(row, self.of)
        if self.name is not None:
            if not isinstance(value, dict) or self.name not in value:
                raise UnfitError(f"the {self.of} of payload {row.index} has no {self.name}, as the first one has")
            value = value[self.name]
        array = np.asarray(value)
        text = array.dtype.kind == "U" and isinstance(value, str | np.ndarray)
        if array.dtype.kind not in "biufcmM" and not text:
            raise UnfitError(
                f"the {self.of} of payload {row.index} is neither number nor text nor an array ({str(value)[:60]}); "
                "take --format parquet, sqlite or ndjson"
            )
        return array


def _named(of: str, first: Row | None) -> list[_Column]:
    value = None if first is None else getattr(first, of)
    if isinstance(value, dict) and value and all(isinstance(name, str) for name in value):
        return [_Column(of, name) for name in value]
    return [_Column(of)]


def _fill(copy: Copy, path: Path, column: _Column) -> None:
    kind: Any = None
    shape: tuple[int, ...] = ()
    count = 0
    for row in copy:
        array = column.take(row)
        if kind is not None and array.shape != shape:
            raise UnfitError(
                f"the {column.of} of payload {row.index} has the shape {array.shape}, others have {shape}; "
                "take --format parquet, sqlite or ndjson"
            )
        if kind is not None and (array.dtype.kind == "U") is not (kind.kind == "U"):
            raise UnfitError(
                f"the {column.of} of payload {row.index} is a {array.dtype}, others are {kind}: text and numbers make "
                "no array; take --format parquet, sqlite or ndjson"
            )
        shape = array.shape
        kind = array.dtype if kind is None else np.result_type(kind, array.dtype)
        count += 1
    if kind is None or not count:
        with path.open("wb") as file:
            np.save(file, np.empty((0,), kind or float))
        return
    whole = np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=(count, *shape))
    for place, row in enumerate(copy):
        whole[place] = column.take(row)
    whole.flush()

"""Results as Parquet: typed columns where all values are of one type, else JSON text."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from disio.client.export.copy import Copy, Row

ROWS: Final = 10_000
_FIXED: Final = (
    ("index", pa.int64()),
    ("payload", None),
    ("result", None),
    ("ms", pa.float64()),
    ("volunteer", pa.string()),
    ("settled", pa.timestamp("us", tz="UTC")),
    ("votes", pa.int32()),
    ("log", pa.string()),
)


def write(copy: Copy, path: Path) -> None:
    """Write a copy as Parquet, in row groups; the values' types are found out first."""
    kinds = {"payload": _kind(copy, lambda row: row.payload), "result": _kind(copy, lambda row: row.result)}
    schema = pa.schema([(name, fixed or kinds.get(name) or pa.string()) for name, fixed in _FIXED])
    with pq.ParquetWriter(path, schema) as writer:
        for rows in copy.batches(ROWS):
            columns: dict[str, list[Any]] = {name: [getattr(row, name) for row in rows] for name, _ in _FIXED}
            for name in ("payload", "result"):
                if kinds[name] is None:
                    columns[name] = [getattr(row, f"{name}_text") for row in rows]
            writer.write_table(pa.table(columns, schema))


def last(path: Path) -> tuple[int, int] | None:
    """Index and ``settled`` of the last row of a file of results; None if it has no rows.

    Raises:
        ValueError: it is no such file.
    """
    with pq.ParquetFile(path) as file:
        if file.schema_arrow.names != [name for name, _ in _FIXED]:
            raise ValueError("other columns")
        if not file.metadata.num_rows:
            return None
        rows = file.read_row_group(file.num_row_groups - 1, columns=["index", "settled"])
        return rows["index"][-1].as_py(), rows["settled"][-1].value


def _kind(copy: Copy, value: Callable[[Row], Any]) -> pa.DataType | None:
    """The type of a column of values; None if they have none in common that keeps them as they are."""
    kind: pa.DataType | None = None
    try:
        for rows in copy.batches(ROWS):
            values = [value(row) for row in rows]
            found = pa.infer_type(values)
            kind = (
                found
                if kind is None
                else pa.unify_schemas([pa.schema([("v", kind)]), pa.schema([("v", found)])]).field(0).type
            )
            if pa.array(values, kind).to_pylist() != values:
                return None
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return None
    return kind

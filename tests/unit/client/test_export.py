"""Results as files: SQLite, Parquet, NumPy; from a copy of exact results."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from disio.client.export import Copy, export
from disio.errors import UsageError
from disio.unit import codec
from disio.wire import api


def lines(result: Callable[[int], Any], count: int = 25, first: int = 0) -> Iterator[api.ResultLine]:
    """Results as a dashboard sends them; every seventh payload has failed."""
    for index in range(first, count):
        if index % 7 == 3:
            continue
        payload, value = codec.encode({"n": index}), codec.encode(result(index))
        yield api.ResultLine(
            index=index,
            payload=codec.to_jsonable(payload),
            result=codec.to_jsonable(value),
            encoded=api.to_base64(value),
            payload_encoded=api.to_base64(payload),
            ms=index / 2,
            volunteer="v",
            settled=1_700_000_000_000_000 + index,
            votes=2,
        )


INDEXES = [index for index in range(25) if index % 7 != 3]


def exported(tmp_path: Path, kind: str, result: Callable[[int], Any]) -> Path:
    """A file of results."""
    target = tmp_path / f"results.{kind}"
    with Copy(tmp_path / "copy.sqlite", "mgr-1") as copy:
        copy.add(lines(result))
        export(copy, kind, target)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    return target


def test_a_copy_goes_on_where_it_was(tmp_path: Path) -> None:
    """What is there is kept, over several visits; it may be asked with SQL, and has the exact values."""
    path = tmp_path / "copy.sqlite"
    with Copy(path, "mgr-1") as copy:
        copy.add(lines(lambda n: (n, 2j), count=10))
        assert [copy.sound(after) for after in (-1, 3, 12)] == [(2, 6), (9, 0), (12, 0)]
    with Copy(path, "mgr-1") as copy:
        copy.add(lines(lambda n: (n, 2j), first=8))
        copy.finish()
        assert [row.index for row in copy] == INDEXES
        assert next(iter(copy)).result == (0, 2j)
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT sum(payload ->> 'n'), min(votes) FROM results WHERE idx >= 20").fetchone()
        assert found == (20 + 21 + 22 + 23, 2)
    with pytest.raises(UsageError, match="has results of task mgr-1"):
        Copy(path, "mgr-2")
    (tmp_path / "diary.txt").write_text("my diary" * 1000)
    with pytest.raises(UsageError, match="cannot be used for results"):
        Copy(tmp_path / "diary.txt", "mgr-1")


def test_npy_is_one_array(tmp_path: Path) -> None:
    """Numbers give one axis, arrays more; ints and floats together give floats."""
    target = exported(tmp_path, "npy", lambda n: n if n < 20 else n / 2)
    assert np.load(target).tolist() == [float(n) if n < 20 else n / 2 for n in INDEXES]
    (tmp_path / "copy.sqlite").unlink()
    target = exported(tmp_path, "npy", lambda n: np.full((2, 3), n, dtype=np.int16))
    array = np.load(target, mmap_mode="r")
    assert (array.shape, array.dtype) == ((len(INDEXES), 2, 3), np.int16)
    assert array[:, 1, 2].tolist() == INDEXES


def test_npz_has_an_array_for_each_name(tmp_path: Path) -> None:
    """Dicts of numbers become arrays by name, beside index, payload and times."""
    with np.load(exported(tmp_path, "npz", lambda n: {"x": n, "y": [n, -n]})) as arrays:
        assert arrays["index"].tolist() == arrays["payload.n"].tolist() == arrays["x"].tolist() == INDEXES
        assert arrays["y"].tolist() == [[n, -n] for n in INDEXES]
        assert set(arrays["votes"].tolist()) == {2}
    (tmp_path / "copy.sqlite").unlink()
    with np.load(exported(tmp_path, "npz", lambda n: "x" * n)) as arrays:
        assert arrays["result"].tolist() == ["x" * n for n in INDEXES]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (lambda n: b"bytes", "is neither number nor text"),
        (lambda n: ["text", n], "is neither number nor text"),
        (lambda n: n if n < 20 else "text", "text and numbers make no"),
        (lambda n: [0] * (1 + n // 10), "has the shape"),
        (lambda n: {"x": 1} if n < 9 else {"y": 1}, None),
    ],
)
def test_what_is_no_array_is_refused(tmp_path: Path, result: Callable[[int], Any], reason: str | None) -> None:
    """The error names the payload and another format; no file is left half written."""
    with pytest.raises(UsageError, match=reason or "is neither number nor text"):
        exported(tmp_path, "npy", result)
    assert not (tmp_path / "results.npy").exists()


def test_parquet_has_typed_columns(tmp_path: Path) -> None:
    """Values of one type are columns of that type; where they are not, the column is JSON text."""
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (an extra)")
    table = pq.read_table(exported(tmp_path, "parquet", lambda n: n / 4)).to_pydict()
    assert table["index"] == INDEXES
    assert table["result"] == [n / 4 for n in INDEXES]
    assert table["payload"] == [{"n": n} for n in INDEXES]
    assert table["settled"][1].microsecond == 1
    (tmp_path / "copy.sqlite").unlink()
    table = pq.read_table(exported(tmp_path, "parquet", lambda n: "x" if n < 9 else [n])).to_pydict()
    assert [json.loads(text) for text in table["result"]] == ["x" if n < 9 else [n] for n in INDEXES]

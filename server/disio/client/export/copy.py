"""A copy of a task's results in an SQLite file: one of the formats, and what all the others are made of."""

import sqlite3
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self

import aiosql
import msgspec

from disio.errors import UsageError
from disio.unit import codec
from disio.wire import api

BATCH: Final = 1000
_queries: Any = aiosql.from_path(Path(__file__).parent / "queries.sql", "sqlite3")


@dataclass(frozen=True, slots=True)
class Row:
    """One result of a copy; payload and result in codec bytes and as JSON text."""

    index: int
    payload_text: str
    result_text: str
    ms: float
    volunteer: str
    settled: int
    votes: int
    log: str
    payload_data: bytes = field(repr=False)
    result_data: bytes = field(repr=False)

    @property
    def payload(self) -> Any:
        """The payload's exact value."""
        return codec.decode(self.payload_data)

    @property
    def result(self) -> Any:
        """The result's exact value."""
        return codec.decode(self.result_data)


class Copy:
    """Results of one task in an SQLite file; use as a context manager. What is in the file already is kept.

    Raises:
        UsageError: the file is another one, of another task, or cannot be written.
    """

    def __init__(self, path: Path, task: str) -> None:
        self.path = path
        try:
            self._connection = sqlite3.connect(path)
            if _queries.is_another(self._connection):
                self._connection.close()
                raise UsageError(f"{path} is a database of something else; name another file")
            _queries.make_copy(self._connection)
            whose = _queries.get_task(self._connection)
            if whose is None:
                with self._connection:
                    _queries.set_task(self._connection, task=task)
        except sqlite3.Error as error:
            raise UsageError(f"{path} cannot be used for results: {error}") from None
        if whose not in (None, task):
            self._connection.close()
            raise UsageError(f"{path} has results of task {whose}; name another file, or remove it")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def __len__(self) -> int:
        count: int = _queries.count_results(self._connection)
        return count

    def sound(self, after: int, failed: Container[int] = ()) -> tuple[int, int]:
        """The index from ``after`` on up to which no result is missing, and how many come after it.

        Answers are not accepted in the order of payloads: others before the last one may have come since.

        Args:
            after: the index after which the copy begins.
            failed: payloads that have no result.
        """
        index: int | None = after
        while index is not None:
            sound = index
            while sound + 1 in failed:
                sound += 1
            index = _queries.get_run(self._connection, first=sound + 1)
        return sound, _queries.count_beyond(self._connection, index=sound)

    def add(self, lines: Iterable[api.ResultLine]) -> None:
        """Copy results, in groups: an interruption costs one group at most.

        Raises:
            UsageError: the disk is full.
        """
        try:
            lines = iter(lines)
            while batch := [_row(line) for line in islice(lines, BATCH)]:
                with self._connection:
                    _queries.add_results(self._connection, batch)
        except sqlite3.OperationalError as error:
            raise UsageError(f"{self.path} cannot be written: {error}; make room and go on with --resume") from None

    def finish(self) -> None:
        """Say that everything is here."""
        with self._connection:
            _queries.set_complete(self._connection)

    def __iter__(self) -> Iterator[Row]:
        """All results in order of index, read as they are asked for."""
        for row in _queries.get_results(self._connection):
            yield Row(*row)

    def batches(self, size: int) -> Iterator[list[Row]]:
        """All results in order of index, so many at a time."""
        rows = iter(self)
        while batch := list(islice(rows, size)):
            yield batch


def _row(line: api.ResultLine) -> tuple[Any, ...]:
    return (
        line.index,
        msgspec.json.encode(line.payload).decode(),
        msgspec.json.encode(line.result).decode(),
        line.ms,
        line.volunteer,
        line.settled,
        line.votes,
        line.log,
        api.from_base64(line.payload_encoded),
        api.from_base64(line.encoded),
    )

"""Going on with a file of results: where its last whole row ends, and whether it is this task's."""

import csv
import io
import sys
from collections.abc import Callable, Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from disio.client import Client
from disio.client.export import last_row
from disio.errors import UsageError

_CSV_IDENTITY: Final = ("index", "payload", "result", "settled")


class Row(msgspec.Struct, frozen=True):
    """What makes a row of a file of results one of its task."""

    index: int
    payload_encoded: str
    encoded: str
    settled: int


@dataclass(frozen=True, slots=True)
class Found:
    """What a file of results holds.

    Answers are not accepted in the order of payloads: some may have come since of payloads before the file's last one.
    """

    end: int
    """Bytes up to the end of the last whole row."""
    row: Row | None
    """That row."""
    sound_end: int
    """Bytes up to the end of the rows before which none is missing, the heading of CSV too; 0: there are none."""
    sound: int
    """The index up to which none is missing."""
    beyond: int
    """Rows after it."""


class _Index(msgspec.Struct, frozen=True):
    index: int


def find_end(client: Client, task: str, target: Path, kind: str, *, after: int) -> Found:
    """Where a file of text can be gone on with; what was cut off after its last whole row is taken away.

    Args:
        client: the task's rows are fetched by it, to compare.
        task: whose results the file must hold.
        target: the file.
        kind: ``ndjson`` or ``csv``.
        after: the index after which the file begins.

    Raises:
        UsageError: it is no file of results in this format, or of another task; the file is as it was.
    """
    try:
        with target.open("r+b") as file:
            try:
                found = _find(file, kind, after)
            except (ValueError, LookupError, TypeError, csv.Error, msgspec.DecodeError):
                raise UsageError(f"{target} is no file of results in {kind}; name another with -o") from None
            row = found.row
            since = after if row is None else row.index - 1
            same = b"".join(client.stream(task, "results", format=kind, after=since, limit=1))
            if row is None:
                file.seek(0)
                if not same.startswith(file.read(len(same) + 1)):
                    raise UsageError(f"{target} is no beginning of the task's results in {kind}; name another with -o")
            elif _find(io.BytesIO(same), kind, after).row != row:
                raise not_its_own(target, task, row.index)
            if found.beyond:
                file.seek(0)
                found = _find(file, kind, after, failed_of(client, task))
            file.truncate(found.end)
    except OSError as error:
        raise UsageError(f"{target} cannot be gone on with: {error.strerror}") from None
    return found


def check_whole(client: Client, task: str, target: Path, kind: str) -> None:
    """See that a whole file, which is going to be replaced by one with more results, is this task's.

    Raises:
        UsageError: it is no such file, or of another task, as far as the format can tell.
    """
    found = last_row(kind, target)
    if found is None:
        return
    index, settled = found
    same = next(client.result_lines(task, after=index - 1, limit=1), None)
    if same is None or (same.index, same.settled) != (index, settled):
        raise not_its_own(target, task, index)


def not_its_own(target: Path, task: str, index: int) -> UsageError:
    """The error for a file that has another result for a payload than its task."""
    return UsageError(
        f"{target} holds another result for payload {index} than task {task} has: it is another task's, or an answer "
        "was withdrawn since; name another file with -o, or write this one anew without --resume"
    )


def failed_of(client: Client, task: str) -> frozenset[int]:
    """The payloads of which no result is missing, as they have failed."""
    return frozenset(failure.index for failure in client.failures(task))


def _find(file: BinaryIO, kind: str, after: int, failed: Container[int] = ()) -> Found:
    rows = _rows_of_csv(file) if kind == "csv" else _rows_of_lines(file)
    end = sound_end = beyond = 0
    sound, read = after, None
    for end, index, read in rows:  # noqa: B007 - those of the last one are told
        while beyond == 0 and sound + 1 in failed:
            sound += 1
        if beyond == 0 and index <= sound + 1:
            sound, sound_end = max(sound, index), end
        else:
            beyond += 1
    return Found(end, None if read is None else read(), sound_end, sound, beyond)


def _rows_of_lines(file: BinaryIO) -> Iterator[tuple[int, int, Callable[[], Row]]]:
    """NDJSON, a row in each line: where it ends, its index, and what reads the whole of it."""
    end = 0
    for line in file:
        if not line.endswith(b"\n"):
            return
        end += len(line)
        yield end, msgspec.json.decode(line, type=_Index).index, partial(msgspec.json.decode, line, type=Row)


def _rows_of_csv(file: BinaryIO) -> Iterator[tuple[int, int, Callable[[], Row]]]:
    """The same of CSV, whose cells may have lines."""
    position = 0

    def lines() -> Iterator[str]:
        nonlocal position
        for line in file:
            position += len(line)
            if line.endswith(b"\n"):
                yield line.decode()

    csv.field_size_limit(sys.maxsize)  # a row that is not understood would be taken for one that was cut off
    rows = csv.reader(lines(), strict=True)
    heading = next(rows, [])
    with suppress(csv.Error):  # cut off in the middle of a cell
        for row in rows:
            if len(row) == len(heading):
                yield position, int(row[heading.index("index")]), partial(_row_of_cells, heading, row)


def _row_of_cells(heading: list[str], row: list[str]) -> Row:
    index, payload, result, settled = (row[heading.index(name)] for name in _CSV_IDENTITY)
    return Row(int(index), payload, result, int(settled))

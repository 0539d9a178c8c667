"""Going on with a file of results: where its last whole row ends, and whether it is this task's."""

import csv
import io
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from disio.client import Client
from disio.client.export import last_row
from disio.errors import UsageError

TAIL_BYTES: Final = 1024 * 1024
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
    """The index in the last one of those."""
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
    find = _find_in_csv if kind == "csv" else _find_in_lines
    try:
        with target.open("r+b") as file:
            try:
                found = find(file, after)
            except (ValueError, LookupError, TypeError, csv.Error, msgspec.DecodeError):
                raise UsageError(f"{target} is no file of results in {kind}; name another with -o") from None
            row = found.row
            since = after if row is None else row.index - 1
            same = b"".join(client.stream(task, "results", format=kind, after=since, limit=1))
            if row is None:
                file.seek(0)
                if not same.startswith(file.read(len(same) + 1)):
                    raise UsageError(f"{target} is no beginning of the task's results in {kind}; name another with -o")
            elif find(io.BytesIO(same), after).row != row:
                raise not_its_own(target, task, row.index)
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


def last_line(file: BinaryIO) -> tuple[int, bytes, bytes]:
    """Where the last whole line of a file ends, that line (empty: there is none), and what follows it."""
    size = file.seek(0, io.SEEK_END)
    tail = b""
    while size and tail.count(b"\n") < 2:
        step = min(size, TAIL_BYTES)
        size = file.seek(size - step)
        tail = file.read(step) + tail
    end = tail.rfind(b"\n") + 1
    lines = tail[:end].splitlines()
    return size + end, lines[-1] if lines else b"", tail[end:]


def _find_in_lines(file: BinaryIO, after: int) -> Found:
    """What NDJSON holds, a row in each line."""
    end = sound_end = beyond = 0
    sound, last = after, b""
    for line in file:
        if not line.endswith(b"\n"):
            break
        end, last = end + len(line), line
        if beyond == 0 and msgspec.json.decode(line, type=_Index).index == sound + 1:
            sound_end, sound = end, sound + 1
        else:
            beyond += 1
    return Found(end, msgspec.json.decode(last, type=Row) if last else None, sound_end, sound, beyond)


def _find_in_csv(file: BinaryIO, after: int) -> Found:
    """What CSV holds, whose cells may have lines."""
    end = position = sound_end = beyond = 0
    sound = after
    found: list[str] | None = None

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
            if len(row) != len(heading):
                continue
            end, found = position, row
            if beyond == 0 and int(row[heading.index("index")]) == sound + 1:
                sound_end, sound = end, sound + 1
            else:
                beyond += 1
    if found is None:
        return Found(end, None, 0, after, 0)
    index, payload, result, settled = (found[heading.index(name)] for name in _CSV_IDENTITY)
    return Found(end, Row(int(index), payload, result, int(settled)), sound_end, sound, beyond)

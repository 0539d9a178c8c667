"""The file, or stream, of results that ``disio map`` writes: its lines, where it ends, whose it is."""

import contextlib
import io
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from disio.cli.resuming import not_its_own
from disio.client import Client, Task
from disio.client.streams import By
from disio.errors import DisioError, UsageError
from disio.unit import codec
from disio.wire.api import encode, from_base64
from disio.wire.grid import OutcomeView

TAIL_BYTES: Final = 1024 * 1024
LINE_BEGIN: Final = b'{"index":'


class Place(msgspec.Struct):
    """What a line of results says of where it stands."""

    index: int
    settled: int = -1
    result: msgspec.Raw = msgspec.Raw()


class Seen(msgspec.Struct):
    """What a task has of a payload that is in a file."""

    index: int
    encoded: str = ""


def line_of(seen: OutcomeView, by: By, *, bare: bool) -> bytes:
    """One line: what ``run`` returned, or why it failed, and where it stands unless it is to be bare."""
    result = codec.to_jsonable(seen.data) if seen.accepted else None
    if bare:
        return encode(result) + b"\n"
    line: dict[str, Any] = {"index": seen.index}
    if by == "settled":
        line["settled"] = seen.settled
    if seen.accepted:
        line["result"] = result
    else:
        told = msgspec.json.decode(seen.data)
        line["failure"] = {"kind": told["kind"], "message": told["message"]}
    return encode(line) + b"\n"


def find_end(client: Client, task: Task, target: Path | None, by: By, *, bare: bool) -> int:
    """Where the task's file of results ends, if it is not bare; a line that was cut off is taken away.

    Raises:
        UsageError: it is no such file, or of another task; it is as it was.
    """
    if target is None or not target.is_file():
        return -1
    try:
        with target.open("r+b") as file:
            end, line, rest = _last_line(file)
            place = None if bare else _place(client, task, target, by, line=line, rest=rest)
            file.truncate(end)
    except OSError as error:
        raise UsageError(f"{target} cannot be gone on with: {error.strerror}") from None
    if place is None:
        return -1
    return place.index if by == "index" else place.settled


def _last_line(file: BinaryIO) -> tuple[int, bytes, bytes]:
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


def _place(client: Client, task: Task, target: Path, by: By, *, line: bytes, rest: bytes) -> Place | None:
    """What the last whole line tells, if there is one and it is this task's."""
    try:
        place = msgspec.json.decode(line, type=Place) if line else None
    except msgspec.DecodeError:
        place = Place(-1)
    begun = rest[: len(LINE_BEGIN)] == LINE_BEGIN[: len(rest)]
    if (place is None and not begun) or (place is not None and place.index < 0):
        raise UsageError(f"{target} is no file of results of `disio map`; name another with -o")
    if place is None:
        return None
    if by == "settled" and place.settled < 0:
        raise UsageError(f"the results in {target} are in input order; go on with them without --unordered")
    what = "results" if place.result else "failures"
    same = b"".join(client.stream(task.id, what, after=place.index - 1, limit=1))
    seen = msgspec.json.decode(same, type=Seen) if same else Seen(-1)
    result = encode(codec.to_jsonable(from_base64(seen.encoded))) if seen.encoded else b""
    if (seen.index, result) != (place.index, bytes(place.result)):
        raise not_its_own(target, task.id, place.index)
    return place


@contextlib.contextmanager
def opened(target: Path | None) -> Iterator[BinaryIO]:
    """The file to write to, at its end; nothing is left of one that is new and for which no task comes to be."""
    if target is None:
        yield sys.stdout.buffer
        return
    new = not target.exists()
    try:
        with target.open("ab") as file:
            yield file
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from None
    except DisioError:
        if new and target.is_file() and not target.stat().st_size:
            target.unlink()
        raise


def empty(file: BinaryIO) -> None:
    """Take away what a file had before; pipes and devices have nothing."""
    if file is not sys.stdout.buffer and stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.truncate(0)

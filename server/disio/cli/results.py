"""``disio results``."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal

import msgspec
import typer

from disio.cli import output
from disio.cli.commands import JsonOption, UrlOption
from disio.cli.resuming import check_whole, failed_of, find_end
from disio.cli.tasks import TaskArgument
from disio.cli.votes import show_votes
from disio.client import Client
from disio.client.export import FORMATS, Copy, UnfitError, export
from disio.client.export.formats import writer_of
from disio.errors import UsageError
from disio.figures import counted
from disio.unit import codec
from disio.wire.api import MAX_INTEGER

PIECE_BYTES: Final = 1024 * 1024
Format = Literal["ndjson", "csv", "sqlite", "parquet", "npy", "npz"]


def results(
    *,
    task: TaskArgument,
    format: Annotated[  # noqa: A002 - the option's name
        Format, typer.Option(help="One JSON object a line, CSV; or files: SQLite, Parquet, NumPy arrays.")
    ] = "ndjson",
    failures: Annotated[bool, typer.Option("--failures", help="Payloads that failed, with tracebacks.")] = False,
    answer: Annotated[bool, typer.Option("--answer", help="What the unit's reduce returned.")] = False,
    why: Annotated[
        int | None,
        typer.Option(
            "--why",
            metavar="INDEX",
            help="Every vote for a payload, and why it is accepted or not.",
            min=0,
        ),
    ] = None,
    as_json: JsonOption = False,
    after: Annotated[int, typer.Option(help="Only what comes after this index.", min=-1)] = -1,
    limit: Annotated[int | None, typer.Option(help="At most so many.", min=1, show_default="all")] = None,
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write.", show_default="standard output")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a file that is not whole, or add what has come since.")
    ] = False,
    url: UrlOption = None,
) -> None:
    """Write a task's results, failures or answer.

    Examples:
      disio results m4n8gr-1 > results.ndjson
      disio results m4n8gr-1 --format csv -o results.csv --resume
      disio results m4n8gr-1 --format parquet -o results.parquet
      disio results m4n8gr-1 --failures
      disio results m4n8gr-1 --answer -o picture.png
      disio results m4n8gr-1 --why 17
    """
    _check_options(failures, answer, why, format=format, resume=resume)
    target = None if target == Path("-") else target
    if (resume or format in FORMATS) and target is None:
        raise UsageError("name the file with -o: --resume and the formats sqlite, parquet, npy and npz need one")
    after = min(after, MAX_INTEGER)
    limit = None if limit is None else min(limit, MAX_INTEGER)
    with Client(url) as client:
        if why is not None:
            show_votes(client.votes(task, why), as_json=as_json)
        elif answer:
            value = client.answer(task)
            seen = client.task(task)
            write_chunks([printable(value, to_terminal=target is None and sys.stdout.isatty())], target)
            if seen.failed:
                output.err.print(
                    f"[yellow]{seen.failed:,} of {counted(seen.payloads, 'payload')} failed;[/] "
                    f"the answer is made of the others (disio explain {task})"
                )
        elif failures:
            write_chunks(client.stream(task, "failures", after=after, limit=limit), target)
        elif target is not None and format in FORMATS:
            _write_file(client, task, format, target, after=after, limit=limit, resume=resume)
        else:
            _write_text(client, task, format, target, after=after, limit=limit, resume=resume)


def _check_options(
    failures: bool,
    answer: bool,
    why: int | None,
    *,
    format: str,  # noqa: A002 - the option's name
    resume: bool,
) -> None:
    others = failures + answer + (why is not None)
    if others > 1:
        raise UsageError("choose one of --failures, --answer and --why")
    if format != "ndjson" and others:
        raise UsageError(f"--format {format} is for results; failures, answers and votes come as JSON")
    if resume and others:
        raise UsageError("--resume is for results; failures, answers and votes are written anew each time")
    if why is not None and why > MAX_INTEGER:
        raise UsageError(f"no task has a payload {why}; --why takes the index of one")


def _write_text(
    client: Client, task: str, kind: str, target: Path | None, *, after: int, limit: int | None, resume: bool
) -> None:
    """Write lines or CSV, or go on with them.

    A file in which rows before its last one may be missing is made anew beside it, from the first of those on: an
    interruption loses nothing of it.
    """
    if not resume or target is None or not target.exists():
        return write_chunks(client.stream(task, "results", format=kind, after=after, limit=limit), target)
    found = find_end(client, task, target, kind, after=after)
    chunks = client.stream(task, "results", format=kind, after=found.sound, limit=_beside(limit, found.beyond))
    if found.sound_end and kind == "csv":
        chunks = _without_head(chunks)
    if not found.beyond:
        return write_chunks(chunks, target, append=found.sound_end > 0)
    place = target.with_name(f"{target.name}.partial")
    try:
        with target.open("rb") as file:
            write_chunks(chain(_first_bytes(file, found.sound_end), chunks), place)
        place.replace(target)
    finally:
        place.unlink(missing_ok=True)
    return None


def _beside(limit: int | None, beyond: int) -> int | None:
    """The limit for a stream in which so many come again that are there."""
    return None if limit is None else min(limit + beyond, MAX_INTEGER)


def _first_bytes(file: BinaryIO, count: int) -> Iterator[bytes]:
    """So many bytes of a file, in pieces."""
    while count and (piece := file.read(min(count, PIECE_BYTES))):
        count -= len(piece)
        yield piece


def _write_file(
    client: Client, task: str, kind: str, target: Path, *, after: int, limit: int | None, resume: bool
) -> None:
    """Copy results beside the file, then make the file of the copy: an interruption loses nothing of it."""
    if kind != "sqlite":
        writer_of(kind)
    place = target if kind == "sqlite" else target.with_name(f"{target.name}.partial")
    if not resume:
        place.unlink(missing_ok=True)
    elif kind != "sqlite" and target.exists():
        check_whole(client, task, target, kind)
    with Copy(place, task) as copy:
        sound, beyond = copy.sound(after)
        if beyond:
            sound, beyond = copy.sound(after, failed_of(client, task))
        copy.add(client.result_lines(task, after=sound, limit=_beside(limit, beyond)))
        if kind != "sqlite":
            try:
                export(copy, kind, target)
            except UnfitError:
                place.unlink()
                raise
        copy.finish()
        count = len(copy)
    if kind != "sqlite":
        place.unlink(missing_ok=True)
    output.err.print(f"[dim]{counted(count, 'result')} in {target}[/]")


def _without_head(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A stream of CSV without its first line."""
    head = True
    for chunk in chunks:
        yield chunk.partition(b"\n")[2] if head else chunk
        head = False


def printable(value: Any, *, to_terminal: bool) -> bytes:
    """A value as a person or a file wants it: bytes and text as they are, all else as indented JSON.

    Raises:
        UsageError: it is bytes, and would go to a terminal.
    """
    if isinstance(value, bytes):
        if to_terminal:
            raise UsageError(f"the answer is {len(value):,} bytes and no text; write it to a file with -o FILE")
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape") + b"\n"
    return msgspec.json.format(msgspec.json.encode(codec.to_jsonable(codec.encode(value)))) + b"\n"


def write_chunks(chunks: Iterable[bytes], path: Path | None, *, append: bool = False) -> None:
    """Write to a file (``append``: at its end), or to standard output.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        chunks = iter(chunks)
        # The first chunk comes before the file is opened: an error leaves no empty file behind.
        first = next(chunks, b"")
        with nullcontext(sys.stdout.buffer) if path is None else path.open("ab" if append else "wb") as file:
            _copy(first, chunks, file)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"{path or 'standard output'} cannot be written: {error.strerror}") from None


def _copy(first: bytes, rest: Iterable[bytes], file: BinaryIO) -> None:
    file.write(first)
    file.writelines(rest)
    file.flush()

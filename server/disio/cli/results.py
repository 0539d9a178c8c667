"""``disio results``."""

import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import msgspec
import typer

from disio.cli.commands import UrlOption
from disio.cli.tasks import TaskArgument
from disio.client import Client
from disio.errors import UsageError
from disio.unit import codec
from disio.wire.api import MAX_INTEGER


def results(
    *,
    task: TaskArgument,
    format: Annotated[  # noqa: A002 - the option's name
        Literal["ndjson", "csv"], typer.Option(help="One JSON object a line, or CSV.")
    ] = "ndjson",
    failures: Annotated[bool, typer.Option("--failures", help="Payloads that failed, with tracebacks.")] = False,
    answer: Annotated[bool, typer.Option("--answer", help="What the unit's reduce returned.")] = False,
    after: Annotated[int, typer.Option(help="Only what comes after this index.", min=-1, max=MAX_INTEGER)] = -1,
    limit: Annotated[
        int | None, typer.Option(help="At most so many.", min=1, max=MAX_INTEGER, show_default="all")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write.", show_default="standard output")
    ] = None,
    url: UrlOption = None,
) -> None:
    """Write a task's results, failures or answer.

    Examples:
      disio results m4n8gr-1 > results.ndjson
      disio results m4n8gr-1 --format csv -o results.csv
      disio results m4n8gr-1 --failures
      disio results m4n8gr-1 --answer -o picture.png
    """
    if failures and answer:
        raise UsageError("choose one of --failures and --answer")
    if format == "csv" and (failures or answer):
        raise UsageError("--format csv is for results; failures and answers come as JSON")
    with Client(url) as client:
        if answer:
            value = client.answer(task)
            write_chunks([printable(value, to_terminal=output is None and sys.stdout.isatty())], output)
        else:
            what = "failures" if failures else "results"
            write_chunks(client.stream(task, what, format="" if failures else format, after=after, limit=limit), output)


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


def write_chunks(chunks: Iterable[bytes], path: Path | None) -> None:
    """Write to a file, or to standard output.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        chunks = iter(chunks)
        # The first chunk comes before the file is opened: an error leaves no empty file behind.
        first = next(chunks, b"")
        with nullcontext(sys.stdout.buffer) if path is None else path.open("wb") as file:
            _copy(first, chunks, file)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"{path or 'standard output'} cannot be written: {error.strerror}") from None


def _copy(first: bytes, rest: Iterable[bytes], file: BinaryIO) -> None:
    file.write(first)
    file.writelines(rest)
    file.flush()

"""``disio map``: payloads in on standard input, results out on standard output, both line by line."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from disio.cli import output
from disio.cli.checking import check_first
from disio.cli.commands import UnitArgument, UrlOption
from disio.cli.parameters import DataOption, ParamOption, ParamsOption, parse_data, parse_parameters
from disio.client import Client, Task
from disio.client.feeding import Feeding, patiently
from disio.client.streams import By
from disio.errors import DisioError, UsageError
from disio.unit import codec
from disio.wire.api import MAX_INTEGER, encode
from disio.wire.grid import OutcomeView

EXIT_INTERRUPTED = 130
TAIL_BYTES = 64 * 1024 * 1024


class Place(msgspec.Struct):
    """What a line of results says of where it stands."""

    index: int
    settled: int = -1


def pipe(
    module: UnitArgument,
    *,
    param: ParamOption = None,
    params: ParamsOption = None,
    data: DataOption = None,
    unordered: Annotated[bool, typer.Option("--unordered", help="Results as they come, not in input order.")] = False,
    bare: Annotated[
        bool, typer.Option("--bare", help="Only what run returned, null for a failure; not index and result.")
    ] = False,
    target: Annotated[
        Path | None, typer.Option("--output", "-o", help="File for the results.", show_default="standard output")
    ] = None,
    resume: Annotated[
        str, typer.Option(metavar="TASK", help="Go on with a task that was interrupted; with the same input.")
    ] = "",
    after: Annotated[
        int, typer.Option(help="With --resume: only results after this index (or 'settled').", min=-1, max=MAX_INTEGER)
    ] = -1,
    check: Annotated[
        int, typer.Option(metavar="COUNT", help="First compare so many payloads with a browser, to the byte.", min=0)
    ] = 0,
    name: Annotated[str, typer.Option(help="What to call the task.", show_default="the unit's")] = "",
    priority: Annotated[int, typer.Option(help="Higher goes first.", min=-1000, max=1000)] = 0,
    url: UrlOption = None,
) -> None:
    """Compute payloads from standard input, results to standard output: JSON, line by line, in input order.

    Lines are read only as fast as they are computed. Ctrl-C stops reading; the task stays open, and --resume goes on.

    Examples:
      disio map squares.py < payloads.ndjson > results.ndjson
      seq 1000000 | disio map squares.py --bare --unordered | sort -n | tail
      disio map squares.py -o results.ndjson --resume m4n8gr-1 < payloads.ndjson
    """
    given = parse_parameters(param, params)
    if given.payloads is not None:
        raise UsageError("payloads come from standard input here; give ranges and lists to `disio submit`")
    if bare and resume and target is not None:
        raise UsageError("--resume cannot tell where a file of bare results ends; leave out --bare, or give --after")
    # Not sys.stdin: a thread that still waits for a line must not hold what the interpreter closes at its end.
    lines = _payloads(os.fdopen(os.dup(sys.stdin.fileno()), "rb"))
    if check:
        lines = check_first(module, given.params, lines, check)
    by: By = "settled" if unordered else "index"
    with Client(url) as client:
        if resume:
            task = client.task(resume)
            after = max(after, _last(target, by)) if target is not None else after
        else:
            task = client.submit(module, given.params, open=True, data=parse_data(data), name=name, priority=priority)
            output.warn(task.filename, task.warnings)
        output.err.print(f"task [bold]{task.id}[/]")
        failed = _run(client, task, lines, by=by, after=after, bare=bare, target=target, append=bool(resume))
        ended = task.refresh()
    if not ended.payloads:
        output.err.print("0 payloads: standard input had none")
    if ended.error:
        output.err.print(ended.error, markup=False)
    if failed:
        output.err.print(f"{failed:,} failed; why: disio explain {task.id}")
    if failed or ended.state in ("failed", "cancelled", "paused"):
        raise typer.Exit(1)


def _payloads(lines: Iterable[bytes]) -> Iterator[Any]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError) as error:
                raise UsageError(f"line {number} of the input is no JSON: {error}") from None


def _last(target: Path, by: By) -> int:
    """Where a file of results ends; a line that was cut off is taken away."""
    if not target.exists():
        return -1
    with target.open("r+b") as file:
        size = file.seek(0, 2)
        start = max(0, size - TAIL_BYTES)
        file.seek(start)
        tail = file.read()
        whole = tail[: tail.rfind(b"\n") + 1]
        file.truncate(start + len(whole))
    if not whole:
        return -1
    try:
        place = msgspec.json.decode(whole.splitlines()[-1], type=Place)
    except msgspec.DecodeError:
        raise UsageError(f"{target} is no file of results of `disio map`; name another with -o") from None
    return place.index if by == "index" else place.settled


class _Input:
    """The thread that reads payloads and adds them to the task."""

    def __init__(self, client: Client, task: Task, payloads: Iterator[Any]) -> None:
        self.taken = task.payloads
        self.error: DisioError | None = None
        self._task = task
        self._payloads = payloads
        self._feeding = Feeding(client, task.id, task.payloads)
        threading.Thread(target=self._read, name="standard input", daemon=True).start()

    def _read(self) -> None:
        try:
            for _ in zip(range(self._task.payloads), self._payloads, strict=False):
                pass  # the task has these already
            for payload in self._payloads:
                self.taken = self._feeding.put(codec.encode(payload)) + 1
            self._feeding.finish()
            patiently(self._task.close)
        except DisioError as error:
            self.error = error
            output.err.print(f"{error}; what was read before that is still computed", markup=False)
            with contextlib.suppress(DisioError):
                self._feeding.finish()
                patiently(self._task.close)

    def stop(self) -> None:
        """Add nothing more."""
        self._feeding.stop()


def _run(
    client: Client,
    task: Task,
    payloads: Iterator[Any],
    *,
    by: By,
    after: int,
    bare: bool,
    target: Path | None,
    append: bool,
) -> int:
    """Feed the task and write its outcomes; how many payloads failed."""
    given = _Input(client, task, payloads) if task.open else None
    written = failed = 0
    try:
        with _opened(target, append=append) as file, _bar() as bar:
            row = bar.add_task("")
            for seen in task.outcomes(by=by, after=after, payloads=False):
                file.write(_line(seen, by, bare=bare))
                if target is None:
                    file.flush()
                written += 1
                failed += not seen.accepted
                after = seen.index if by == "index" else seen.settled
                read = given.taken if given is not None else task.payloads
                bar.update(row, description=f"{written:,} written, {failed:,} of them failures, {read:,} read")
    except KeyboardInterrupt:
        if given is not None:
            given.stop()
        where = f"-o {target}" if target is not None else f"--after {after}"
        output.err.print(f"interrupted; go on with --resume {task.id} {where} and the same input")
        output.err.print(f"or give it up with `disio cancel {task.id}`")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except BrokenPipeError:  # nobody wants the rest
        task.cancel()
        raise
    if given is not None and given.error is not None:
        raise typer.Exit(given.error.exit_status)  # it has been told
    return failed


@contextlib.contextmanager
def _opened(target: Path | None, *, append: bool) -> Iterator[BinaryIO]:
    if target is None:
        yield sys.stdout.buffer
        return
    try:
        file = target.open("ab" if append else "wb")
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}") from None
    with file:
        yield file


def _bar() -> Progress:
    quiet = not output.err.is_terminal or sys.stdout.isatty()
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), console=output.err, disable=quiet, transient=True
    )


def _line(seen: OutcomeView, by: By, *, bare: bool) -> bytes:
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

"""``disio map``: payloads in on standard input, results out on standard output, both line by line."""

import hashlib
import os
import queue
import shlex
import sys
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer
from rich.progress import Progress, SpinnerColumn, TextColumn

from disio.cli import output
from disio.cli.checking import check_first
from disio.cli.commands import UnitArgument, UrlOption
from disio.cli.parameters import DataOption, ParamOption, ParamsOption, parse_data, parse_parameters
from disio.cli.pipe_file import empty, find_end, line_of, opened
from disio.client import Client, Task, sources
from disio.client.feeding import Feeding, patiently
from disio.client.streams import By
from disio.errors import CodecError, DisioError, UsageError
from disio.figures import counted
from disio.unit import codec
from disio.wire.api import MAX_INTEGER
from disio.wire.grid import OutcomeView

EXIT_INTERRUPTED = 130
QUEUE_OUTCOMES = 1000
LOOK_SECONDS = 1.0


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
        int | None, typer.Option(help="With --resume: only results after this index (or 'settled').", min=-1)
    ] = None,
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
    target = None if target == Path("-") else target
    given = parse_parameters(param, params)
    if given.payloads is not None:
        raise UsageError("payloads come from standard input here; give ranges and lists to `disio submit`")
    _check_options(resume, after, in_file=target is not None, bare=bare)
    # Not sys.stdin: a thread that still waits for a line must not hold what the interpreter closes at its end.
    lines = _Lines(os.fdopen(os.dup(sys.stdin.fileno()), "rb"))
    payloads = iter(lines)
    if check:
        payloads = check_first(module, given.params, payloads, check)
    by: By = "settled" if unordered else "index"
    start = -1 if after is None else min(after, MAX_INTEGER)
    with Client(url) as client:
        task = client.task(resume) if resume else None
        if task is not None:
            _check_same(task, module)
            if not _takes(task):
                _check_no_more(task, payloads)
            start = max(start, find_end(client, task, target, by, bare=bare))
        with opened(target) as file:
            if task is None:
                task = client.submit(
                    module, given.params, open=True, data=parse_data(data), name=name, priority=priority
                )
                empty(file)
                output.warn(task.filename, task.warnings)
            output.err.print(f"task [bold]{task.id}[/]")
            reading = _Input(client, task, payloads, lines) if _takes(task) else None
            failed = _run(task, reading, by=by, after=start, bare=bare, target=target, file=file)
        _tell_end(task.refresh(), failed)


def _check_options(resume: str, after: int | None, *, in_file: bool, bare: bool) -> None:
    if after is not None and not resume:
        raise UsageError("--after is for --resume, which names the task to go on with")
    if bare and resume and in_file and after is None:
        raise UsageError("--resume cannot tell where a file of bare results ends; say it with --after, or omit --bare")


def _tell_end(task: Task, failed: int) -> None:
    """Say what the results do not; status 1 if they are not all."""
    if not task.payloads:
        output.err.print("0 payloads: standard input had none")
    if task.error:
        output.err.print(task.error, markup=False)
    elif task.state in ("cancelled", "paused"):
        output.err.print(f"disio: task {task.id} is {task.state}: {output.payloads(task)} payloads accepted")
    if failed:
        output.err.print(f"{failed:,} failed; why: disio explain {task.id}")
    if failed or task.state in ("failed", "cancelled", "paused"):
        raise typer.Exit(1)


def _takes(task: Task) -> bool:
    """Whether the task takes payloads."""
    return task.open and not task.ended


def _check_same(task: Task, module: Path) -> None:
    """See that a task is of this unit: its answers would be taken for this one's otherwise."""
    source = sources.read(module, None, None).source
    if hashlib.sha256(source.encode()).hexdigest() != task.unit:
        raise UsageError(
            f"task {task.id} is of another unit than {module} is now ({task.filename}, as it was submitted); "
            "--resume goes on with the same one"
        )


def _check_no_more(task: Task, payloads: Iterator[Any]) -> None:
    """See that the input has no more payloads than a task that takes none."""
    if not sys.stdin.isatty() and sum(1 for _ in islice(payloads, task.payloads + 1)) > task.payloads:
        raise UsageError(
            f"task {task.id} ({task.state}) takes no more payloads, and the input has more than the "
            f"{counted(task.payloads, 'payload')} that it has; compute the others in a new task, without --resume"
        )


class _Lines:
    """The payloads of a stream of JSON, line by line; ``number`` is the line that was read last."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.number = 0
        self._lines = lines

    def __iter__(self) -> Iterator[Any]:
        try:
            for line in self._lines:
                self.number += 1
                if line.strip():
                    yield msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError) as error:
            raise UsageError(f"line {self.number} of the input is no JSON: {error}") from None
        except OSError as error:
            raise UsageError(f"standard input cannot be read: {error.strerror}") from None


class _Input:
    """The thread that reads payloads and adds them to the task; ``taken`` is how many it has then."""

    def __init__(self, client: Client, task: Task, payloads: Iterator[Any], lines: _Lines) -> None:
        self.taken = task.payloads
        self.error: DisioError | None = None
        self._task = task
        self._payloads = payloads
        self._lines = lines
        self._feeding = Feeding(client, task.id, task.payloads)
        threading.Thread(target=self._read, name="standard input", daemon=True).start()

    def _read(self) -> None:
        try:
            for _ in zip(range(self._task.payloads), self._payloads, strict=False):
                pass  # the task has these already
            for payload in self._payloads:
                self.taken = self._feeding.put(self._encoded(payload)) + 1
            self._feeding.finish()
            patiently(self._task.close)
        except DisioError as error:
            output.err.print(
                f"disio: {error}; what was read before that is still computed", markup=False, soft_wrap=True
            )
            try:
                self._feeding.finish()
            except DisioError:
                self.taken = 0  # nobody knows how many it has: nothing is waited for
            self.error = error

    def _encoded(self, payload: Any) -> bytes:
        try:
            return codec.encode(payload)
        except CodecError as error:
            raise UsageError(f"line {self._lines.number} of the input is no payload: {error}") from None

    def stop(self) -> None:
        """Add nothing more."""
        self._feeding.stop()


class _Outcomes:
    """A task's outcomes, read by a thread of its own: meanwhile, something else can be looked at.

    Iterating gives None now and then while there are none.
    """

    def __init__(self, task: Task, by: By, after: int) -> None:
        self._queue: queue.Queue[OutcomeView | BaseException | None] = queue.Queue(QUEUE_OUTCOMES)
        self._seen = task.outcomes(by=by, after=after, payloads=False)
        threading.Thread(target=self._read, name="outcomes", daemon=True).start()

    def _read(self) -> None:
        try:
            for seen in self._seen:
                self._queue.put(seen)
            self._queue.put(None)
        except BaseException as error:  # it is raised where the outcomes are awaited
            self._queue.put(error)

    def __iter__(self) -> Iterator[OutcomeView | None]:
        while True:
            try:
                seen = self._queue.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                yield None
                continue
            if seen is None:
                return
            if isinstance(seen, BaseException):
                raise seen
            yield seen


def _run(
    task: Task, given: _Input | None, *, by: By, after: int, bare: bool, target: Path | None, file: BinaryIO
) -> int:
    """Write the outcomes of a task that is fed meanwhile; how many payloads failed."""
    written = failed = 0
    try:
        with _bar() as bar:
            row = bar.add_task("")
            for seen in _Outcomes(task, by, after):
                if seen is not None:
                    file.write(line_of(seen, by, bare=bare))
                    if target is None:
                        file.flush()
                    written += 1
                    failed += not seen.accepted
                    after = seen.index if by == "index" else seen.settled
                    read = given.taken if given is not None else task.payloads
                    bar.update(row, description=f"{written:,} written, {failed:,} of them failures, {read:,} read")
                elif given is not None and given.error is not None and _settled(task, given.taken, by, after):
                    break
    except (KeyboardInterrupt, DisioError, OSError) as error:
        if given is not None:
            given.stop()
        if isinstance(error, BrokenPipeError):  # nobody wants the rest
            task.cancel()
            raise
        interrupted = isinstance(error, KeyboardInterrupt)
        why = "interrupted" if interrupted else "stopped"
        _tell_how_to_go_on(task, target, after, why, "the same", bare=bare)
        if interrupted:
            raise typer.Exit(EXIT_INTERRUPTED) from None
        raise
    if given is not None and given.error is not None:  # it has been told
        if _takes(task.refresh()):
            _tell_how_to_go_on(task, target, after, "the task stays open", "corrected", bare=bare)
        raise typer.Exit(given.error.exit_status)
    return failed


def _settled(task: Task, count: int, by: By, after: int) -> bool:
    """Whether the outcomes of so many payloads are all written."""
    if by == "index":
        return after + 1 >= count
    seen = task.refresh()
    return seen.accepted + seen.failed >= count


def _tell_how_to_go_on(task: Task, target: Path | None, after: int, why: str, which: str, *, bare: bool) -> None:
    where = f" -o {shlex.quote(str(target))}" if target is not None else ""
    if target is None or bare:
        where += f" --after {after}"
    output.err.print(
        f"{why}; go on with --resume {task.id}{where} and {which} input\nor give it up with `disio cancel {task.id}`",
        markup=False,
        soft_wrap=True,
    )


def _bar() -> Progress:
    quiet = not output.err.is_terminal or sys.stdout.isatty()
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), console=output.err, disable=quiet, transient=True
    )

"""``disio run``."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Column

from disio.cli import output
from disio.cli.checking import check_first
from disio.cli.commands import JsonOption, UnitArgument
from disio.cli.parameters import DataOption, ParamOption, ParamsOption, parse_data, parse_parameters, tell_sweep
from disio.cli.results import printable, write_chunks
from disio.client import sources
from disio.client.explaining import likeness
from disio.client.kits import data_paths
from disio.client.local import LocalFailure, LocalProgress, LocalRun, run_local
from disio.client.local_packages import place
from disio.errors import UsageError
from disio.figures import counted, duration, rate
from disio.unit import codec
from disio.unit.contract import load_unit
from disio.unit.lint import lint
from disio.wire.api import encode

MOST_TOLD: Final = 5
"""Kinds of failures that are shown."""


def run(
    module: UnitArgument,
    *,
    local: Annotated[bool, typer.Option("--local", help="On this machine, all cores, without a grid.")] = False,
    check: Annotated[
        int,
        typer.Option(metavar="COUNT", help="Only compare so many payloads here and in a browser, to the byte.", min=0),
    ] = 0,
    param: ParamOption = None,
    params: ParamsOption = None,
    data: DataOption = None,
    processes: Annotated[
        int | None, typer.Option(help="How many compute at a time.", min=1, max=1024, show_default="all cores")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File for the answer.", show_default="standard output"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a work unit on this machine, without a grid. The answer goes to standard output.

    Examples:
      disio run pi_digits.py --local -p digits=1000
      disio run epidemic.py --local -p beta=0.1:0.5:0.1 -p gamma=0.05,0.1
      disio run mandelbrot.py --local -p width=400 -p height=300 -o picture.png
    """
    given = parse_parameters(param, params)
    if check:
        check_first(module, given.params, given.payloads, check)
        return
    if not local:
        raise UsageError("say --local to run it on this machine; to run it on a grid use `disio submit`")
    tell_sweep(given)
    source = sources.read(module, None, None)
    unit = load_unit(source.source, source.filename)
    output.warn(unit.filename, lint(unit))
    where = place(source, unit.metadata)
    with _Bar() as bar:
        ran = run_local(
            unit,
            given.params,
            payloads=given.payloads,
            data=data_paths(parse_data(data)),
            place=where,
            processes=processes,
            on_progress=bar.show,
        )
    if ran.log:
        output.err.print(ran.log.rstrip("\n"), markup=False)
    if as_json:
        write_chunks(_lines(ran), target)
    elif not ran.failures:
        write_chunks([printable(ran.answer, to_terminal=target is None and sys.stdout.isatty())], target)
    _tell_failures(ran)
    done, on = counted(ran.payloads, "payload"), counted(ran.processes, "process", "processes")
    output.err.print(f"[dim]{done} in {duration(ran.seconds)} on {on}[/]")
    if ran.failures:
        raise typer.Exit(1)


class _Bar(Progress):
    """Answered payloads, on a terminal only."""

    def __init__(self) -> None:
        super().__init__(
            SpinnerColumn(),
            BarColumn(bar_width=None, table_column=Column(max_width=40)),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[facts]}"),
            console=output.err,
            disable=not output.err.is_terminal,
            transient=True,
        )
        self._bar = self.add_task("", total=None, facts="")

    def show(self, progress: LocalProgress) -> None:
        done = progress.answered + progress.failed
        facts = rate(done / progress.seconds) if progress.seconds > 0 else ""
        self.update(self._bar, completed=done, total=progress.payloads, facts=facts)


def _lines(ran: LocalRun) -> Iterator[bytes]:
    for result in ran.results:
        line = {"index": result.index, "result": codec.to_jsonable(result.data), "ms": result.ms, "log": result.log}
        yield encode(line) + b"\n"


def _tell_failures(ran: LocalRun) -> None:
    """The first of those that look alike, of a few kinds, and how many there are besides."""
    examples: dict[object, LocalFailure] = {}
    for failure in ran.failures:
        examples.setdefault(likeness(failure), failure)
    told = list(examples.values())[:MOST_TOLD]
    for failure in told:
        output.err.print(f"payload {failure.index} failed: {failure.message}", markup=False)
        if failure.traceback:
            output.err.print(failure.traceback.rstrip("\n"), markup=False, style="dim")
        if failure.log:
            output.err.print("it printed:")
            output.err.print(textwrap.indent(failure.log.rstrip("\n"), "  "), markup=False, style="dim")
    if more := len(ran.failures) - len(told):
        alike = " in the same way" if len(examples) == 1 else ""
        output.err.print(f"... and {counted(more, 'more payload')} failed{alike}")

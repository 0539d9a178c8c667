"""``disio test``."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Table

from disio.cli import output
from disio.cli.commands import JsonOption, UnitArgument
from disio.cli.parameters import DataOption, ParamOption, ParamsOption, parse_data, parse_parameters, tell_sweep
from disio.client import sources
from disio.errors import UsageError
from disio.figures import counted, duration, milliseconds
from disio.testing.junit import junit
from disio.testing.trial import FIRST_PAYLOADS, NATIVE, Trial, Tried, try_unit
from disio.unit.contract import load_unit
from disio.unit.lint import lint
from disio.wire.api import encode

MEBIBYTE = 1024 * 1024
SHOWN = 3


def trial(
    module: UnitArgument,
    *,
    param: ParamOption = None,
    params: ParamsOption = None,
    data: DataOption = None,
    payloads: Annotated[
        int, typer.Option(help="How many payloads to try: the first ones.", min=1, max=10_000)
    ] = FIRST_PAYLOADS,
    browsers: Annotated[
        list[str] | None,
        typer.Option(
            "--browser", help="chromium, firefox or webkit; may be repeated.", show_default="chromium", metavar="NAME"
        ),
    ] = None,
    target: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write a JUnit report, for CI.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Try a work unit on this machine and in real headless browsers: the same bytes? how fast? how much memory?

    Examples:
      disio test pi_digits.py -p digits=100
      disio test sweep.py --params @params.json --browser chromium --browser firefox --junit report.xml
    """
    source = sources.read(module, None, None)
    unit = load_unit(source.source, source.filename)
    given = parse_parameters(param, params)
    tell_sweep(given)
    output.warn(unit.filename, lint(unit))
    with _Bars() as bars:
        tried = asyncio.run(
            try_unit(
                module,
                given.params,
                payloads=given.payloads,
                data=parse_data(data),
                browsers=browsers or ["chromium"],
                limit=payloads,
                on_progress=bars.show,
            )
        )
    if target is not None:
        try:
            target.write_bytes(junit(tried))
        except OSError as error:
            raise UsageError(f"{target} cannot be written: {error.strerror}") from None
    if as_json:
        output.out.out(encode(_as_dict(tried)).decode(), highlight=False)
    else:
        output.out.print(_table(tried))
        for place in tried.tried:
            _tell(tried, place)
        output.out.print(_verdict(tried))
    if not tried.ok:
        raise typer.Exit(1)


def _verdict(trial: Trial) -> str:
    if any(trial.different(place) for place in trial.tried):
        return "[red]not the same everywhere[/]"
    failed = trial.tried[0].failed
    if failed:
        return f"the same everywhere, but [red]{counted(failed, 'payload')} failed[/]"
    return "[green]the same everywhere[/]"


class _Bars(Progress):
    """A bar for each place, on a terminal only."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description:9}"), BarColumn(), MofNCompleteColumn())
        super().__init__(*columns, console=output.err, disable=not output.err.is_terminal, transient=True)
        self._bars: dict[str, TaskID] = {}

    def show(self, place: str, done: int, payloads: int) -> None:
        if place not in self._bars:
            self._bars[place] = self.add_task(place, total=None)
        self.update(self._bars[place], completed=done, total=payloads or None)


def _table(trial: Trial) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("WHERE", "VERSION"):
        table.add_column(name, no_wrap=True)
    for name in ("PAYLOADS", "FAILED", "DIFFERENT", "PER PAYLOAD", "COMPARED", "START", "LOAD", "MEMORY", "TOOK"):
        table.add_column(name, justify="right", no_wrap=True)
    native = trial.tried[0].mean_ms
    for place in trial.tried:
        different = len(trial.different(place))
        table.add_row(
            place.place,
            place.version,
            f"{len(place.outcomes):,}",
            f"[red]{place.failed:,}[/]" if place.failed else "0",
            f"[red]{different:,}[/]" if different else "0",
            milliseconds(place.mean_ms) if place.mean_ms else "-",
            f"{place.mean_ms / native:.2f}x" if native else "",
            milliseconds(place.boot_ms) if place.boot_ms else "",
            milliseconds(place.load_ms) if place.load_ms else "",
            f"{place.memory_bytes / MEBIBYTE:,.0f} MiB" if place.memory_bytes else "",
            duration(place.seconds),
        )
    return table


def _tell(trial: Trial, place: Tried) -> None:
    """The first payloads that failed or differ, with what was found."""
    native = {outcome.index: outcome for outcome in trial.tried[0].outcomes}
    different = set(trial.different(place))
    told = [one for one in place.outcomes if one.index in different or (one.failure and place.place == NATIVE)]
    for outcome in told[:SHOWN]:
        output.out.print(f"\n[bold]payload {outcome.index}[/] in {place.place}:")
        output.out.print(outcome.failure or _shown(outcome.value), markup=False, highlight=False)
        if outcome.log:
            output.out.print(f"printed before:\n{outcome.log.rstrip()}", markup=False, highlight=False, style="dim")
        if outcome.index in different:
            here = native[outcome.index]
            output.out.print(f"on this machine: {here.failure or _shown(here.value)}", markup=False, highlight=False)
    if len(told) > SHOWN:
        output.out.print(f"... and {len(told) - SHOWN:,} more payloads")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]} ... ({len(text):,} characters)"


def _as_dict(trial: Trial) -> dict[str, Any]:
    return {
        "unit": trial.unit.filename,
        "ok": trial.ok,
        "warnings": [str(warning) for warning in lint(trial.unit)],
        "places": [
            {
                "place": place.place,
                "version": place.version,
                "payloads": len(place.outcomes),
                "failed": place.failed,
                "different": trial.different(place),
                "mean_ms": place.mean_ms,
                "boot_ms": place.boot_ms,
                "load_ms": place.load_ms,
                "memory_bytes": place.memory_bytes,
                "seconds": place.seconds,
            }
            for place in trial.tried
        ],
    }

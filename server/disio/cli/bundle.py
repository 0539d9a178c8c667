"""``disio bundle``: what a browser downloads, built and shown."""

import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from disio.bundle import Bundle, load
from disio.bundle.build import build as build_bundle
from disio.bundle.manifest import DISTRIBUTION, SUFFIXES
from disio.bundle.snapshot import SNAPSHOT
from disio.bundle.sources import outdated
from disio.cli.commands import EXIT_INTERRUPTED

app = typer.Typer(help="The runtime that browsers download: build it, look at it.", no_args_is_help=True)

BundlePath = Annotated[Path | None, typer.Option("--path", help="The bundle's folder, if it is not the usual one.")]
Json = Annotated[bool, typer.Option("--json", help="Print the manifest as one JSON object.")]


@app.command()
def build(
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Build although nothing changed, and verify nothing old.")
    ] = False,
    quick: Annotated[
        bool | None,
        typer.Option(
            "--quick/--full",
            help="Compress less, in seconds; or as small as can be, in minutes.",
            show_default="as the one that is there, else full",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Build the bundle from pyodide_bundle/ if its sources changed.

    Examples:
      disio bundle build
      disio bundle build --quick
    """
    console = Console(stderr=True)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        bar = progress.add_task("looking", total=None)

        told = ""

        def report(text: str, done: int, total: int) -> None:
            nonlocal told
            if progress.disable and text != told:  # no bar here: a line for each stage, as some take a minute
                console.print(f"bundle    {text} ...", highlight=False)
                told = text
            progress.update(bar, description=text, completed=done, total=total if done else None)

        try:
            bundle, built = build_bundle(force=force, quick=quick, report=report)
        except KeyboardInterrupt:
            progress.stop()
            # Not by raising: the interpreter would wait for the threads that compress, which cannot be told to stop.
            os._exit(EXIT_INTERRUPTED)
    if json:
        _print_json(bundle)
    elif built:
        Console().print(_table(bundle))
        _say_visit(bundle, "built")
    else:
        _say_visit(bundle, "up to date")


@app.command()
def show(*, json: Json = False, path: BundlePath = None) -> None:
    """Verify the bundle and show what a first visit downloads; in a checkout, warn if its sources have changed.

    Examples:
      disio bundle show
      disio bundle show --json
    """
    bundle = load(path)
    if json:
        _print_json(bundle)
    else:
        Console().print(_table(bundle))
        _say_visit(bundle, "verified")
    if warning := outdated(bundle):
        Console(stderr=True, soft_wrap=True, highlight=False).print(f"[yellow]warning[/] {warning}")


def _print_json(bundle: Bundle) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(bundle.manifest) + b"\n")


def _table(bundle: Bundle) -> Table:
    table = Table(
        "file", *(f"{name} kB" for name in ("plain", *SUFFIXES)), box=None, pad_edge=False, header_style="bold"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    fetched = {name: entry for name, entry in bundle.manifest.files.items() if name != DISTRIBUTION}
    for name, entry in fetched.items():
        sizes = [entry.encodings[encoding].size if encoding in entry.encodings else entry.size for encoding in SUFFIXES]
        table.add_row(name, *(_kilobytes(size) for size in (entry.size, *sizes)))
    plain = sum(entry.size for entry in fetched.values())
    table.add_section()
    table.add_row("first visit", _kilobytes(plain), *(_kilobytes(bundle.visit(encoding)) for encoding in SUFFIXES))
    table.add_row("naive visit", "", *(_kilobytes(bundle.manifest.naive[encoding]) for encoding in SUFFIXES))
    return table


def _say_visit(bundle: Bundle, state: str) -> None:
    manifest = bundle.manifest
    console = Console(soft_wrap=True, highlight=False)
    console.print(
        f"Bundle {bundle.id[:12]} {state}: Pyodide {manifest.pyodide}, Python {manifest.python}; "
        f"a first visit downloads {bundle.visit('br') / 1e6:.1f} MB, a later one nothing of it."
    )
    if manifest.quick:
        console.print(
            "It is compressed less, as QUICK=1 or --quick asked; in full, in some minutes: disio bundle build --full"
        )
    if SNAPSHOT not in manifest.files:
        console.print(
            "It has no snapshot, so workers start slowly: install Node.js 18 or newer, then: disio bundle build"
        )


def _kilobytes(size: int) -> str:
    return f"{size / 1000:,.0f}"

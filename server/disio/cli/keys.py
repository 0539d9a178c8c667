"""``disio keys``."""

from pathlib import Path
from typing import Annotated

import typer

from disio.cli.commands import JsonOption
from disio.wire.api import encode
from disio.wire.zmq import GridKey

app = typer.Typer(help="Make keys.", no_args_is_help=True, rich_markup_mode="rich")


@app.callback()
def keys() -> None:
    """Make keys."""


@app.command(
    help="Make a grid key: give the same file to every manager, distributor and dashboard of a grid with --key.\n\n"
    "\b\nExamples:\n  disio keys grid grid.key"
)
def grid(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist yet.")], as_json: JsonOption = False
) -> None:
    """Make a grid key; links that use it are encrypted, and only its holders may speak."""
    key = GridKey.create(file)
    if as_json:
        print(encode({"file": str(file), "public": key.public}).decode())
    else:
        print(f"Grid key written to {file}. Keep it secret; copy it to each machine and name it there with --key.")

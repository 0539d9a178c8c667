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


@app.command()
def grid(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write; it must not exist yet.")],
    as_json: JsonOption = False,
) -> None:
    """Make a grid key: the same file for every manager, distributor and dashboard of a grid.

    Links that use it are encrypted, and only its holders may speak.

    Examples:
      disio keys grid grid.key
    """
    key = GridKey.create(file)
    if as_json:
        print(encode({"file": str(file), "public": key.public}).decode())
    else:
        print(f"Grid key written to {file}. Keep it secret; copy it to each machine and name it there with --key.")

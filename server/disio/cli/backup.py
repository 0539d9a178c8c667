"""``disio backup``."""

import contextlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from disio.cli import data, output
from disio.cli.commands import JsonOption
from disio.distributor import checkup as distributor
from disio.errors import UsageError
from disio.figures import size
from disio.manager.store import checkup as manager

_COPIES: dict[str, Callable[[Path, Path, Callable[[int, int], None]], None]] = {
    "manager": manager.back_up,
    "distributor": distributor.back_up,
}


class Copy(msgspec.Struct):
    """One data directory that was copied."""

    kind: str
    source: str
    copy: str
    bytes: int


def backup(
    destination: Annotated[Path, typer.Argument(metavar="DEST", help="A directory that is not there, or empty.")],
    source: Annotated[
        Path | None, typer.Option("--data", help="The data directory to copy.", show_default="user data")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the data of a grid, while it runs or not.

    The copy is consistent, as of one moment, and checked. Give it as --data to `disio up`, or to the process that it
    is of, to go on from there.

    Examples:
      disio backup /backups/grid-2026-11-24
      disio backup /backups/manager --data /srv/disio/manager
    """
    found = data.find(source, option="disio backup DEST --data DIRECTORY")
    whole = (source or found[0][0].parent).absolute()
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise UsageError(f"{destination} is there already; name a directory that is not, or an empty one")
    for place, kind in found:
        if place.resolve() in destination.resolve().parents:
            raise UsageError(f"{destination} is in the {kind.name}'s own directory {place}; name one that is elsewhere")
    copies = []
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=output.err, transient=True) as progress:
        for place, kind in found:
            target = destination if place == whole else destination / place.name
            shown = progress.add_task(kind.name, total=None)
            with _made(target):
                _COPIES[kind.name](place, target, partial(_tell, progress, shown))
            copies.append(Copy(kind.name, str(place), str(target), (target / kind.database).stat().st_size))
    if as_json:
        output.out.out(msgspec.json.encode(copies).decode(), highlight=False)
        return
    for copy in copies:
        output.out.print(f"{copy.kind}: {size(copy.bytes)} copied to {copy.copy}, and checked", soft_wrap=True)


@contextlib.contextmanager
def _made(directory: Path) -> Iterator[None]:
    """A directory that is there meanwhile; if that comes to nothing, those that were made for it and are empty go."""
    new = [place for place in (directory, *directory.parents) if not place.exists()]
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{directory} cannot be made: {error.strerror}") from None
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for place in new:
                place.rmdir()
        raise


def _tell(progress: Progress, shown: TaskID, done: int, total: int) -> None:
    progress.update(shown, completed=done, total=total)

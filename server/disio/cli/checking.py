"""``--check``: the first payloads natively and in a browser, before all of them go to volunteers."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

import typer

from disio.cli import output
from disio.figures import counted
from disio.testing.trial import try_unit


def check_first(module: Path, params: Mapping[str, Any], payloads: Iterable[Any] | None, count: int) -> Iterator[Any]:
    """Compare the first payloads natively and in a browser, to the byte; all payloads, if they are the same.

    Args:
        module: the unit's file.
        params: the task's parameters.
        payloads: as given; None: as the unit's ``split`` gives them (nothing is given back then).
        count: how many to compare.

    Raises:
        typer.Exit: with status 1: they are not the same, or fail.
    """
    given = None if payloads is None else iter(payloads)
    first = None if given is None else list(islice(given, count))
    if first == []:
        return iter(())
    trial = asyncio.run(try_unit(module, params, payloads=first, limit=count))
    native, browser = trial.tried
    if not trial.ok:
        failed = next((one for place in trial.tried for one in place.outcomes if one.failure), None)
        if failed is not None:
            output.err.print(f"payload {failed.index} failed: {failed.failure}", markup=False)
        different = ", ".join(map(str, trial.different(browser)[:5]))
        if different:
            output.err.print(f"answers of {browser.version} differ from this machine's: payloads {different}")
        output.err.print("nothing was submitted; `disio test` shows more")
        raise typer.Exit(1)
    compared = counted(len(native.outcomes), "payload")
    output.err.print(f"[dim]{compared}: the same bytes here and in {browser.version}[/]")
    return chain(first or (), given or ())

"""Parameters of a task on the command line: ``-p key=value`` and ``--params``."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from disio.cli import output
from disio.cli.ranges import one_value, values_of
from disio.errors import UsageError
from disio.figures import counted
from disio.sweeps import grid

ParamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="KEY=VALUE",
        help="A parameter: JSON, a range 1:10 or 0:1:0.1 or 0:1@5, a list x,y, or text. Repeatable.",
    ),
]
ParamsOption = Annotated[
    str | None,
    typer.Option("--params", metavar="JSON|@FILE", help="All parameters as a JSON object, or @FILE, or @- for stdin."),
]


DataOption = Annotated[
    list[str] | None,
    typer.Option(
        "--data", metavar="NAME=FILE", help="A file that all payloads may read: ctx.data(NAME) is its path. Repeatable."
    ),
]


def parse_data(pairs: list[str] | None) -> dict[str, str]:
    """Files of shared data by name.

    Raises:
        UsageError: a pair has no ``=``, or a name stands twice.
    """
    files: dict[str, str] = {}
    for pair in pairs or ():
        name, equals, path = pair.partition("=")
        if not equals or not name or not path:
            raise UsageError(f"{pair!r} names no shared data; write NAME=FILE, for example --data genome=chr21.fa")
        if name in files:
            raise UsageError(f"two files are called {name}; give each its own name")
        files[name] = path
    return files


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of a task. ``payloads``: every combination, if some of them are ranges or lists; else None."""

    params: dict[str, Any]
    payloads: Iterable[dict[str, Any]] | None
    count: int = 0


def parse_parameters(pairs: list[str] | None, whole: str | None) -> Parameters:
    """Parameters from both options; single ones win.

    Raises:
        UsageError: a pair has no ``=``, a name stands twice, a range has no values, or what must be JSON is not.
    """
    params = {} if whole is None else _parse_whole(whole)
    axes: dict[str, Sequence[Any]] = {}
    named: set[str] = set()
    for pair in pairs or ():
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"{pair!r} is no parameter; write KEY=VALUE, for example -p digits=1000")
        if key in named:
            raise UsageError(f"the parameter {key} is given twice; for several values write -p {key}=x,y")
        named.add(key)
        values = values_of(text)
        if values is None:
            params[key] = one_value(text)
        elif key == "payloads":
            raise UsageError(
                f"payloads are a list in JSON; write -p 'payloads=[...]' (or ranges of other names), not {pair!r}"
            )
        else:
            axes[key] = values
    if not axes:
        return Parameters(params, None)
    sweep = grid(**axes)
    return Parameters(params, ({**params, **combination} for combination in sweep), len(sweep))


def tell_sweep(given: Parameters) -> None:
    """Say how many payloads ranges and lists give: a text with a comma may have been meant as text."""
    if given.payloads is not None:
        output.err.print(f"[dim]{counted(given.count, 'payload')}, one for each combination of the ranges and lists[/]")


def _parse_whole(text: str) -> dict[str, Any]:
    if text.startswith("@"):
        name = "standard input" if text == "@-" else text[1:]
        try:
            text = sys.stdin.read() if text == "@-" else Path(name).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UsageError(f"there is no file {name} to read the parameters from") from None
        except OSError as error:
            raise UsageError(f"the parameters cannot be read from {name}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise UsageError(f"the parameters in {name} are not UTF-8 text ({error.reason})") from None
    try:
        params = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"the parameters are no JSON: {error}; write for example --params '{{\"digits\": 1000}}'"
        ) from None
    if not isinstance(params, dict):
        raise UsageError("the parameters must be a JSON object, for example '{\"digits\": 1000}'")
    return params

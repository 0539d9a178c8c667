"""Parameters of a task on the command line: ``-p key=value`` and ``--params``."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from disio.errors import UsageError

ParamOption = Annotated[
    list[str] | None,
    typer.Option("--param", "-p", metavar="KEY=VALUE", help="A parameter: JSON if it is JSON, else text. Repeatable."),
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


def parse_parameters(pairs: list[str] | None, whole: str | None) -> dict[str, Any]:
    """Parameters from both options; single ones win.

    Raises:
        UsageError: a pair has no ``=``, or the whole is no JSON object.
    """
    params = {} if whole is None else _parse_whole(whole)
    for pair in pairs or ():
        key, equals, text = pair.partition("=")
        if not equals or not key:
            raise UsageError(f"{pair!r} is no parameter; write KEY=VALUE, for example -p digits=1000")
        params[key] = _parse_value(text)
    return params


def _parse_value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


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

"""The command ``disio``. Each command's module is imported when it is used, so that help comes at once."""

import json
import os
import sys
import warnings
from collections.abc import Sequence

import typer

import disio
from disio.cli.commands import EXIT_INTERRUPTED, command_line, first_expected
from disio.errors import DisioError, UnitWarning, UsageError

_COMMANDS = {
    "up": ("disio.cli.up:up", "Start a whole grid on this machine."),
    "demo": (
        "disio.cli.demo:demo",
        "Compute hexadecimal digits of pi in real browsers, check every one, compare the speeds.",
    ),
    "submit": ("disio.cli.submit:submit", "Submit a work unit with parameters."),
    "map": ("disio.cli.pipe:pipe", "Compute payloads from standard input, results to standard output."),
    "status": ("disio.cli.tasks:status", "Show all tasks, or one."),
    "results": ("disio.cli.results:results", "Write a task's results, failures or answer."),
    "explain": ("disio.cli.explain:explain", "Sum up why payloads of a task failed."),
    "cancel": ("disio.cli.tasks:cancel", "Cancel a task."),
    "pause": ("disio.cli.tasks:pause", "Pause a task."),
    "resume": ("disio.cli.tasks:resume", "Have a paused task go on."),
    "delete": ("disio.cli.tasks:delete", "Delete a task with all its results."),
    "run": ("disio.cli.run:run", "Run a work unit on this machine, without a grid."),
    "test": ("disio.cli.trial:trial", "Try a work unit on this machine and in real headless browsers."),
    "volunteer": ("disio.cli.volunteer:volunteer", "Open headless browsers that compute for a site."),
    "manager": ("disio.cli.manager:manager", "Run a manager: it owns tasks."),
    "distributor": ("disio.cli.distributor:distributor", "Run a distributor: volunteers connect to it."),
    "dashboard": ("disio.cli.dashboard:dashboard", "Run a dashboard: pages and HTTP API for researchers."),
    "keys": ("disio.cli.keys:app", "Make keys."),
    "doctor": ("disio.cli.doctor:doctor", "Look at a data directory, and say in words what is wrong."),
    "backup": ("disio.cli.backup:backup", "Copy the data of a grid, while it runs or not."),
    "bundle": ("disio.cli.bundle:app", "The runtime that browsers download: build it, look at it."),
}
_EPILOG = "Exit status: 0 done; 1 failed; 2 used wrongly; 130 interrupted by Ctrl-C."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit status.

    Errors become one line on standard error (with ``--json`` one JSON object), unless ``--debug``.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = _take_debug(words)
    as_json = "--json" in _before_dashes(words)
    warnings.simplefilter("ignore", UnitWarning)  # commands tell them in their own way
    command = command_line(_COMMANDS, about=disio.__doc__ or "", epilog=_EPILOG)
    try:
        status = command.main(args=words, prog_name="disio", standalone_mode=False)
        sys.stdout.flush()
    except typer.Abort:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has gone, as in `disio results ... | head`; nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if debug:
            raise
        return _explain(error, as_json=as_json)
    return status if isinstance(status, int) else 0


def _before_dashes(words: list[str]) -> list[str]:
    """The words that are options: what follows ``--`` is for somebody else."""
    return words[: words.index("--")] if "--" in words else words


def _take_debug(words: list[str]) -> bool:
    if "--debug" in _before_dashes(words):
        words.remove("--debug")
        return True
    return os.environ.get("DISIO_DEBUG", "") not in ("", "0")


def _explain(error: Exception, *, as_json: bool = False) -> int:
    expected = first_expected(error)
    if isinstance(expected, DisioError):
        _complain(str(expected), expected.code, as_json=as_json)
        return expected.exit_status
    if isinstance(expected, typer.TyperException):
        message = getattr(expected, "format_message", expected.__str__)()
        if message:  # a group of commands without one of them has shown its help
            _complain(_clear(message), UsageError.code, as_json=as_json)
        context = getattr(expected, "ctx", None)
        if context is not None and not as_json:
            print(f"Try: {context.command_path} --help", file=sys.stderr)
        return int(getattr(expected, "exit_code", 1))
    name = type(expected).__name__
    _complain(
        f"unexpected {name}: {expected} (this is a bug in Disio; --debug shows where)", "internal", as_json=as_json
    )
    return 1


def _clear(message: str) -> str:
    """A message of the command line's library, without what is of interest to its authors only."""
    if "unexpected extra argument" in message and "=" in message:
        message += "; parameters are written with -p: -p KEY=VALUE"
    return message.replace("Value error, ", "").rstrip(".")


def _complain(message: str, code: str, *, as_json: bool) -> None:
    """Say what went wrong: to people in their line, to programs in the shape that errors have in the HTTP API."""
    told = json.dumps({"error": code, "message": message}) if as_json else f"disio: {message}"
    print(told, file=sys.stderr)


__all__ = ["main"]

"""The list of commands, and how one is loaded when it is used."""

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command

import disio
from disio.errors import DisioError

EXIT_INTERRUPTED = 130

JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for programs.")]
UnitArgument = Annotated[
    Path,
    typer.Argument(
        metavar="UNIT",
        help="The work unit: a Python module with run(payload), or the folder of a package or project that has one.",
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", envvar="DISIO_URL", help="The dashboard's address.", show_default="http://127.0.0.1:7700"),
]


class _LazyGroup(TyperGroup):
    """Knows every command by name and summary, and imports a command's module when it is used."""

    targets: ClassVar[dict[str, str]] = {}

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The command that is asked for, loaded now."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name is None else load(name, self.targets[name]), rest


def command_line(table: Mapping[str, tuple[str, str]], *, about: str, epilog: str) -> Any:
    """The whole command: from each command's name, where it stands (``module:attribute``) and its one-line summary.

    Commands whose module is not there are left out.
    """
    present = {
        name: target for name, (target, _) in table.items() if importlib.util.find_spec(target.partition(":")[0])
    }
    group = type("Commands", (_LazyGroup,), {"targets": present})
    app = typer.Typer(cls=group, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)

    @app.callback(help=about, epilog=epilog)
    def root(
        debug: Annotated[
            bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere. Or set DISIO_DEBUG=1.")
        ] = False,
        version: Annotated[
            bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
        ] = False,
    ) -> None:
        """``debug`` is taken by :func:`disio.cli.main`, ``version`` by its callback."""

    def listed() -> None:
        """Stands for a command in the list; what runs is what :func:`load` gives."""

    for name in present:
        app.command(name, help=table[name][1])(listed)
    return get_command(app)


def load(name: str, target: str) -> Any:
    """Import a command's module; the command itself."""
    module, _, attribute = target.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if isinstance(found, typer.Typer):
        app = found
        for command in app.registered_commands:
            command.help = command.help or _help(command.callback)
    else:
        app = typer.Typer(add_completion=False, rich_markup_mode="rich")
        app.command(name, help=_help(found))(found)
    loaded = get_command(app)
    loaded.name = name
    return loaded


def _help(function: Callable[..., Any] | None) -> str:
    """The docstring, with its examples kept line by line."""
    return (inspect.getdoc(function) or "").replace("\nExamples:\n", "\n\b\nExamples:\n")


def _show_version(value: bool) -> None:
    if value:
        print(f"disio {disio.__version__}")
        raise typer.Exit


def first_expected(error: BaseException) -> BaseException:
    """What to tell the user: inside groups, an error that was raised on purpose if there is one."""
    leaves: list[BaseException] = []
    pending = [error]
    while pending:
        one = pending.pop(0)
        if isinstance(one, BaseExceptionGroup):
            pending.extend(one.exceptions)
        else:
            leaves.append(one)
    return next((leaf for leaf in leaves if isinstance(leaf, DisioError)), leaves[0])

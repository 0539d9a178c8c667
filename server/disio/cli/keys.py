"""``disio keys``."""

from pathlib import Path
from typing import Annotated

import typer

from disio.cli import output
from disio.cli.commands import JsonOption
from disio.dashboard.researchers import Researchers, default_path
from disio.errors import UsageError
from disio.wire import volunteer_keys
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


@app.command()
def researcher(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Whose token; all names if left out.")] = None,
    *,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The dashboard's file of tokens.", show_default="user data")
    ] = None,
    revoke: Annotated[bool, typer.Option("--revoke", help="Make the token void, at once.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a researcher's token, which the dashboard wants beyond loopback. It is shown once, and kept as a hash.

    A name has one token: a new one makes the former void, at once.

    Examples:
      disio keys researcher ada
      disio keys researcher ada --revoke
    """
    if revoke and name is None:
        raise UsageError("say whose token is to be void: disio keys researcher NAME --revoke")
    known = Researchers(file or default_path())
    if name is None:
        print(encode(known.names()).decode() if as_json else "\n".join(known.names()))
    elif revoke:
        known.revoke(name)
        print(encode({"name": name, "revoked": True}).decode() if as_json else f"The token of {name} is void.")
    else:
        renewed = name in known.names()
        token = known.add(name)
        if as_json:
            print(encode({"name": name, "token": token}).decode())
            return
        print(token)
        void = " The one that they had before is void." if renewed else ""
        output.err.print(
            f"This is the token of {name}; it is shown this once.{void} Where the command or Python is used:\n"
            "  export DISIO_TOKEN=...   (or a line `URL TOKEN` in ~/.config/disio/tokens, mode 0600)",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


@app.command()
def volunteer(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it: tasks can trust keys by name.")],
    file: Annotated[
        Path | None, typer.Option("--file", help="File for the key; it must not exist yet.", show_default="NAME.key")
    ] = None,
    known: Annotated[Path, typer.Option("--known", metavar="FILE", help="List of known keys; a line is added.")] = Path(
        "volunteer-keys"
    ),
    as_json: JsonOption = False,
) -> None:
    """Make a key for volunteers of your own: what they answer is believed at once.

    Examples:
      disio keys volunteer lab
      disio distributor --volunteer-keys volunteer-keys
      disio volunteer --key lab.key https://compute.example.org
    """
    target = file or Path(f"{name}.key")
    volunteer_keys.create(name, target, known)
    if as_json:
        print(encode({"name": name, "file": str(target), "known": str(known)}).decode())
    else:
        print(
            f"The key {name} is written to {target}: keep it secret, give it to your own volunteers (--key).\n"
            f"Its hash is in {known}, for distributors (--volunteer-keys {known}); that file is no secret."
        )

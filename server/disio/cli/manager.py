"""``disio manager``."""

from pathlib import Path
from typing import Annotated

import typer

from disio.cli.serving import (
    HostOption,
    KeyOption,
    QuietOption,
    ReadyJsonOption,
    VerboseOption,
    WithParentOption,
    data_directory,
    read_key,
    run_process,
)
from disio.manager import ManagerConfig, serve


def manager(
    *,
    data: Annotated[Path | None, typer.Option(help="Directory of its database.", show_default="user data")] = None,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 7702,
    key: KeyOption = None,
    announce: Annotated[bool, typer.Option("--announce/--no-announce", help="Let others find it by zeroconf.")] = True,
    split_timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds that a unit's split may take from one payload to the next.")
    ] = 60.0,
    reduce_timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that a unit's reduce may take.")] = 3600.0,
    as_json: ReadyJsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    with_parent: WithParentOption = False,
) -> None:
    """Run a manager: it owns tasks.

    Examples:
      disio manager
      disio manager --data /srv/disio/manager --host 10.0.0.5 --key grid.key
    """
    config = ManagerConfig(
        data=data_directory(data, "manager"),
        host=host,
        port=port,
        key=read_key(key),
        announce=announce,
        split_timeout=split_timeout,
        reduce_timeout=reduce_timeout,
    )
    run_process(
        lambda on_ready: serve(config, on_ready),
        lambda facts: f"Manager {facts['id']} listens on {facts['address']}; its data is in {facts['data']}",
        as_json=as_json,
        verbose=verbose,
        quiet=quiet,
        with_parent=with_parent,
    )

"""``disio dashboard``."""

from pathlib import Path
from typing import Annotated

import typer

from disio.cli.serving import (
    DiscoverOption,
    HostOption,
    KeyOption,
    ManagersOption,
    QuietOption,
    ReadyJsonOption,
    VerboseOption,
    WithParentOption,
    read_key,
    run_process,
)
from disio.dashboard import DashboardConfig, serve


def dashboard(
    *,
    host: HostOption = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 7700,
    managers: ManagersOption = None,
    discover: DiscoverOption = True,
    key: KeyOption = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="Answer to this name too; may be repeated."),
    ] = None,
    researchers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Answer only to researchers with a token in this file; beyond loopback always.",
            show_default="user data",
        ),
    ] = None,
    as_json: ReadyJsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    with_parent: WithParentOption = False,
) -> None:
    """Run a dashboard: pages and HTTP API for researchers.

    Examples:
      disio dashboard
      disio dashboard --host 0.0.0.0 --researchers researchers.json
      disio dashboard --manager 10.0.0.5:7702 --no-discover --key grid.key
    """
    config = DashboardConfig(
        host=host,
        port=port,
        managers=tuple(managers or ()),
        discover=discover,
        key=read_key(key),
        allowed_hosts=tuple(allow_host or ()),
        researchers=researchers,
    )
    run_process(
        lambda on_ready: serve(config, on_ready),
        lambda facts: f"Dashboard: open {facts['url']}",
        as_json=as_json,
        verbose=verbose,
        quiet=quiet,
        with_parent=with_parent,
    )

"""How a manager, a distributor or a dashboard runs as a process: options, readiness, signals."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import msgspec
import platformdirs
import typer
from rich.console import Console

from disio.cli.commands import first_expected
from disio.cli.logs import set_up_logs
from disio.errors import DisioError
from disio.wire.zmq import GridKey

Ready = dict[str, Any]
Serve = Callable[[Callable[[Ready], None]], Coroutine[Any, Any, None]]

HostOption = Annotated[str, typer.Option(help="Address to listen on.")]
KeyOption = Annotated[
    Path | None, typer.Option("--key", help="Grid key file, for links between machines (see `disio keys grid`).")
]
ManagersOption = Annotated[
    list[str] | None, typer.Option("--manager", metavar="HOST:PORT", help="A manager's address; may be repeated.")
]
DiscoverOption = Annotated[bool, typer.Option("--discover/--no-discover", help="Find managers by zeroconf.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Log warnings and errors only.")]
ReadyJsonOption = Annotated[bool, typer.Option("--json", help="When ready, say so in one line of JSON.")]
WithParentOption = Annotated[
    bool, typer.Option("--with-parent", hidden=True, help="End when standard input is closed.")
]


def data_directory(chosen: Path | None, kind: str) -> Path:
    """Where a process keeps its data: as chosen, or in the user's data directory."""
    return chosen if chosen is not None else platformdirs.user_data_path("disio") / kind


def read_key(path: Path | None) -> GridKey | None:
    """The grid key in a file, if one is named."""
    return None if path is None else GridKey.read(path)


def run_process(
    serve: Serve,
    describe: Callable[[Ready], str],
    *,
    as_json: bool,
    verbose: bool = False,
    quiet: bool = False,
    with_parent: bool = False,
) -> None:
    """Run ``serve`` until SIGTERM (status 0) or Ctrl-C (status 130).

    Args:
        serve: serves until cancelled, and calls its argument once it accepts work.
        describe: the line for people when it is ready.
        as_json: say that in JSON instead.
        verbose: log more.
        quiet: log less.
        with_parent: end when standard input is closed, which the kernel does when the parent dies; and if it cannot
            start, tell the parent why, in place of the line that says that it is ready.
    """
    set_up_logs(verbose=verbose, quiet=quiet)
    ready = False

    def on_ready(facts: Ready) -> None:
        nonlocal ready
        ready = True
        if as_json:
            _write_line(facts)
        else:
            Console(soft_wrap=True, highlight=False).print(describe(facts))

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_until_stopped(serve(on_ready), with_parent=with_parent))
    except Exception as error:
        expected = first_expected(error)
        if ready or not with_parent or not isinstance(expected, DisioError):
            raise
        _write_line({"error": str(expected), "status": expected.exit_status})
        raise typer.Exit(expected.exit_status) from None


def _write_line(facts: Ready) -> None:
    sys.stdout.write(msgspec.json.encode(facts).decode() + "\n")
    sys.stdout.flush()


async def _until_stopped(serving: Coroutine[Any, Any, None], *, with_parent: bool) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(serving)
    stopped: list[int] = []

    def stop(number: int) -> None:
        stopped.append(number)
        task.cancel()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    if with_parent:
        threading.Thread(target=_watch_parent, daemon=True).start()
    try:
        await task
    except asyncio.CancelledError:
        if not stopped:
            raise
    if signal.SIGINT in stopped:
        raise KeyboardInterrupt


def _watch_parent() -> None:
    # A thread, so that it works even if the event loop is stuck.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(5)
    os._exit(1)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - not there on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop

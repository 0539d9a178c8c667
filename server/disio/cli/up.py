"""``disio up``: a manager, a distributor and a dashboard on one machine, kept running."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import platformdirs
import structlog
import typer

from disio.cli.serving import QuietOption, Ready, ReadyJsonOption, VerboseOption, WithParentOption, run_process
from disio.distributor.guests import is_loopback, refuse_public_trust
from disio.errors import DisioError, UsageError

READY_SECONDS: Final = 30.0
STOP_SECONDS: Final = 4.0
FIRST_PAUSE_SECONDS: Final = 0.2
LONGEST_PAUSE_SECONDS: Final = 10.0
MOST_PORT: Final = 65535
STEADY_SECONDS: Final = 30.0
"""A child that ran for so long is started again at once when it ends."""

log = structlog.get_logger(__name__)


class Child:
    """One of the grid's processes; it ends when this process ends, however that comes about."""

    def __init__(self, kind: str, port: int, options: list[str]) -> None:
        self.kind = kind
        self.ready: Ready = {}
        self._port = port
        self._options = options
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> Ready:
        """Start it, and wait until it is ready.

        Raises:
            UsageError: it cannot be started so, as when its port is in use.
            DisioError: it ended, or said nothing for 30 seconds.
        """
        # -P: what lies in the folder that somebody works in is not for the grid to import.
        # The pipe to its standard input is what it watches: the kernel closes it when this process is gone.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "disio", self.kind, "--json", "--with-parent", "--port", str(self._port)),
            *self._options,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert self._process.stdout is not None  # noqa: S101 - asked for above
        try:
            async with asyncio.timeout(READY_SECONDS):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        facts = msgspec.json.decode(line) if line else {}
        if "ready" not in facts:
            await self.stop()
            raise self._not_started(facts)
        self.ready = facts
        # A distributor's URL is where browsers reach it, perhaps by a proxy: its port it tells itself.
        address = str(facts["address" if self.kind == "manager" else "url"])
        self._port = int(facts["port"] if "port" in facts else address.rpartition(":")[2])
        return self.ready

    def _not_started(self, facts: Ready) -> DisioError:
        if "error" not in facts:
            return DisioError(f"the {self.kind} did not start; what it said is above")
        kind = UsageError if facts["status"] == UsageError.exit_status else DisioError
        reason = str(facts["error"]).replace("--port", f"--{self.kind}-port")
        return kind(f"the {self.kind} did not start: {reason}")

    async def keep(self) -> None:
        """Start it again whenever it ends, with growing pauses."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            began = time.monotonic()
            assert self._process is not None  # noqa: S101 - started before
            status = await self._process.wait()
            if time.monotonic() - began > STEADY_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            log.warning("process ended; starting it again", process=self.kind, status=status, pause=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            try:
                await self.start()
            except DisioError as error:
                log.warning("process did not start", process=self.kind, reason=str(error))

    async def stop(self) -> None:
        """Ask it to end, and make certain; idempotent."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()


async def serve_grid(
    data: Path,
    ports: dict[str, int],
    distributor_options: list[str],
    logging: list[str],
    on_ready: Callable[[Ready], None],
) -> None:
    """Run the three processes until cancelled.

    Raises:
        DisioError: one of them does not start.
    """
    manager = Child("manager", ports["manager"], ["--data", str(data / "manager"), "--no-announce", *logging])
    children = [manager]
    try:
        address = str((await manager.start())["address"])
        link = ["--manager", address, "--no-discover", *logging]
        distributor = Child(
            "distributor", ports["distributor"], ["--data", str(data / "distributor"), *link, *distributor_options]
        )
        dashboard = Child("dashboard", ports["dashboard"], link)
        children += [distributor, dashboard]
        async with asyncio.TaskGroup() as group:
            group.create_task(distributor.start())
            group.create_task(dashboard.start())
        on_ready(
            {
                "ready": "grid",
                "dashboard": dashboard.ready["url"],
                "distributor": distributor.ready["url"],
                "manager": address,
                "data": str(data),
            }
        )
        async with asyncio.TaskGroup() as group:
            for child in children:
                group.create_task(child.keep())
    finally:
        # The manager last: the others need not see it go, and its last acknowledgements reach them.
        await asyncio.gather(*(child.stop() for child in children[1:]))
        await manager.stop()


def _origin(host: str) -> str:
    return f"http://[{host}]" if ":" in host else f"http://{host}"


def _describe(facts: dict[str, Any], *, own: bool) -> str:
    trust = (
        "  Volunteers on this machine count as your own: they are believed at once (--no-trust-loopback: not).\n"
        if own
        else "  Answers are checked: a payload takes volunteers of several networks (docs/trust.md).\n"
    )
    script = f'<script async src="{facts["distributor"]}/disio.js"></script>'
    return (
        "[bold]The grid is up.[/bold] Ctrl-C ends it; what it knows stays in "
        f"{facts['data']}\n\n"
        f"  dashboard   {facts['dashboard']}\n"
        f"  volunteer   {facts['distributor']}\n"
        f"  on a site   {script}\n\n"
        f"{trust}\n"
        f"  disio submit UNIT.py --wait --url {facts['dashboard']}\n"
    )


def _in_range(port: int) -> int:
    """Not ``min`` and ``max``: the help would show the range beside each port, and cut long names for that."""
    if not 0 <= port <= MOST_PORT:
        raise typer.BadParameter(f"{port} is no port; give one from 1 to {MOST_PORT}, or 0 for a free one")
    return port


Port = Annotated[int, typer.Option(metavar="PORT", callback=_in_range, help="Port to listen on; 0 takes a free one.")]


def up(
    *,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Directory of all data.", show_default="user data")
    ] = None,
    host: Annotated[
        str,
        typer.Option(metavar="HOST", help="Address on which volunteers are served; all else stays on loopback."),
    ] = "127.0.0.1",
    public_url: Annotated[
        str,
        typer.Option(metavar="URL", help="Where browsers reach the distributor.", show_default="http://HOST:PORT"),
    ] = "",
    dashboard_port: Port = 7700,
    distributor_port: Port = 7701,
    manager_port: Port = 7702,
    trust_loopback: Annotated[
        bool | None,
        typer.Option(
            "--trust-loopback/--no-trust-loopback",
            help="Believe volunteers on this machine at once.",
            show_default="if only this machine reaches the grid",
        ),
    ] = None,
    as_json: ReadyJsonOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
    with_parent: WithParentOption = False,
) -> None:
    """Start a whole grid on this machine.

    Examples:
      disio up
      disio up --data ./grid --json
      disio up --host 0.0.0.0 --public-url https://compute.example.org
    """
    chosen = (data if data is not None else platformdirs.user_data_path("disio")).absolute()
    ports = {"manager": manager_port, "distributor": distributor_port, "dashboard": dashboard_port}
    options = ["--host", host, *(["--url", public_url] if public_url else [])]
    if trust_loopback is None:
        trust_loopback = is_loopback(public_url or _origin(host))
    if trust_loopback:
        refuse_public_trust(public_url or _origin(host))
        options.append("--trust-loopback")
    logging = ["--verbose"] if verbose else ["--quiet"]
    run_process(
        lambda on_ready: serve_grid(chosen, ports, options, logging, on_ready),
        lambda facts: _describe(facts, own=trust_loopback),
        as_json=as_json,
        verbose=verbose,
        quiet=quiet or not verbose,
        with_parent=with_parent,
    )

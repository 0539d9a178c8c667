"""Who can be killed and frozen: processes of the grid, processes of volunteers, a browser."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from disio.errors import BrowserError, DisioError
from disio.testing import Browser, Grid, Process, open_browser
from disio.testing.processes import die_with_parent

RESTART_SECONDS: Final = 0.5


class Victim(Protocol):
    """A process, or several, that can be killed and frozen."""

    async def kill(self) -> None:
        """End it as a power cut would."""

    async def start(self) -> None:
        """Start it again, with the data that it left."""

    def freeze(self) -> None:
        """Stop it where it stands."""

    def thaw(self) -> None:
        """Let it go on."""


class GridProcess:
    """A manager, a distributor or the dashboard."""

    def __init__(self, grid: Grid, kind: str, number: int) -> None:
        self._grid, self._kind, self._number = grid, kind, number

    @property
    def process(self) -> Process:
        """The present incarnation."""
        found = {"manager": self._grid.managers, "distributor": self._grid.distributors}.get(self._kind)
        dashboard = self._grid.dashboard
        assert dashboard is not None
        return found[self._number] if found else dashboard

    async def kill(self) -> None:
        """End it as a power cut would."""
        await self.process.kill()

    async def start(self) -> None:
        """Start it again, with the data that it left; tried again while it cannot start."""
        while True:
            try:
                await self._grid.restart(self.process)
            except DisioError:
                await asyncio.sleep(RESTART_SECONDS)
            else:
                return

    def freeze(self) -> None:
        """Stop it where it stands."""
        self.process.freeze()

    def thaw(self) -> None:
        """Let it go on."""
        with contextlib.suppress(ProcessLookupError):
            self.process.thaw()


class Volunteers:
    """A process of several protocol-speaking volunteers. Each incarnation has a journal of its own."""

    def __init__(self, name: str, folder: Path, urls: Sequence[str], arguments: Sequence[str]) -> None:
        self._name, self._folder = name, folder
        self._arguments = [*urls, *arguments]
        self._incarnation = 0
        self._child: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; the volunteers are new ones."""
        self._incarnation += 1
        journal = self._folder / f"{self._name}.{self._incarnation}"
        with (self._folder / f"{self._name}.log").open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.chaos.volunteer", *self._arguments, "--journal", str(journal)),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self._child is not None:
            self._signal(signal.SIGKILL)
            await self._child.wait()

    def freeze(self) -> None:
        """Stop it where it stands."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def tell(self, command: str) -> None:
        """Have it misbehave."""
        if self._child is not None and self._child.stdin is not None:
            self._child.stdin.write(command.encode() + b"\n")

    def _signal(self, number: signal.Signals) -> None:
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, number)


class Tab:
    """A real browser on a page that carries the loader."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._open = contextlib.AsyncExitStack()
        self._browser: Browser | None = None

    async def start(self) -> None:
        """Open it, with an empty profile."""
        while True:
            try:
                self._browser = await self._open.enter_async_context(open_browser(self._site))
            except BrowserError:
                await asyncio.sleep(RESTART_SECONDS)
            else:
                return

    async def kill(self) -> None:
        """End it as a crash would."""
        await self._open.aclose()

    def freeze(self) -> None:
        """Stop it where it stands."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self._browser is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._browser.pid, number)

"""A whole grid of real processes in one directory, on free ports of this machine."""

import asyncio
import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Protocol, Self

from disio.client import AsyncClient
from disio.testing.processes import Process


class Ways(Protocol):
    """How the processes of a grid find each other, for tests that stand in between: see :class:`Grid`."""

    def to_manager(self, name: str, number: int) -> str:
        """The address at which the process ``name`` (``distributor-0``) dials manager ``number``."""

    def to_distributor(self, number: int) -> str:
        """The origin at which volunteers find distributor ``number``."""


class Grid:
    """Managers, distributors and a dashboard as real processes. Use as an async context manager.

    Args:
        directory: where data and logs go; a temporary directory if not given.
        managers: how many managers.
        distributors: how many distributors, each linked to all managers.
        dashboard: whether a dashboard is started; needed for ``client``.
        discover: find each other by zeroconf instead of by explicit addresses; nobody else, since the grid gets a name
            of its own unless ``DISIO_GRID`` names one.
        distributor_options: further options for each distributor.
        manager_options: further options for each manager.
        trust_loopback: whether volunteers on this machine are believed at once, as with ``disio up``.
        ways: the addresses by which they find each other; their own if not given.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        managers: int = 1,
        distributors: int = 1,
        dashboard: bool = True,
        discover: bool = False,
        distributor_options: tuple[str, ...] = (),
        manager_options: tuple[str, ...] = (),
        trust_loopback: bool = True,
        ways: Ways | None = None,
    ) -> None:
        self._stack = contextlib.AsyncExitStack()
        self._directory = directory
        self._counts = (managers, distributors, dashboard)
        self._discover = discover
        self._environment = {"DISIO_GRID": os.environ.get("DISIO_GRID") or secrets.token_hex(4)}
        self._ways = ways
        self._options = {"manager": manager_options, "distributor": distributor_options}
        if trust_loopback:
            self._options["distributor"] += ("--trust-loopback",)
        self.managers: list[Process] = []
        self.distributors: list[Process] = []
        self.dashboard: Process | None = None
        self.client: AsyncClient

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def directory(self) -> Path:
        """Where the grid's data and logs are."""
        assert self._directory is not None  # noqa: S101 - set when the grid starts
        return self._directory

    @property
    def url(self) -> str:
        """The first distributor's origin."""
        return str(self.distributors[0].ready["url"])

    async def _start(self) -> None:
        if self._directory is None:
            folder = tempfile.TemporaryDirectory(prefix="disio-grid-", ignore_cleanup_errors=True)
            self._directory = Path(self._stack.enter_context(folder))
        managers, distributors, dashboard = self._counts
        self.managers = list(await asyncio.gather(*(self._start_one("manager", n) for n in range(managers))))
        if dashboard:
            self.dashboard, *others = await asyncio.gather(
                self._start_one("dashboard", 0), *(self._start_one("distributor", n) for n in range(distributors))
            )
            self.distributors = list(others)
            self.client = await self._stack.enter_async_context(AsyncClient(self.dashboard.ready["url"]))
        else:
            self.distributors = list(
                await asyncio.gather(*(self._start_one("distributor", n) for n in range(distributors)))
            )

    async def _start_one(self, kind: str, number: int) -> Process:
        return await self.spawn(self._arguments(kind, number, port=0), f"{kind}-{number}")

    def _arguments(self, kind: str, number: int, *, port: int) -> list[str]:
        arguments = [kind, "--port", str(port), *self._options.get(kind, ())]
        if kind != "dashboard":
            arguments += ["--data", str(self.directory / f"{kind}-{number}")]
        if kind == "manager":
            return arguments if self._discover else [*arguments, "--no-announce"]
        if kind == "distributor" and self._ways is not None:
            arguments += ["--url", self._ways.to_distributor(number)]
        if self._discover:
            return arguments
        for place, manager in enumerate(self.managers):
            ways = self._ways
            address = str(manager.ready["address"]) if ways is None else ways.to_manager(f"{kind}-{number}", place)
            arguments += ["--manager", address]
        return [*arguments, "--no-discover"]

    async def spawn(self, arguments: list[str], name: str) -> Process:
        """Start a further ``disio`` command that ends with the grid."""
        process = Process(arguments, self.directory / f"{name}.log", self._environment)
        self._stack.push_async_callback(process.stop)
        return await process.start()

    async def restart(self, process: Process) -> Process:
        """Start a process that was stopped or killed again: same data, same port. Returns the new one."""
        for kind, members in (("manager", self.managers), ("distributor", self.distributors)):
            if process in members:
                number = members.index(process)
                members[number] = new = await self._start_again(kind, number, process)
                return new
        if process is self.dashboard:
            self.dashboard = await self._start_again("dashboard", 0, process)
            return self.dashboard
        raise ValueError("only a process that this grid started itself can be restarted")

    async def _start_again(self, kind: str, number: int, former: Process) -> Process:
        return await self.spawn(self._arguments(kind, number, port=former.port), f"{kind}-{number}")

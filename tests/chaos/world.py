"""The grid that is attacked: real processes, every link through a relay, every data directory on a disk of its own."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from disio.dashboard.links import Links
from disio.errors import BrowserError, DisioError
from disio.testing import Grid, find_browser, open_site
from disio.testing.site import VOLUNTEERING
from disio.wire import grid
from tests.chaos.disk import Disk, Limited, Mounted
from tests.chaos.namespaces import Namespaces
from tests.chaos.relay import Relay
from tests.chaos.schedule import Kind
from tests.chaos.victims import GridProcess, Tab, Victim, Volunteers

MANAGERS: Final = 2
DISTRIBUTORS: Final = 2
_LOOK_SECONDS: Final = 1.0
_SABOTEURS_EVERY: Final = 3
"""One volunteer in each third process lies where answers are checked."""


class World:
    """All that can be hit. Use as an async context manager.

    Args:
        folder: where everything is kept.
        volunteers: processes of protocol-speaking volunteers.
        each: volunteers in each.
        pace: seconds that one of them rests after each result, until :meth:`be_calm`.
        namespaces: where file systems can be mounted, and the network taken down.
    """

    def __init__(self, folder: Path, *, volunteers: int, each: int, pace: float, namespaces: Namespaces) -> None:
        self.folder = folder
        self.skipped: list[str] = []
        """What could not be done here, and why."""
        self.browsers: set[str] = set()
        """Volunteers that are real browsers, as the managers tell."""
        self.grid: Grid
        self.links: Links
        self.victims: dict[str, Victim] = {}
        self.relays: dict[str, Relay] = {}
        self.disks: dict[str, Disk] = {}
        self._counts = volunteers, each
        self._pace = pace
        self._namespaces = namespaces
        if not namespaces.mounts:
            self.skipped.append("really full disks: no mount namespace is allowed here; file sizes are limited instead")
        if not namespaces.network:
            self.skipped.append("a network that is down: no network namespace is allowed here")
        self._calm = folder / "calm"
        self._stack = contextlib.AsyncExitStack()

    @property
    def saboteurs(self) -> int:
        """How many volunteers lie."""
        return len(range(0, self._counts[0], _SABOTEURS_EVERY))

    # ---- the ways, as a Grid wants to know them --------------------------------------------------

    def to_manager(self, name: str, number: int) -> str:
        """Distributors reach managers through relays; the dashboard is let through."""
        if name == "dashboard-0":
            return str(self.grid.managers[number].ready["address"])
        relay = self.relays[f"{name}:manager-{number}"]
        relay.target = self.grid.managers[number].port
        return f"127.0.0.1:{relay.port}"

    def to_distributor(self, number: int) -> str:
        """Volunteers and browsers reach distributors through relays."""
        return f"http://127.0.0.1:{self.relays[f'volunteers:distributor-{number}'].port}"

    # ---- starting and ending -----------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            self._stack = stack
            await self._start()
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _start(self) -> None:
        for name in [f"distributor-{d}:manager-{m}" for d in range(DISTRIBUTORS) for m in range(MANAGERS)]:
            self.relays[name] = await self._stack.enter_async_context(Relay(name))
        for name in [f"volunteers:distributor-{d}" for d in range(DISTRIBUTORS)]:
            self.relays[name] = await self._stack.enter_async_context(Relay(name))
        self.grid = Grid(
            self.folder,
            managers=MANAGERS,
            distributors=DISTRIBUTORS,
            ways=self,
            distributor_options=("--trusted-proxy", "127.0.0.1"),  # volunteers say which networks they are of
            trust_loopback=False,  # what liars say would be believed outright
        )
        for kind, count in (("manager", MANAGERS), ("distributor", DISTRIBUTORS), ("dashboard", 1)):
            for number in range(count):
                name = f"{kind}-{number}"
                process = self.victims[name] = GridProcess(self.grid, kind, number)
                if kind != "dashboard":
                    self.disks[name] = self._disk(self.folder / name, process)
        await self._stack.enter_async_context(self.grid)
        for number, distributor in enumerate(self.grid.distributors):
            self.relays[f"volunteers:distributor-{number}"].target = distributor.port
        self.links = Links(tuple(str(one.ready["address"]) for one in self.grid.managers), discover=False)
        for watching in (asyncio.create_task(self.links.run()), asyncio.create_task(self._look_for_browsers())):
            self._stack.callback(watching.cancel)

    async def _look_for_browsers(self) -> None:
        while True:
            for link in self.links:
                with contextlib.suppress(DisioError):
                    view = await link.call(grid.GetGrid(), grid.GridView)
                    self.browsers.update(one.volunteer for one in view.volunteers if one.browser != "python")
            await asyncio.sleep(_LOOK_SECONDS)

    def _disk(self, path: Path, process: GridProcess) -> Disk:
        return Mounted(path) if self._namespaces.mounts else Limited(path, lambda: process.process.pid)

    async def open_volunteers(self) -> None:
        """Start everybody who computes."""
        count, each = self._counts
        urls = [self.to_distributor(number) for number in range(DISTRIBUTORS)]
        journals = self.folder / "journals"
        journals.mkdir()
        arguments = ["--count", str(each), "--pace", str(self._pace), "--calm", str(self._calm)]
        for number in range(count):
            name = f"volunteers-{number}"
            saboteurs = "1" if number % _SABOTEURS_EVERY == 0 else "0"
            own = ("--saboteurs", saboteurs, "--network", str(number))
            self.victims[name] = Volunteers(name, journals, urls, [*arguments, *own])
        try:
            find_browser("chromium")
        except BrowserError as error:
            self.skipped.append(f"a real browser: {error}")
        else:
            site = await self._stack.enter_async_context(open_site(urls[0], attributes=VOLUNTEERING))
            self.victims["browser-0"] = Tab(site)
        for name in self.named("volunteers-", "browser-"):
            self._stack.push_async_callback(self.victims[name].kill)
            await self.victims[name].start()

    def be_calm(self) -> None:
        """Volunteers need not rest any more."""
        self._calm.touch()

    async def end_volunteers(self) -> None:
        """Nobody computes any more."""
        await asyncio.gather(*(self.victims[name].kill() for name in self.named("volunteers-", "browser-")))

    async def end_grid(self) -> None:
        """End managers and distributors as a power cut would: what is to be checked is what was durable."""
        await asyncio.gather(*(self.victims[name].kill() for name in self.named("manager-", "distributor-")))

    # ---- what there is --------------------------------------------------------------------------

    def named(self, *beginnings: str) -> list[str]:
        """Victims whose names begin so."""
        return [name for name in self.victims if name.startswith(beginnings)]

    def accepted(self) -> int:
        """Accepted results of all tasks, as last heard."""
        return sum(view.accepted for link in self.links for view in link.tasks.values())

    def targets(self) -> Mapping[Kind, Sequence[Sequence[str]]]:
        """Who can be hit by what, in groups that have their turns."""
        managers, distributors = self.named("manager-"), self.named("distributor-")
        volunteers, browser = self.named("volunteers-"), self.named("browser-")
        inner = [name for name in self.relays if "manager" in name]
        outer = [name for name in self.relays if name.startswith("volunteers:")]
        processes = [managers, distributors, volunteers, browser, self.named("dashboard-")]
        return {
            Kind.KILL: [managers, *processes, distributors],
            Kind.FREEZE: processes,
            Kind.CUT: [inner, outer],
            Kind.CUT_MIDWAY: [inner, outer],
            Kind.STALL: [inner, outer],
            Kind.HALF_CLOSE: [inner, outer],
            Kind.NO_NETWORK: [["loopback"] if self._namespaces.network else []],
            Kind.FILL: [managers, distributors],
            Kind.REPLAY: [volunteers],
            Kind.STEAL: [volunteers],
            Kind.WITHHOLD: [volunteers],
        }

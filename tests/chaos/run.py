"""One run: submit, disturb, wait for the end, check."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from tests.chaos.checker import BROWSERS, LIES, Findings, check_manager, check_spool
from tests.chaos.journal import Entry, read
from tests.chaos.killer import Killer
from tests.chaos.namespaces import Namespaces
from tests.chaos.processes import Memory, adopt_orphans, descendants
from tests.chaos.schedule import Fault, make_schedule
from tests.chaos.victims import GridProcess
from tests.chaos.work import Work, make_work
from tests.chaos.world import MANAGERS, World

GROWTH_MIB: Final = 64
"""What a manager or a distributor may take beyond what it had when it was warm."""
LEFT_SECONDS: Final = 10.0
FLAT: Final = f"managers and distributors grow by less than {GROWTH_MIB} MiB once they are warm"
BROWSED: Final = "a real browser has computed too"
LIED: Final = "liars have lied where answers are checked"
NOBODY_LEFT: Final = "no process is left behind"
INFLICTED: Final = "every fault of the schedule took place"
IN_TIME: Final = "the work came to its end in time"
_MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class Size:
    """How large a run is."""

    payloads: int
    faults: int
    volunteers: int
    """Processes of protocol-speaking volunteers."""
    each: int
    """Volunteers in each."""
    pace: float
    """Seconds that a volunteer rests after each result while faults happen."""
    patience: float
    """Factor on how long faults last."""
    seconds: float
    """When it is given up."""


FULL: Final = Size(payloads=100_000, faults=200, volunteers=6, each=4, pace=0.1, patience=1.0, seconds=1500.0)
SHORT: Final = Size(payloads=10_000, faults=20, volunteers=3, each=3, pace=0.04, patience=0.6, seconds=150.0)


@dataclass
class Outcome:
    """What a run found."""

    seed: int
    faults: dict[str, int] = field(default_factory=dict)
    findings: Findings = field(default_factory=Findings)
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Most bytes, and growth since warm, by process."""
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether everything holds."""
        return self.findings.ok


Watcher = Callable[[int, int, Fault | None], None]
"""Told how many results are accepted, how many faults have begun, and the newest one."""


async def chaos(folder: Path, seed: int, size: Size, *, namespaces: Namespaces, watcher: Watcher) -> Outcome:
    """Run it.

    Args:
        folder: an empty one; it holds all that the run leaves.
        seed: decides the schedule of faults.
        size: how large.
        namespaces: where file systems can be mounted, and the network taken down.
        watcher: told how it goes.
    """
    adopt_orphans()
    began = time.monotonic()
    before = set(descendants())
    outcome = Outcome(seed)
    findings = outcome.findings
    world = World(folder, volunteers=size.volunteers, each=size.each, pace=size.pace, namespaces=namespaces)
    async with world:
        works = await _submit(world, size.payloads)
        memory = Memory(lambda: _processes(world))
        watching = asyncio.create_task(memory.watch())
        try:
            await world.open_volunteers()
            await _attack(world, works, size, outcome, watcher)
            await world.end_volunteers()
        finally:
            watching.cancel()
        await world.end_grid()
        await asyncio.to_thread(_check, world, works, findings)
        outcome.skipped = list(world.skipped)
    for name, most in memory.most.items():
        outcome.memory[name] = most, memory.growth.get(name, 0)
    grown = [f"{name}: {size // _MIB} MiB" for name, size in memory.growth.items() if size > GROWTH_MIB * _MIB]
    findings.note(FLAT, "memory", grown)
    findings.note(NOBODY_LEFT, "processes", await _left(before))
    outcome.seconds = time.monotonic() - began
    return outcome


async def _submit(world: World, payloads: int) -> dict[str, Work]:
    works = {}
    for manager in world.grid.managers:
        for work in make_work(payloads // MANAGERS):
            task = await world.grid.client.submit(work.path, work.params, manager=str(manager.ready["id"]))
            works[task.id] = work
    return works


async def _attack(world: World, works: dict[str, Work], size: Size, outcome: Outcome, watcher: Watcher) -> None:
    total = sum(work.count for work in works.values())
    faults = make_schedule(outcome.seed, size.faults, total, world.targets(), patience=size.patience)
    begun: list[Fault] = []
    killer = Killer(world, begun.append)

    async def show() -> None:
        while True:
            watcher(world.accepted(), len(begun), begun[-1] if begun else None)
            await asyncio.sleep(0.2)

    showing = asyncio.create_task(show())
    try:
        async with asyncio.timeout(size.seconds):
            await killer.run(faults)
            world.be_calm()
            await _finished(world, works)
            await _delivered(world)
    except TimeoutError:
        outcome.findings.note(IN_TIME, "the grid", [_where(world, len(begun))])
    else:
        outcome.findings.note(IN_TIME, "the grid", [])
    finally:
        showing.cancel()
        watcher(world.accepted(), len(begun), None)
    outcome.faults = {str(kind): count for kind, count in sorted(killer.done.items())}
    missing = size.faults - killer.done.total()
    outcome.findings.note(INFLICTED, "the killer", [f"{missing} did not"] if missing else [])


async def _finished(world: World, works: dict[str, Work]) -> None:
    version = -1
    while True:
        tasks = {task: view for link in world.links for task, view in link.tasks.items()}
        if all(task in tasks and tasks[task].finished is not None for task in works):
            return
        version = await world.links.news(version, 1.0)


async def _delivered(world: World) -> None:
    """Return once no spool holds anything."""
    async with httpx.AsyncClient(trust_env=False) as http:
        for distributor in world.grid.distributors:
            while True:
                try:
                    metrics = (await http.get(f"http://127.0.0.1:{distributor.port}/metrics")).text
                    if "disio_spool_frames 0.0" in metrics:
                        break
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(0.2)


def _where(world: World, begun: int) -> str:
    open_tasks = [
        f"{view.task} {view.state} {view.accepted}/{view.payloads} ready {view.ready} leased {view.leased}"
        for link in world.links
        for view in link.tasks.values()
        if view.finished is None
    ]
    return f"{begun} faults had begun; not finished: {'; '.join(open_tasks) or 'none, but a spool holds results'}"


def _processes(world: World) -> dict[str, int]:
    found = {}
    for name in world.named("manager-", "distributor-"):
        victim = world.victims[name]
        if isinstance(victim, GridProcess) and victim.process.running:
            found[name] = victim.process.pid
    return found


def _check(world: World, works: dict[str, Work], findings: Findings) -> None:
    journals = list(_entries(world.folder / "journals"))
    findings.count("results refused", sum(not entry.acknowledged for entry in journals))
    for name in world.named("manager-"):
        check_manager(world.folder / name / "manager.sqlite3", works, journals, findings, world.browsers)
    for name in world.named("distributor-"):
        check_spool(world.folder / name / "spool.sqlite3", findings)
    if world.saboteurs > 1:  # one alone may happen to be given nothing of that
        findings.note(LIED, "saboteurs", [] if findings.facts[LIES] else ["none of them was given what is checked"])
    if world.named("browser-"):
        findings.note(BROWSED, "browser-0", [] if findings.facts[BROWSERS] else ["it has answered nothing"])


def _entries(folder: Path) -> Iterator[Entry]:
    for path in sorted(folder.iterdir()):
        if path.suffix != ".log":
            yield from read(path)


async def _left(before: set[str]) -> list[str]:
    """Who is still there that was not before; those that are just ending are waited for."""
    deadline = time.monotonic() + LEFT_SECONDS
    while (left := sorted(set(descendants()) - before)) and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
    return left

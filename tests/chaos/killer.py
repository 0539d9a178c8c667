"""Carries a schedule of faults out, and undoes each after its time."""

import asyncio
import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Final

from tests.chaos.namespaces import set_network
from tests.chaos.schedule import Fault, Kind
from tests.chaos.victims import Volunteers
from tests.chaos.world import World

AT_ONCE: Final = 3
"""So many faults last at the same time at most: some way through the grid is to be left."""
LOOK_SECONDS: Final = 0.05


class Killer:
    """Hits a world.

    Args:
        world: what is hit.
        tell: called with each fault when it begins.
    """

    def __init__(self, world: World, tell: Callable[[Fault], None]) -> None:
        self._world = world
        self._tell = tell
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.done: Counter[Kind] = Counter()
        self.lasting = 0
        """Faults under way."""

    async def run(self, faults: Sequence[Fault]) -> None:
        """Carry all faults out; returns when all are undone."""
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                while self._world.accepted() < fault.after:
                    await asyncio.sleep(LOOK_SECONDS)
                await self._slots.acquire()
                group.create_task(self._inflict(fault))

    async def _inflict(self, fault: Fault) -> None:
        self.lasting += 1
        try:
            async with self._turns[fault.target]:
                self._tell(fault)
                await self._hit(fault)
                self.done[fault.kind] += 1
        finally:
            self.lasting -= 1
            self._slots.release()

    async def _hit(self, fault: Fault) -> None:
        match fault.kind:
            case Kind.KILL | Kind.FREEZE:
                await self._hit_process(fault)
            case Kind.FILL:
                await self._hit_disk(fault)
            case Kind.NO_NETWORK:
                await self._hit_network(fault)
            case Kind.REPLAY | Kind.STEAL | Kind.WITHHOLD:
                await self._misbehave(fault)
            case _:
                await self._hit_link(fault)

    async def _hit_process(self, fault: Fault) -> None:
        victim = self._world.victims[fault.target]
        if fault.kind is Kind.KILL:
            await victim.kill()
            await asyncio.sleep(fault.seconds)
            await victim.start()
        else:
            victim.freeze()
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                victim.thaw()

    async def _hit_disk(self, fault: Fault) -> None:
        """A distributor's disk is needed only while its managers are away: its links to them are cut too."""
        disk = self._world.disks[fault.target]
        links = [name for name in self._world.relays if name.startswith(f"{fault.target}:")]
        async with contextlib.AsyncExitStack() as stack:
            for name in links:
                await stack.enter_async_context(self._turns[name])
                stack.callback(self._world.relays[name].mend)
            stack.callback(disk.free)
            await asyncio.to_thread(disk.fill)
            for name in links:
                self._world.relays[name].cut()
            await asyncio.sleep(fault.seconds)

    async def _hit_network(self, fault: Fault) -> None:
        await asyncio.to_thread(set_network, up=False)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            set_network(up=True)

    async def _misbehave(self, fault: Fault) -> None:
        victim = self._world.victims[fault.target]
        assert isinstance(victim, Volunteers)
        command = {Kind.REPLAY: "replay", Kind.STEAL: "steal"}.get(fault.kind)
        if command:
            victim.tell(f"{command} {1 + fault.size // 100}")
        else:
            victim.tell(f"withhold {fault.seconds}")
            await asyncio.sleep(fault.seconds)

    async def _hit_link(self, fault: Fault) -> None:
        relay = self._world.relays[fault.target]
        match fault.kind:
            case Kind.CUT:
                relay.cut()
            case Kind.STALL:
                relay.stall()
            case Kind.HALF_CLOSE:
                relay.half_close()
            case _:
                relay.cut_midway(fault.size)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            relay.mend()

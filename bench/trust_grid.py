"""The shorter run of ``bench trust``: visits, some of them by saboteurs, against a real manager through its socket."""

import asyncio
import random
import secrets
from collections.abc import Iterable
from typing import NamedTuple

from disio.testing import Grid
from disio.unit.codec import decode, encode
from disio.wire import grid
from disio.wire.volunteer import Agent, ResultItem
from disio.wire.zmq import Dialer

UNIT = '"""Doubles."""\ndef run(payload):\n    return payload * 2\n'
VISIT = 20
TABS = 60
WRONG = encode(-1)


class Measured(NamedTuple):
    """What came of a run."""

    payloads: int
    executions: int
    wrong: int
    blacklisted: int


class Visits:
    """One distributor with so many volunteers at a time, each of a network of its own and for twenty payloads."""

    def __init__(self, dialer: Dialer, bad: float, rate: float, seed: int) -> None:
        self._dialer = dialer
        self._bad, self._rate = bad, rate
        self._rng = random.Random(seed)
        self._left: dict[str, int] = {}
        self._saboteurs: set[str] = set()
        self._falsified: dict[int, bool] = {}
        self._salt = b""

    async def run(self) -> None:
        """Compute until cancelled."""
        hello = grid.DistributorHello(
            version=grid.GRID_VERSION, distributor="bench", session=secrets.token_hex(4), url="http://bench.test"
        )
        async for _ in self._dialer.changes():
            break  # it is linked now: what is sent before that is lost
        await self._dialer.send(hello)
        while not isinstance(welcome := await self._dialer.receive(), grid.Welcome):
            pass
        self._salt = welcome.salt
        for _ in range(TABS):
            await self._arrive(self._rng.randrange(1, VISIT + 1))
        beats = asyncio.create_task(self._beat())
        try:
            while True:
                await self._take(await self._dialer.receive())
        finally:
            beats.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(1)
            await self._dialer.send(grid.Beat())

    async def _take(self, message: grid.FromManager) -> None:
        match message:
            case grid.Grant():
                await self._answer(message)
            case grid.Dry():
                for name in message.volunteers:
                    await self._leave(name)
            case _:
                pass

    async def _arrive(self, payloads: int = VISIT) -> None:
        name = secrets.token_hex(8)
        if self._rng.random() < self._bad:
            self._saboteurs.add(name)
        self._left[name] = payloads
        await self._dialer.send(
            grid.Joined(
                volunteer=name,
                site="",
                agent=Agent(browser="bench"),
                workers=1,
                network=f"net {name}",
                salt=self._salt,
            )
        )
        await self._dialer.send(grid.Want([grid.Ask(name, 1)]))

    async def _leave(self, name: str) -> None:
        if self._left.pop(name, None) is not None:
            await self._dialer.send(grid.Left(name))
            await self._arrive()

    async def _answer(self, grant: grid.Grant) -> None:
        name = grant.volunteer
        if name not in self._left:
            return
        answers, start = [], 0
        for item in grant.items:
            payload = decode(bytes(grant.data[start : start + item.size]))
            start += item.size
            answers.append(WRONG if self._lies(name, payload) else encode(payload * 2))
        items = [ResultItem(item.lease, 0, len(answer), 1.0) for item, answer in zip(grant.items, answers, strict=True)]
        await self._dialer.send(grid.Results(grant.task, name, items, b"".join(answers)))
        self._left[name] -= len(items)
        if self._left[name] <= 0:
            await self._leave(name)
        else:
            await self._dialer.send(grid.Want([grid.Ask(name, 1)]))

    def _lies(self, name: str, payload: int) -> bool:
        """Saboteurs agree on the payloads that all of them falsify, in the same way."""
        if payload not in self._falsified:
            self._falsified[payload] = self._rng.random() < self._rate
        return name in self._saboteurs and self._falsified[payload]


async def measure_grid(checking: dict[str, float], bad: float, rate: float, *, payloads: int, seed: int) -> Measured:
    """A task by a manager in a process of its own; every saboteur gives the same wrong answer."""
    async with Grid(distributors=0) as running:
        task = await running.client.submit(
            source=UNIT, filename="double.py", params={"stop": payloads}, checking=checking
        )
        async with Dialer(str(running.managers[0].ready["address"])) as dialer:
            visits = asyncio.create_task(Visits(dialer, bad, rate, seed).run())
            waiting = asyncio.create_task(running.client.wait(task.id, timeout=600))
            await asyncio.wait((visits, waiting), return_when=asyncio.FIRST_COMPLETED)
            visits.cancel()
            ended = await waiting
        results = [result async for result in running.client.results(task.id)]
        wrong = _count(result.value != result.payload * 2 for result in results)
        return Measured(ended.accepted, ended.executions, wrong, ended.blacklisted)


def _count(cases: Iterable[bool]) -> int:
    return sum(cases)

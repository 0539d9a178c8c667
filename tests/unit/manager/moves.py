"""What may happen to a manager, in any order: a real ledger on a real database, driven by hypothesis."""

import asyncio
import contextlib
import shutil
import tempfile
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from disio.manager.feeding import fill, judge_doubts
from disio.manager.granting import keep_promise
from disio.manager.intake import Intake
from disio.manager.ledger import Ledger
from disio.manager.matching import match
from disio.manager.restoring import restore
from disio.manager.store import Store
from disio.manager.tasks import Task
from disio.task.credibility import Rules
from disio.unit.codec import encode
from disio.wire import grid
from disio.wire.volunteer import Agent, ResultItem

VOLUNTEERS = ("a", "b", "c")
PEER = b"peer"
FAILURE = b'{"kind":"exception","message":"no","traceback":""}'
volunteers = st.sampled_from(VOLUNTEERS)


class Moves(RuleBasedStateMachine):
    """Volunteers ask, answer, fail, leave, come back; leases expire; the manager restarts."""

    asked = Rules(error_rate=1)

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp(prefix="disio-moves-"))
        self.now = 1000.0
        self.payloads = 0
        self.leases: dict[str, set[int]] = {volunteer: set() for volunteer in VOLUNTEERS}
        self.sent: list[tuple[str, int]] = []
        self.acked: set[int] = set()
        self.number = 0
        self.complete = False
        self.run(self.start())

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a step in the machine's event loop."""
        self.loop.run_until_complete(work)

    def teardown(self) -> None:
        """Close the database."""
        self.run(self.stop())
        self.loop.close()
        shutil.rmtree(self.directory)

    async def start(self) -> None:
        """Open the database, as a process does when it starts."""
        self.stack = contextlib.AsyncExitStack()
        self.store = await self.stack.enter_async_context(Store(self.directory))
        self.ledger = Ledger(self.store, grace=15.0)
        self.intake = Intake(self.ledger)
        await restore(self.ledger, self.now)
        hello = grid.DistributorHello(version=grid.GRID_VERSION, distributor="d", session="s", url="u")
        self.distributor = self.ledger.links.hello(PEER, hello, self.now, 0.0)

    async def stop(self) -> None:
        """Close the database; what was not committed is lost, as by SIGKILL."""
        self.ledger.tasks.close()
        await self.stack.aclose()

    async def round(self) -> None:
        """One round of the manager; what it sends arrives."""
        match(self.ledger, self.now)
        while not self.ledger.promises.empty():
            promise = self.ledger.promises.get_nowait()
            await fill(self.ledger, promise)
            keep_promise(self.ledger, promise)
        outbox = self.ledger.outbox.take()
        await self.store.commit()
        while not self.ledger.belief.doubts.empty():
            judging = asyncio.ensure_future(judge_doubts(self.ledger, self.ledger.belief.doubts.get_nowait()))
            while not judging.done():
                await asyncio.sleep(0)
                await self.store.commit()
            await judging
            await self.store.commit()
        for _, message in outbox:
            if isinstance(message, grid.Grant):
                for item in message.items:
                    self.leases[message.volunteer].add(item.lease)
            elif isinstance(message, grid.Ack):
                assert not self.acked & set(message.rejected)
                self.acked.update(message.leases)

    @property
    def task(self) -> Task:
        """The one task."""
        return self.ledger.tasks.by_number(self.number)

    @property
    def running(self) -> bool:
        """Whether the task still hands out payloads."""
        return self.number in self.ledger.schedule.queues

    @initialize(count=st.integers(1, 12))
    def submit(self, count: int) -> None:
        """A task with its first payloads."""

        async def step() -> None:
            self.number = self.ledger.store.take_task_number()
            task = Task(
                id=f"{self.store.manager}-{self.number}",
                number=self.number,
                name="n",
                filename="f.py",
                description="",
                unit="0" * 64,
                params=b"null",
                priority=0,
                timeout=10.0,
                has_split=True,
                has_reduce=False,
                created=time.time(),
                rules=self.asked,
            )
            self.store.group.tasks.append(task.new_row())
            self.ledger.open(task)
            await self.round()

        self.run(step())
        self.split(count)
        for volunteer in VOLUNTEERS:
            self.join(volunteer, all_held=False)
            self.want(volunteer, 10)

    @precondition(lambda self: self.number and not self.complete)
    @rule(count=st.integers(1, 12))
    def split(self, count: int) -> None:
        """Split gives more payloads."""

        async def step() -> None:
            new = [(index, encode(index)) for index in range(self.payloads, self.payloads + count)]
            self.store.group.payloads.extend((self.number, *payload) for payload in new)
            self.task.stored += count
            self.ledger.tasks.changed(self.task)
            await self.round()
            self.task.queue.add(new)
            self.payloads += count

        self.run(step())

    @precondition(lambda self: self.number and not self.complete)
    @rule()
    def split_ends(self) -> None:
        """There will be no more payloads."""

        async def step() -> None:
            self.complete = True
            self.task.split_done = self.task.queue.complete = True
            self.ledger.tasks.changed(self.task)
            self.ledger.settle(self.task)
            await self.round()

        self.run(step())

    @rule(volunteer=volunteers, all_held=st.booleans())
    def join(self, volunteer: str, *, all_held: bool) -> None:
        """A volunteer is announced, holding what it was given, or nothing."""

        async def step() -> None:
            holding = sorted(self.leases[volunteer]) if all_held else []
            if not all_held:
                self.leases[volunteer].clear()
            joined = grid.Joined(volunteer=volunteer, site="", agent=Agent(), workers=1, holding={"t": holding})
            self.ledger.join(self.distributor, joined, self.now)
            await self.round()

        self.run(step())
        self.want(volunteer, 10)

    @rule(volunteer=volunteers, count=st.integers(0, 10))
    def want(self, volunteer: str, count: int) -> None:
        """A volunteer asks for payloads."""

        async def step() -> None:
            self.ledger.links.want(self.distributor, [grid.Ask(volunteer, count)])
            await self.round()

        self.run(step())

    @precondition(lambda self: any(self.leases.values()))
    @rule(data=st.data(), fails=st.booleans())
    def answer(self, data: st.DataObject, *, fails: bool) -> None:
        """A volunteer answers some of what it was ever given (so some answers are late), or fails."""
        volunteer = data.draw(st.sampled_from([name for name, held in self.leases.items() if held]))
        chosen = data.draw(st.sets(st.sampled_from(sorted(self.leases[volunteer])), min_size=1, max_size=3))
        self.leases[volunteer] -= chosen
        self.sent += [(volunteer, lease) for lease in chosen]
        self.run(self.deliver(volunteer, sorted(chosen), fails=fails))
        self.want(volunteer, 10)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def answer_again(self, data: st.DataObject) -> None:
        """A result comes a second time."""
        volunteer, lease = data.draw(st.sampled_from(self.sent))
        before = self.task.executions
        self.run(self.deliver(volunteer, [lease], fails=False))
        assert self.task.executions == before

    async def deliver(self, volunteer: str, leases: list[int], *, fails: bool, answer: bytes = b"1") -> None:
        """Results arrive; those that the book does not know are looked up."""
        body = FAILURE if fails else answer
        items = [ResultItem(lease, int(fails), len(body), 1.0) for lease in leases]
        message = grid.Results(self.task.id, volunteer, items, body * len(items))
        unknown = self.intake.take(PEER, message, self.now)
        if unknown:
            recalled = asyncio.ensure_future(self.intake.recall(PEER, self.task.id, volunteer, unknown))
            await asyncio.sleep(0)
            await self.round()
            await recalled
        await self.round()

    @rule(volunteer=volunteers)
    def leave(self, volunteer: str) -> None:
        """A volunteer's connection ends."""

        async def step() -> None:
            if self.ledger.links.leave(self.distributor, volunteer):
                self.ledger.leave(volunteer)
            await self.round()

        self.run(step())

    @rule(volunteer=volunteers)
    def give_back(self, volunteer: str) -> None:
        """A volunteer returns what it holds."""

        async def step() -> None:
            self.ledger.end(self.ledger.book.end(sorted(self.leases[volunteer]), volunteer))
            await self.round()

        self.run(step())

    @rule(seconds=st.sampled_from([1.0, 20.0, 200.0]))
    def wait(self, seconds: float) -> None:
        """Time passes: deadlines, and the end of waiting for volunteers that have vanished."""

        async def step() -> None:
            self.now += seconds
            for volunteer in self.ledger.links.gave_up(self.now):
                self.ledger.leave(volunteer)
            self.ledger.expire(self.now)
            await self.round()

        self.run(step())

    @precondition(lambda self: self.number)
    @rule()
    def restart(self) -> None:
        """The manager is killed and started again."""

        async def step() -> None:
            await self.stop()
            await self.start()
            await self.round()

        self.run(step())
        if self.complete:
            assert self.task.split_done

    @invariant()
    def every_payload_is_in_one_place(self) -> None:
        """Waiting, leased and settled payloads add up; the book and the queue agree."""
        if self.number and self.running:
            task = self.task
            assert task.queue.leased == len(self.ledger.book)
            assert task.accepted + task.failed <= self.payloads
        if self.number and self.running and self.asked.plain_votes == 1:
            out = sum(bool(self.ledger.book.leases_of(self.number, index)) for index in range(self.payloads))
            assert out <= task.queue.leased, "a copy of what is out for long is one more lease"
            assert task.queue.arbiter.waiting + out + task.accepted + task.failed == self.payloads
            assert task.accepted + task.failed <= self.payloads

    @invariant()
    def what_is_acknowledged_is_stored(self) -> None:
        """Every acknowledged result is in the database."""

        async def look() -> None:
            stored = await self.store.answered(sorted(self.acked))
            assert set(stored) == self.acked

        if self.acked:
            self.run(look())

    def finish(self) -> None:
        """With willing volunteers the task comes to its end, each payload settled once."""

        async def step() -> None:
            turn = 0
            while self.running:
                self.now += 200.0
                self.ledger.expire(self.now)
                turn += 1
                willing = VOLUNTEERS if self.asked.plain_votes == 1 else [f"new {turn} {n}" for n in range(4)]
                for volunteer in willing:
                    self.leases.setdefault(volunteer, set())
                    joined = grid.Joined(volunteer=volunteer, site="", agent=Agent(), workers=1)
                    self.ledger.join(self.distributor, joined, self.now)
                    self.ledger.links.want(self.distributor, [grid.Ask(volunteer, 100)])
                await self.round()
                for volunteer in willing:
                    if self.running:
                        await self.deliver(volunteer, sorted(self.leases[volunteer]), fails=False)
                    self.leases[volunteer].clear()
                for volunteer in willing if self.asked.plain_votes != 1 else ():
                    if self.ledger.links.leave(self.distributor, volunteer):
                        self.ledger.leave(volunteer)
                await self.round()
            results = await self.store.results(self.number, -1, 10_000)
            failures = await self.store.failures(self.number, -1, 10_000)
            settled = [row["idx"] for row in results] + [row["idx"] for row, _ in failures]
            assert sorted(settled) == list(range(self.payloads))
            assert (len(results), len(failures)) == (self.task.accepted, self.task.failed)
            assert await self.store.leases() == []

        if self.number:
            if not self.complete:
                self.split_ends()
            self.run(asyncio.wait_for(step(), 20))

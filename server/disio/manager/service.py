"""The manager process: sockets, rounds, beats.

Work is done in rounds. Messages that came meanwhile are taken in, demand is matched, everything that this
changed is written in one transaction, and what is to be told because of it is sent when that is durable.
So acknowledgements mean durable, and batches form by themselves under load.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from disio.errors import ProtocolError
from disio.manager.agreeing import compare_answers
from disio.manager.calls import Calls
from disio.manager.config import ManagerConfig
from disio.manager.feeding import judge_anew, keep_promises, make_answer, make_payloads
from disio.manager.intake import Intake
from disio.manager.ledger import Ledger
from disio.manager.links import Distributor
from disio.manager.matching import match
from disio.manager.removing import Remover
from disio.manager.restoring import restore
from disio.manager.sandbox import tidy
from disio.manager.store import Store
from disio.manager.tasks import Task
from disio.task.model import TaskState
from disio.wire import grid
from disio.wire.discovery import Announcement
from disio.wire.zmq import HEARTBEAT_SECONDS, SILENCE_SECONDS, Listener

TICK_SECONDS: Final = 0.25
SALT_SECONDS: Final = 86_400.0
"""How long networks keep their names, at least."""
HOLD_SECONDS: Final = 0.25
"""Messages wait for the database so long at most: calls and beats are answered even while a disk is full."""
MAX_CALLS: Final = 1000
"""Calls that are answered at once, those included that wait for news."""
_MESSAGES_AT_ONCE: Final = 256

_log = structlog.get_logger("disio.manager")


async def serve(config: ManagerConfig, on_ready: Callable[[dict[str, Any]], None]) -> None:
    """Run a manager until cancelled.

    Args:
        config: its settings.
        on_ready: called once when it accepts work, with ``ready``, ``id``, ``address`` and ``data``.

    Raises:
        StoreError: its database cannot be used.
        UsageError: it cannot listen at its address.
    """
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store(config.data))
        await asyncio.to_thread(tidy, store.manager)
        listener = await stack.enter_async_context(Listener(config.host, config.port, config.key))
        if not store.salt:
            store.renew_salt(time.time())
        service = Service(config, store, listener)
        stack.callback(service.close)
        await restore(service.ledger, asyncio.get_running_loop().time())
        if config.announce:
            port = int(listener.address.rpartition(":")[2])
            await stack.enter_async_context(Announcement("manager", store.manager, config.host, port))
        facts = {"ready": "manager", "id": store.manager, "address": listener.address, "data": str(config.data)}
        await service.run(lambda: on_ready(facts))


class Service:
    """A manager with an open store and a bound socket."""

    def __init__(self, config: ManagerConfig, store: Store, listener: Listener) -> None:
        self.ledger = Ledger(store, config.grace)
        self._config = config
        self._store = store
        self._listener = listener
        self._intake = Intake(self.ledger)
        self._files = self.ledger.files
        self._remover = Remover(self.ledger)
        self._calls = Calls(self.ledger, self._files, self._remover, listener.address)
        self._group: asyncio.TaskGroup
        self._calling = 0
        self._callers: set[bytes] = set()
        self._may_receive = asyncio.Event()

    async def run(self, ready: Callable[[], None]) -> None:
        """Work until cancelled; ``ready`` is called once everything runs."""
        self._may_receive.set()
        async with asyncio.TaskGroup() as group:
            self._group = group
            for loop in (self._receive, self._rounds, self._tick, self._splits, self._reduces):
                group.create_task(loop())
            group.create_task(keep_promises(self.ledger))
            group.create_task(judge_anew(self.ledger))
            group.create_task(compare_answers(self.ledger, self._config.agree_limits))
            group.create_task(self._remover.run())
            group.create_task(self._files.collect())
            ready()

    def close(self) -> None:
        """Leave nothing that runs later."""
        self.ledger.tasks.close()

    # ---- rounds ------------------------------------------------------------------------------

    async def _receive(self) -> None:
        while True:
            for _ in range(_MESSAGES_AT_ONCE):
                # While a group is written the loop rests: the thread that writes needs the interpreter.
                await self._may_receive.wait()
                peer, part = await self._listener.receive()
                try:
                    await self._take(peer, grid.decode_to_manager(part))
                except ProtocolError as error:
                    _log.warning("message not understood", reason=str(error))
            await asyncio.sleep(0)

    async def _rounds(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self.ledger.due.wait()
            self.ledger.due.clear()
            match(self.ledger, loop.time())
            outbox = self.ledger.outbox.take()
            self._may_receive.clear()
            hold = loop.call_later(HOLD_SECONDS, self._may_receive.set)
            await self._store.commit()
            hold.cancel()
            self._may_receive.set()
            for peer, message in outbox:
                await self._send(peer, message)

    async def _send(self, peer: bytes, message: grid.FromManager) -> None:
        distributor = self.ledger.links.distributors.get(peer)
        if distributor is not None:
            distributor.told = asyncio.get_running_loop().time()
        if not await self._listener.send(peer, message):
            self._callers.discard(peer)
            if distributor is not None:
                self._lose(distributor, "unreachable")

    async def _tick(self) -> None:
        """Beats, silence, deadlines, and those who are not waited for any longer."""
        loop = asyncio.get_running_loop()
        ledger, links = self.ledger, self.ledger.links
        before = loop.time()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = loop.time()
            stalled = now - before > HEARTBEAT_SECONDS
            before = now
            for distributor in list(links.distributors.values()):
                if stalled:  # it was us who did not listen
                    distributor.heard = now
                if now - distributor.heard > SILENCE_SECONDS:
                    self._lose(distributor, "silent")
                elif now - distributor.told >= HEARTBEAT_SECONDS:
                    await self._send(distributor.peer, grid.Beat())
            await self._tell_cluster()
            purposes = ledger.tasks.purposes()
            for peer in links.uninformed(purposes):
                await self._send(peer, grid.Purposes(purposes))
            for volunteer in links.gave_up(now):
                ledger.leave(volunteer)
            ledger.expire(now)
            ledger.belief.forget_final()
            await self._forget_networks(time.time())
            ledger.tasks.refresh(now)
            ledger.stir(now)

    async def _forget_networks(self, now: float) -> None:
        """Give networks other names once a day, when no task needs the old ones."""
        if abs(now - self._store.salted) < SALT_SECONDS or self.ledger.under_way:
            return
        renewed = self._store.group.done
        self._store.renew_salt(now)
        self.ledger.due.set()
        self._group.create_task(self._forget_salt(renewed))
        for peer in list(self.ledger.links.distributors):
            await self._send(peer, grid.WhoAreYou())

    async def _forget_salt(self, renewed: asyncio.Future[None]) -> None:
        """The former salt goes from the log too, once the new one is durable."""
        await renewed
        with contextlib.suppress(sqlite3.OperationalError):  # on a full disk it goes when the log is next written over
            await self._store.upkeep.empty_log()

    async def _tell_cluster(self, *, new: bool = False) -> None:
        cluster = self.ledger.links.cluster(new=new)
        if cluster is not None:
            for peer in list(self.ledger.links.distributors):
                await self._send(peer, cluster)

    def _lose(self, distributor: Distributor, why: str) -> None:
        lost = len(distributor.volunteers)
        tell = _log.warning if lost else _log.info
        tell("distributor lost", distributor=distributor.id, reason=why, volunteers=lost)
        self.ledger.links.lose(distributor, asyncio.get_running_loop().time())

    # ---- messages ----------------------------------------------------------------------------

    async def _take(self, peer: bytes, message: grid.ToManager) -> None:
        links = self.ledger.links
        now = asyncio.get_running_loop().time()
        distributor = links.distributors.get(peer)
        if distributor is not None:
            distributor.heard = now
            self._hear(distributor, message, now)
        elif isinstance(message, grid.Beat) and peer in self._callers:
            await self._send(peer, grid.Beat())
        elif not isinstance(message, grid.Call | grid.DistributorHello):
            await self._send(peer, grid.WhoAreYou())
        if isinstance(message, grid.DistributorHello):
            await self._greet(peer, message, now)
        elif isinstance(message, grid.Call):
            self._callers.add(peer)
            self._group.create_task(self._reply(peer, message))

    def _hear(self, distributor: Distributor, message: grid.ToManager, now: float) -> None:
        ledger, links = self.ledger, self.ledger.links
        match message:
            case grid.Results():
                unknown = self._intake.take(distributor.peer, message, now)
                if unknown:
                    facts = distributor.peer, message.task, message.volunteer, unknown
                    self._group.create_task(self._intake.recall(*facts))
            case grid.Checkpoint():
                self._intake.checkpoint(message, now)
            case grid.Event():
                self._intake.event(message)
            case grid.Want():
                links.want(distributor, message.asks)
                ledger.due.set()
            case grid.Return():
                ledger.end(ledger.book.end(message.leases, message.volunteer))
                links.wake(message.volunteer)
            case grid.Joined():
                ledger.join(distributor, message, now)
            case grid.Left():
                gone = links.volunteers.get(message.volunteer)
                if gone is not None and links.leave(distributor, message.volunteer):
                    self._intake.left(gone)
                    ledger.leave(message.volunteer)
            case grid.GetFile():
                self._group.create_task(self._send_file(distributor.peer, message))
            case _:
                pass

    async def _greet(self, peer: bytes, message: grid.DistributorHello, now: float) -> None:
        if message.version != grid.GRID_VERSION:
            _log.error(
                "this distributor speaks another grid version; update the older of the two",
                distributor=message.distributor,
                theirs=message.version,
                ours=grid.GRID_VERSION,
            )
        else:
            self.ledger.links.hello(peer, message, now, time.time())
            _log.info("distributor linked", distributor=message.distributor, url=message.url)
        ready = self.ledger.schedule.has_work
        welcome = grid.Welcome(
            version=grid.GRID_VERSION, manager=self._store.manager, ready=ready, salt=self._store.salt
        )
        await self._send(peer, welcome)
        distributor = self.ledger.links.distributors.get(peer)
        if distributor is not None:
            distributor.dried = not ready
            await self._tell_cluster(new=True)

    async def _reply(self, peer: bytes, call: grid.Call) -> None:
        if self._calling >= MAX_CALLS:
            await self._send(
                peer, grid.Reply(call.id, grid.Failure("busy", "the manager has too many calls to answer"))
            )
            return
        self._calling += 1
        try:
            response = await self._calls.answer(call.request)
        finally:
            self._calling -= 1
        await self._send(peer, grid.Reply(call.id, response))

    async def _send_file(self, peer: bytes, wanted: grid.GetFile) -> None:
        await self._send(peer, await self._files.piece(wanted))

    # ---- researchers' code -------------------------------------------------------------------

    async def _splits(self) -> None:
        while True:
            task = await self.ledger.unsplit.get()
            self._start(task, self._split(task, self.ledger.jobs.get(task.number)))

    async def _split(self, task: Task, before: asyncio.Task[None] | None) -> None:
        if before is not None:  # it was paused, and goes on before the split has noticed
            await asyncio.wait((before,))
        if task.state is TaskState.RUNNING and not task.split_done and not task.open:
            await make_payloads(self.ledger, task, self._config.split_limits)

    async def _reduces(self) -> None:
        while True:
            task = await self.ledger.settled.get()
            self._start(task, make_answer(self.ledger, task, self._config.reduce_limits))

    def _start(self, task: Task, work: Coroutine[Any, Any, None]) -> None:
        job = self._group.create_task(work)
        self.ledger.jobs[task.number] = job
        job.add_done_callback(lambda _: self._done(task.number, job))

    def _done(self, number: int, job: asyncio.Task[None]) -> None:
        if self.ledger.jobs.get(number) is job:
            del self.ledger.jobs[number]

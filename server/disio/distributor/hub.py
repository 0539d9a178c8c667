"""Who is present, which managers are linked, and what passes between them. No sockets, no disk."""

import asyncio
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

import structlog

from disio.distributor.addresses import Prefix, network_id
from disio.distributor.cluster import Cluster
from disio.distributor.demand import Demand
from disio.distributor.limits import Limits
from disio.distributor.link import Link
from disio.distributor.metrics import Metrics
from disio.distributor.outbox import Outbox, Parcel
from disio.distributor.visit import Visit
from disio.wire import grid
from disio.wire.volunteer import LeaseItem, ResultItem

MAX_TASKS: Final = 4096
"""Descriptions of tasks kept; the ones granted from longest ago go first."""
IDLE_SECONDS: Final = 1.0
"""After one to two times as long without work, another manager is asked."""

_log = structlog.get_logger("disio.hub")


class Volunteer(Protocol):
    """A volunteer's connection, as the hub uses it."""

    visit: Visit

    def wake(self) -> None:
        """There may be work to send."""

    def ack(self, task: str, leases: Iterable[int], rejected: Mapping[int, str]) -> None:
        """Tell it that results are durable, or count for nothing."""

    def revoke(self, task: str, leases: Collection[int]) -> None:
        """Tell it to stop computing."""

    def taken_over(self) -> None:
        """Another connection of the same volunteer has come: end this one."""

    def overdone(self, reason: str) -> None:
        """It has sent too much: end the connection."""


class Hub:
    """The middle of a distributor. Everything happens in the event loop, nothing waits.

    Args:
        greeting: how this distributor presents itself to managers.
        hold_seconds: seconds of work to keep for each volunteer beyond its window.
        limits: what one volunteer may do.
        metrics: where things are counted.
        managers: managers ever met; results for any other are rejected.
        prefix: how much of an address names a network.
    """

    def __init__(
        self,
        greeting: grid.DistributorHello,
        hold_seconds: float,
        limits: Limits,
        metrics: Metrics,
        managers: Iterable[str],
        *,
        prefix: Prefix,
    ) -> None:
        self.present: dict[str, Volunteer] = {}
        self.links: dict[str, Link] = {}
        """Links that are up, by manager."""
        self.outboxes: dict[str, Outbox] = {manager: Outbox() for manager in managers}
        self.tasks: dict[str, grid.TaskInfo] = {}
        self.purposes: dict[str, list[str]] = {}
        """What each manager tells that its tasks are for."""
        self.cluster = Cluster(greeting.distributor)
        self.described: asyncio.Queue[grid.TaskInfo] = asyncio.Queue()
        """Tasks whose files will be asked for soon."""
        self.away = asyncio.Event()
        """Set when results may wait for a manager that is away."""
        self.metrics = metrics
        self._greeting = greeting
        self._hold_seconds = hold_seconds
        self._limits = limits
        self._prefix = prefix
        self._demand = Demand()
        self._dirty: dict[str, Visit] = {}
        self._pieces: dict[tuple[str, int], asyncio.Future[grid.File | None]] = {}

    # ---- volunteers --------------------------------------------------------------------------

    def joined(self, volunteer: Volunteer) -> None:
        """A volunteer has said hello; a former connection of the same one is ended."""
        visit = volunteer.visit
        former = self.present.get(visit.volunteer)
        if former is not None:
            former.taken_over()
            self._give_back(former.visit, former.visit.give_back_reserve())
            self._demand.forget(visit.volunteer)
        self.present[visit.volunteer] = volunteer
        for link in self.links.values():
            link.post(self._joined(visit, link))
        self.touch(visit)

    def left(self, volunteer: Volunteer) -> None:
        """A volunteer's connection has ended."""
        name = volunteer.visit.volunteer
        if self.present.get(name) is volunteer:
            del self.present[name]
            self._demand.forget(name)
            self._dirty.pop(name, None)
            for link in self.links.values():
                link.post(grid.Left(name))

    def credit(self, visit: Visit, window: int) -> None:
        """A volunteer has set its window; what waits for one that pauses goes back."""
        visit.window = window
        if window == 0:
            self._give_back(visit, visit.give_back_reserve())
        self.touch(visit)

    def results(self, volunteer: Volunteer, task: str, items: list[ResultItem], data: bytes) -> None:
        """A volunteer has answered: pass it on, or let it wait for the spool."""
        visit = volunteer.visit
        leases = {item.lease for item in items}
        visit.finished(task, leases, time.monotonic())
        manager = _manager(task)
        outbox = self.outboxes.get(manager)
        if outbox is None:
            volunteer.ack(task, (), dict.fromkeys(leases, "no manager of this task is known here"))
            return
        if not items:
            return
        self.metrics.results.inc(len(items))
        parcel = Parcel(grid.Results(task, visit.volunteer, items, data))
        visit.unacknowledged_bytes += parcel.size
        if visit.unacknowledged_bytes > self._limits.unacknowledged_bytes:
            volunteer.overdone("more results than can wait for an acknowledgement")
            return
        outbox.add(parcel)
        link = self.links.get(manager)
        if link is None or not link.post(parcel.results):
            self.away.set()
        self.touch(visit)

    def checkpoint(self, visit: Visit, task: str, lease: int, state: bytes) -> None:
        """A volunteer keeps a state: pass it on if its manager is there; a later one will come if it is not."""
        link = self.links.get(_manager(task))
        if link is not None and visit.may_keep(task, lease, time.time()):
            link.post(grid.Checkpoint(task, visit.volunteer, lease, state))

    def event(self, visit: Visit, task: str, lease: int, data: bytes) -> None:
        """A unit tells something: pass it on if its manager is there; else it is lost."""
        link = self.links.get(_manager(task))
        if link is not None and visit.may_tell(task, lease, time.time()):
            link.post(grid.Event(task, visit.volunteer, lease, data))

    def returned(self, visit: Visit, task: str, leases: list[int]) -> None:
        """A volunteer gives leases back uncomputed."""
        visit.gave_back(task, leases)
        self._give_back(visit, {task: leases})
        self.touch(visit)

    def touch(self, visit: Visit) -> None:
        """A volunteer's demand may have changed: it is looked at once in this round of the loop."""
        if not self._dirty:
            asyncio.get_running_loop().call_soon(self._ask)
        self._dirty[visit.volunteer] = visit

    async def spread_the_idle(self) -> None:
        """Where a manager keeps an idle volunteer waiting, ask the next one; until cancelled."""
        waiting: set[str] = set()
        while True:
            await asyncio.sleep(IDLE_SECONDS)
            idle = set()
            for name, volunteer in self.present.items():
                visit = volunteer.visit
                if visit.held or visit.reserved or not self._demand.open(name):
                    continue
                if name in waiting and (manager := self._demand.move(name)):
                    visit.manager = ""
                    self.links[manager].post(grid.Want([grid.Ask(name, 0)]))
                    self.touch(visit)
                else:
                    idle.add(name)
            waiting = idle

    def spooled(self, parcel: Parcel) -> None:
        """A parcel is on disk: acknowledge what its manager has not."""
        volunteer = self.present.get(parcel.results.volunteer)
        if volunteer is not None:
            volunteer.ack(parcel.results.task, parcel.remaining, {})
        self._settled(parcel)

    # ---- managers ----------------------------------------------------------------------------

    def hello(self) -> grid.DistributorHello:
        """The greeting for a manager."""
        return self._greeting

    def link_up(self, link: Link, ready: bool) -> bool:
        """A manager has welcomed us: tell it who is here and what it has not acknowledged.

        False if another link to it stands already.
        """
        if self.links.get(link.manager, link) is not link:
            return False
        self.links[link.manager] = link
        self._demand.up(link.manager)
        if not ready:
            self._demand.dry(link.manager, list(self.present))
        for volunteer in self.present.values():
            link.post(self._joined(volunteer.visit, link))
            self.touch(volunteer.visit)
        for parcel in self.outboxes.setdefault(link.manager, Outbox()):
            link.post(parcel.results)
        return True

    def link_down(self, link: Link) -> None:
        """A manager is away: what it was asked for may be asked of others, its results are spooled."""
        if self.links.get(link.manager) is link:
            del self.links[link.manager]
            self._demand.down(link.manager)
            for volunteer in self.present.values():
                self.touch(volunteer.visit)
            for waiting in self._pieces.values():
                if not waiting.done():
                    waiting.set_result(None)
            self._pieces.clear()
            self.away.set()

    def received(self, link: Link, message: grid.FromManager) -> None:
        """A manager's message."""
        match message:
            case grid.Grant():
                self._granted(link, message)
            case grid.Ack():
                self._acknowledged(link, message)
            case grid.Dry():
                self._demand.dry(link.manager, message.volunteers)
                self._touch_all(message.volunteers)
            case grid.Ready():
                self._touch_all(self._demand.ready(link.manager))
            case grid.TaskInfo():
                self.tasks[message.task] = message
                self.described.put_nowait(message)
                while len(self.tasks) > MAX_TASKS:
                    del self.tasks[next(iter(self.tasks))]
            case grid.Revoke():
                self._revoked(message)
            case grid.Purposes():
                self.purposes[link.manager] = message.purposes
            case grid.Cluster():
                self._neighbours_changed(link, message)
            case grid.File():
                waiting = self._pieces.pop((message.sha256, message.offset), None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(message)

    def owners(self, sha256: str) -> set[str]:
        """The managers that have tasks that name this file."""
        return {
            _manager(info.task)
            for info in self.tasks.values()
            if info.unit == sha256 or any(file.sha256 == sha256 for file in info.kit.served())
        }

    def ask_piece(self, link: Link, sha256: str, offset: int) -> "asyncio.Future[grid.File | None]":
        """A piece of a file as this manager has it; None if the manager goes away. Cancel what is not waited for."""
        waiting = self._pieces[sha256, offset] = asyncio.get_running_loop().create_future()
        if not link.post(grid.GetFile(sha256, offset)):
            waiting.set_result(None)
        return waiting

    # ---- inside ------------------------------------------------------------------------------

    def _granted(self, link: Link, grant: grid.Grant) -> None:
        self._demand.granted(link.manager, grant.volunteer, len(grant.items))
        volunteer = self.present.get(grant.volunteer)
        info = self.tasks.pop(grant.task, None)
        if info is not None:
            self.tasks[grant.task] = info
        if volunteer is None or info is None or volunteer.visit.window == 0:
            link.post(grid.Return(grant.task, grant.volunteer, _leases(grant.items)))
            if info is None:
                _log.error("a grant came for a task that was never described", manager=link.manager, task=grant.task)
            return
        self.metrics.granted.inc(len(grant.items))
        volunteer.visit.granted(info, grant.items, grant.data)
        volunteer.wake()
        self.touch(volunteer.visit)

    def _acknowledged(self, link: Link, ack: grid.Ack) -> None:
        leases = {*ack.leases, *ack.rejected}
        waited, done = self.outboxes[link.manager].acknowledged(ack.task, ack.volunteer, leases)
        for parcel in done:
            self._settled(parcel)
        volunteer = self.present.get(ack.volunteer)
        if waited and volunteer is not None:
            rejected = {lease: reason for lease, reason in ack.rejected.items() if lease in waited}
            volunteer.ack(ack.task, waited - rejected.keys(), rejected)
        if link.under_way:
            link.done += link.under_way.acknowledged(ack.task, ack.volunteer, leases)[1]
            link.progress.set()

    def _settled(self, parcel: Parcel) -> None:
        volunteer = self.present.get(parcel.results.volunteer)
        if volunteer is not None:
            visit = volunteer.visit
            visit.unacknowledged_bytes = max(0, visit.unacknowledged_bytes - parcel.size)

    def _neighbours_changed(self, link: Link, cluster: grid.Cluster) -> None:
        if self.cluster.update(link.manager, cluster.distributors):
            for volunteer in self.present.values():
                volunteer.wake()

    def _revoked(self, revoke: grid.Revoke) -> None:
        leases = set(revoke.leases)
        one = self.present.get(revoke.volunteer)
        concerned = list(self.present.values()) if not revoke.volunteer else [one] if one is not None else []
        for volunteer in concerned:
            if volunteer.visit.revoked(revoke.task, leases):
                volunteer.revoke(revoke.task, leases)
            self.touch(volunteer.visit)

    def _give_back(self, visit: Visit, leases: Mapping[str, list[int]]) -> None:
        for task, returned in leases.items():
            link = self.links.get(_manager(task))
            if link is not None and returned:
                link.post(grid.Return(task, visit.volunteer, returned))

    def _touch_all(self, volunteers: Iterable[str]) -> None:
        for name in volunteers:
            volunteer = self.present.get(name)
            if volunteer is not None:
                self.touch(volunteer.visit)

    def _ask(self) -> None:
        dirty, self._dirty = self._dirty, {}
        now = time.monotonic()
        wants: dict[str, list[grid.Ask]] = {}
        for visit in dirty.values():
            deficit, target = visit.deficit(self._hold_seconds, now)
            asked = self._demand.ask(visit.volunteer, deficit, target, visit.manager)
            if asked is not None:
                wants.setdefault(asked[0], []).append(grid.Ask(visit.volunteer, asked[1]))
        for manager, asks in wants.items():
            self.links[manager].post(grid.Want(asks))

    def _joined(self, visit: Visit, link: Link) -> grid.Joined:
        return grid.Joined(
            volunteer=visit.volunteer,
            site=visit.site,
            agent=visit.agent,
            workers=visit.workers,
            holding=visit.holding(link.manager),
            network=network_id(self._prefix, visit.address, visit.volunteer, link.salt),
            salt=link.salt,
            key=visit.key,
            tasks=visit.tasks,
        )


def _manager(task: str) -> str:
    return task.partition("-")[0]


def _leases(items: list[LeaseItem]) -> list[int]:
    return [item.lease for item in items]

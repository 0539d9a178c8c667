"""Who is linked to this manager: distributors, the volunteers they announce, and what those ask for."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from disio.manager.leases import GRACE_SECONDS
from disio.wire.grid import Ask, Cluster, DistributorHello, DistributorView, Joined, Peer, VolunteerView
from disio.wire.volunteer import MAX_WINDOW

MOST_WANTED: Final = 4 * MAX_WINDOW
"""No volunteer's demand counts for more: a window, and a distributor's reserve."""
NEWCOMER_LEASES: Final = 100
"""Leases that a volunteer may hold before it has answered anything; every answer earns it more."""
NEWCOMERS_LEASES: Final = 2000
"""Those of all newcomers of one network."""


@dataclass(slots=True, eq=False)
class Distributor:
    """A linked distributor. Times are monotonic, but for ``since`` (Unix seconds)."""

    peer: bytes
    id: str
    session: str
    url: str
    capacity: int
    since: float
    heard: float
    told: float
    """When something was last sent to it."""
    volunteers: dict[str, "Volunteer"] = field(default_factory=dict)
    known_tasks: set[int] = field(default_factory=set)
    """Tasks whose ``TaskInfo`` it has."""
    purposes: list[str] = field(default_factory=list)
    """What it was told that tasks are for."""
    dried: bool = False
    """It was told that there is nothing to give, and is to hear when there is."""


@dataclass(slots=True, eq=False)
class Volunteer:
    """A volunteer that a distributor has announced."""

    id: str
    distributor: Distributor
    site: str
    browser: str
    workers: int
    since: float
    network: str | None = None
    salt: bytes = b""
    """What the name of its network was made with."""
    key: str = ""
    """The name of the operator's key that it holds."""
    tasks: frozenset[str] = frozenset()
    """Names of the only tasks that its site computes for; none: any."""
    fetching: bool = False
    """Payloads are read for it: it gets nothing else before it has got them."""
    wanted: int = 0
    """Open demand: leases that it may still be given."""
    answered: int = 0
    failed: int = 0
    expired: int = 0
    """Leases that it let expire."""
    unsure: list[int] = field(default_factory=list)
    """Leases that it was given here while another distributor had it too: they may never have reached it."""


class Links:
    """Distributors by peer, volunteers by id, and the volunteers whose distributor has vanished."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self.distributors: dict[bytes, Distributor] = {}
        self.volunteers: dict[str, Volunteer] = {}
        self.missing: dict[str, float] = {}
        """Volunteers that hold leases but are not linked: until when they are waited for."""
        self.hungry: dict[str, None] = {}
        """Volunteers whose open demand is to be looked at, in order."""
        self.moved: list[tuple[str, list[int]]] = []
        """Volunteers that turned out to be elsewhere, and the leases that may not have reached them."""
        self.grace = grace
        self._told = Cluster([])
        self._newcomers: dict[str, set[str]] = {}
        """By network: volunteers that have answered nothing yet."""

    def allowance(self, volunteer: Volunteer, held: int) -> int:
        """How many more leases a volunteer may be given: who takes and never answers holds little.

        An operator's own volunteers may have as many as they ask for.
        """
        if volunteer.key:
            return MOST_WANTED
        limit = NEWCOMER_LEASES + 2 * (volunteer.answered - volunteer.expired)
        if not volunteer.answered and volunteer.network is not None:
            limit = min(limit, NEWCOMERS_LEASES // max(1, len(self._newcomers.get(volunteer.network, ()))))
        return max(0, max(1, limit) - held)

    def answered(self, volunteer: Volunteer, answered: int, failed: int) -> None:
        """A volunteer has answered so many, and failed on so many."""
        if not volunteer.answered:
            self._known(volunteer)
        volunteer.answered += answered
        volunteer.failed += failed
        self.wake(volunteer.id)

    def hello(self, peer: bytes, message: DistributorHello, now: float, clock: float) -> Distributor:
        """A distributor says hello. One of the same id, or on the same link, is replaced: it has reconnected."""
        for old in list(self.distributors.values()):
            if old.id == message.distributor or old.peer == peer:
                self.lose(old, now)
        new = Distributor(peer, message.distributor, message.session, message.url, message.capacity, clock, now, now)
        self.distributors[peer] = new
        return new

    def lose(self, distributor: Distributor, now: float) -> None:
        """A distributor is gone: its volunteers are waited for, as they may come back by another one."""
        if self.distributors.get(distributor.peer) is distributor:
            del self.distributors[distributor.peer]
        for volunteer in list(distributor.volunteers):
            if self._unbind(distributor, volunteer):
                self.missing[volunteer] = now + self.grace

    def miss(self, volunteers: list[str], now: float) -> None:
        """Wait for volunteers that hold leases and have not been announced (after a restart)."""
        for volunteer in volunteers:
            if volunteer not in self.volunteers:
                self.missing[volunteer] = now + self.grace

    def join(self, distributor: Distributor, message: Joined, clock: float) -> Volunteer:
        """A volunteer is announced, by a first or by another distributor. The newest word counts.

        A distributor that was cut off may announce one whose connection ended unnoticed; so who had it before is
        remembered, until that one says that it left.
        """
        self.missing.pop(message.volunteer, None)
        browser = f"{message.agent.browser} {message.agent.version}".strip()
        network = message.network or None
        volunteer = Volunteer(
            message.volunteer,
            distributor,
            message.site,
            browser,
            message.workers,
            clock,
            network,
            message.salt,
            message.key,
            frozenset(message.tasks),
        )
        distributor.volunteers[volunteer.id] = volunteer
        former = self.volunteers.get(volunteer.id)
        if former is not None:
            former.unsure = []  # it says itself what has reached it
        self._bind(volunteer)
        return volunteer

    def uninformed(self, purposes: list[str]) -> list[bytes]:
        """Distributors that have not been told these purposes; they count as told."""
        found = [distributor for distributor in self.distributors.values() if distributor.purposes != purposes]
        for distributor in found:
            distributor.purposes = purposes
        return [distributor.peer for distributor in found]

    def leave(self, distributor: Distributor, volunteer: str) -> bool:
        """A volunteer's connection ended. False if it has another one, by another distributor."""
        return self._unbind(distributor, volunteer)

    def gave_up(self, now: float) -> list[str]:
        """Volunteers that were waited for long enough; they are not waited for any more."""
        over = [volunteer for volunteer, until in self.missing.items() if until <= now]
        for volunteer in over:
            del self.missing[volunteer]
        return over

    def want(self, distributor: Distributor, asks: list[Ask]) -> None:
        """Open demand of a distributor's volunteers; replaces what was asked for them before."""
        for ask in asks:
            volunteer = distributor.volunteers.get(ask.volunteer)
            if volunteer is not None:
                volunteer.wanted = max(0, min(ask.count, MOST_WANTED))
                if volunteer.wanted:
                    self._bind(volunteer)

    def given(self, volunteer: Volunteer, leases: Iterable[int]) -> None:
        """A volunteer is given leases where it is thought to be."""
        if sum(volunteer.id in distributor.volunteers for distributor in self.distributors.values()) > 1:
            volunteer.unsure.extend(leases)

    def wake(self, volunteer: str) -> None:
        """Look at a volunteer's open demand again: it holds less than before."""
        found = self.volunteers.get(volunteer)
        if found is not None and found.wanted:
            self.hungry[volunteer] = None

    def wake_all(self) -> None:
        """Look at all open demand again: work has come."""
        for volunteer in self.volunteers.values():
            if volunteer.wanted:
                self.hungry[volunteer.id] = None

    def _bind(self, volunteer: Volunteer) -> None:
        """This is where the volunteer is."""
        former = self.volunteers.get(volunteer.id)
        if former is not None:
            self._known(former)
            if former is not volunteer and former.unsure:
                self.moved.append((volunteer.id, former.unsure))
                former.unsure = []
        self.volunteers[volunteer.id] = volunteer
        if volunteer.network is not None and not volunteer.answered:
            self._newcomers.setdefault(volunteer.network, set()).add(volunteer.id)
        if volunteer.wanted:
            self.hungry[volunteer.id] = None
        else:
            self.hungry.pop(volunteer.id, None)

    def _known(self, volunteer: Volunteer) -> None:
        """It is a newcomer no more, or gone."""
        newcomers = self._newcomers.get(volunteer.network or "")
        if newcomers is not None:
            newcomers.discard(volunteer.id)
            if not newcomers:
                del self._newcomers[volunteer.network or ""]

    def _unbind(self, distributor: Distributor, volunteer: str) -> bool:
        """A distributor has a volunteer no more. Whether no other has it either."""
        gone = distributor.volunteers.pop(volunteer, None)
        if gone is None or self.volunteers.get(volunteer) is not gone:
            return False
        others = [other.volunteers[volunteer] for other in self.distributors.values() if volunteer in other.volunteers]
        if others:
            self._bind(max(others, key=lambda other: other.since))
            return False
        self._known(gone)
        del self.volunteers[volunteer]
        self.hungry.pop(volunteer, None)
        return True

    def cluster(self, *, new: bool = False) -> Cluster | None:
        """The distributors that are linked now; None if that has been told, unless somebody new is to be told."""
        seen = Cluster([_peer(distributor) for distributor in self.distributors.values()])
        if seen == self._told and not new:
            return None
        self._told = seen
        return seen

    def distributor_views(self) -> list[DistributorView]:
        """Linked distributors, as others are shown them."""
        return [
            DistributorView(distributor=d.id, url=d.url, volunteers=len(d.volunteers), since=d.since)
            for d in self.distributors.values()
        ]


def _peer(distributor: Distributor) -> Peer:
    # In tenths: small changes are not worth a message to every volunteer.
    load = round(min(1.0, len(distributor.volunteers) / max(1, distributor.capacity)), 1)
    return Peer(distributor=distributor.id, url=distributor.url, load=load)


def volunteer_view(volunteer: Volunteer, task: str, leased: int) -> VolunteerView:
    """A volunteer as others are shown it; ``task`` is the one that it is with."""
    return VolunteerView(
        volunteer=volunteer.id,
        distributor=volunteer.distributor.id,
        site=volunteer.site,
        browser=volunteer.browser,
        workers=volunteer.workers,
        task=task,
        leased=leased,
        answered=volunteer.answered,
        failed=volunteer.failed,
        since=volunteer.since,
    )

"""What distributors and their managers tell each other."""

from msgspec import Struct, field

from disio.wire.grid.message import Message, Offset
from disio.wire.kit import Kit
from disio.wire.volunteer import Agent, LeaseItem, ResultItem

# ---- distributor to manager ------------------------------------------------------------------


class DistributorHello(Message, tag="hello", kw_only=True):
    """First message on a link, and the answer to :class:`WhoAreYou`. Followed by ``Joined`` for all present.

    ``distributor`` is the id that the distributor keeps in its data directory; ``session`` is new at
    each start of the process. ``url`` is where browsers reach it, ``capacity`` how many volunteers it serves at most.
    """

    version: int
    distributor: str
    session: str
    url: str
    capacity: int = 0


class Ask(Struct, array_like=True, frozen=True, gc=False):
    """One volunteer's open demand: up to ``count`` more leases."""

    volunteer: str
    count: int


class Want(Message, tag="want"):
    """Credit: give each of these volunteers up to so many leases.

    The demand *replaces* what this distributor had asked of this manager for that volunteer; it is
    used up by grants, and stays open (no polling) until it is used up, replaced or answered by :class:`Dry`.
    """

    asks: list[Ask]


class Results(Message, tag="results"):
    """Results of one volunteer for one task; ``data`` holds the items' bytes one after the other."""

    task: str
    volunteer: str
    items: list[ResultItem]
    data: bytes


class Return(Message, tag="return"):
    """Leases that come back uncomputed: the volunteer gave them back, or never got them."""

    task: str
    volunteer: str
    leases: list[int]


class Checkpoint(Message, tag="checkpoint"):
    """A state from which another volunteer could go on with a lease's payload, in codec bytes. Not acknowledged."""

    task: str
    volunteer: str
    lease: int
    data: bytes


class Event(Message, tag="event"):
    """What a unit tells of a lease's payload while it computes, in codec bytes. Not acknowledged."""

    task: str
    volunteer: str
    lease: int
    data: bytes


class Joined(Message, tag="joined", kw_only=True):
    """A volunteer is connected to this distributor.

    ``holding``: leases it says it still computes. ``tasks``: the only ones that its site computes for, by id, name
    or the unit's file; none: any. ``network`` names its network, the same for all volunteers of it: a hash with the
    ``salt`` of the manager's last :class:`Welcome`; "" if each is its own. A volunteer whose network was named with
    another salt is given nothing until it is announced anew. ``key``: the name of the operator's key that it holds,
    or "".
    """

    volunteer: str
    site: str
    agent: Agent
    workers: int
    holding: dict[str, list[int]] = field(default_factory=dict)
    tasks: list[str] = field(default_factory=list)
    network: str = ""
    salt: bytes = b""
    key: str = ""


class Left(Message, tag="left"):
    """A volunteer's connection ended: everything it holds goes out again at once."""

    volunteer: str


class GetFile(Message, tag="get_file"):
    """Ask for a piece of a content-addressed file: a unit's source, or a file of a task's kit."""

    sha256: str
    offset: Offset = 0


class Beat(Message, tag="beat"):
    """Sent by both sides once a second when nothing else was."""


# ---- manager to distributor ------------------------------------------------------------------


class Welcome(Message, tag="welcome", kw_only=True):
    """Answer to :class:`DistributorHello`. ``ready``: there is work to ask for; ``salt``: for names of networks."""

    version: int
    manager: str
    ready: bool
    salt: bytes = b""


class Ready(Message, tag="ready"):
    """Work has come: distributors with open demand may ask again."""


class Dry(Message, tag="dry"):
    """Nothing to give to these volunteers now; their demand is closed until :class:`Ready`."""

    volunteers: list[str]


class Peer(Struct, frozen=True, kw_only=True):
    """A distributor that is linked to this manager. ``load``: the share of its capacity that is used, 0 to 1."""

    distributor: str
    url: str
    load: float


class Cluster(Message, tag="cluster"):
    """All distributors that are linked to this manager; sent when they change, and when their loads have."""

    distributors: list[Peer]


class Purposes(Message, tag="purposes"):
    """What the running tasks say that they are for, the newest first; sent when that changes. Visitors are told."""

    purposes: list[str]


class TaskInfo(Message, tag="task", kw_only=True):
    """Sent to a distributor before the task's first grant on this link."""

    task: str
    name: str
    filename: str
    description: str
    unit: str
    timeout: float
    max_result_bytes: int
    params: bytes
    kit: Kit = Kit()
    homepage: str = ""


class Grant(Message, tag="grant"):
    """Leases of one task for one volunteer, durable; ``data`` holds the payloads one after the other."""

    task: str
    volunteer: str
    items: list[LeaseItem]
    data: bytes


class Ack(Message, tag="ack", omit_defaults=True):
    """These results are committed (or already were). ``rejected``: those that count for nothing, and why."""

    task: str
    volunteer: str
    leases: list[int]
    rejected: dict[int, str] = field(default_factory=dict)


class Revoke(Message, tag="revoke"):
    """Take these leases back from this volunteer; no volunteer: from all; no leases: all of the task."""

    task: str
    volunteer: str = ""
    leases: list[int] = field(default_factory=list)


class File(Message, tag="file"):
    """A piece of a content-addressed file of ``size`` bytes; ``data`` is None when this manager does not have it."""

    sha256: str
    offset: int
    size: int
    data: bytes | None


class WhoAreYou(Message, tag="who_are_you"):
    """The manager has restarted and does not know this link: say hello again."""

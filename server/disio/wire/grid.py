"""Messages between our own processes over ZeroMQ: distributors and dashboards to managers.

A manager binds one ROUTER; everyone else dials it with a DEALER. Each ZeroMQ message is one part,
msgpack by msgspec. Items of leases and results are the structs of ``wire.volunteer``, so that a
distributor passes them on without touching each one. ``docs/protocol.md`` tells the order of things.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from disio.errors import ProtocolError
from disio.wire.kit import FileSize, Kit, Sha256
from disio.wire.volunteer import Agent, LeaseItem, ResultItem

GRID_VERSION: Final = 1

After = Annotated[int, Meta(ge=-1, le=2**63 - 1)]
"""An index to go on after; -1: from the start."""
Index = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Limit = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Since = Annotated[int, Meta(ge=-1, le=2**63 - 1)]
"""A version that the caller knows; -1: none."""


class Message(Struct, tag_field="type"):
    """Base of everything that crosses a grid link."""


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
    manager's salt; "" if each is its own. ``key``: the name of the operator's key that it holds, or "".
    """

    volunteer: str
    site: str
    agent: Agent
    workers: int
    holding: dict[str, list[int]] = {}
    tasks: list[str] = []
    network: str = ""
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
    rejected: dict[int, str] = {}


class Revoke(Message, tag="revoke"):
    """Take these leases back from this volunteer; no volunteer: from all; no leases: all of the task."""

    task: str
    volunteer: str = ""
    leases: list[int] = []


class File(Message, tag="file"):
    """A piece of a content-addressed file of ``size`` bytes; ``data`` is None when this manager does not have it."""

    sha256: str
    offset: int
    size: int
    data: bytes | None


class WhoAreYou(Message, tag="who_are_you"):
    """The manager has restarted and does not know this link: say hello again."""


# ---- dashboards and other clients: calls and replies -----------------------------------------


class SubmitTask(Message, tag="submit", kw_only=True):
    """Submit a work unit with parameters (codec bytes). Answered by :class:`TaskView`.

    ``open``: its payloads come by :class:`AddPayloads`, until :class:`CloseTask`. ``owner``: the researcher's name.
    ``checking``: how answers are to be checked, where that differs from what the unit says: the settings of
    :class:`disio.unit.checking.Checking` by name.
    """

    source: str
    filename: str
    params: bytes
    name: str = ""
    priority: int = 0
    open: bool = False
    owner: str = ""
    sites: list[str] = []
    """Only volunteers of these sites are given payloads; none: all."""
    kit: Kit = Kit()
    """All of its files have been put before."""
    checking: dict[str, Any] = {}


class AddPayloads(Message, tag="add_payloads", kw_only=True):
    """Further payloads (codec bytes) for an open task. Answered by :class:`Added`.

    ``first`` is the index of the first of them, so that what is sent twice is added once. While the task has enough
    that waits, the answer is held back, for ``wait`` seconds at most; nothing is added if that time is over.
    """

    task: str
    first: Index
    payloads: list[bytes]
    wait: float = 0.0


class CloseTask(Message, tag="close_task"):
    """An open task gets no more payloads. Idempotent. Answered by :class:`TaskView`."""

    task: str


class FindFiles(Message, tag="find_files"):
    """How much of these files is here, before they are put? Answered by :class:`FilesView`."""

    files: list[Sha256]


class PutFile(Message, tag="put_file"):
    """The next piece of a file of ``size`` bytes. Answered by :class:`FilesView`: where to go on."""

    sha256: Sha256
    size: FileSize
    offset: Offset
    data: bytes


class GetKit(Message, tag="get_kit"):
    """A task's kit, and its lock. Answered by :class:`KitView`."""

    task: str


class ListTasks(Message, tag="list_tasks", kw_only=True):
    """All tasks, newest first.

    With ``wait`` > 0 the answer comes when the version passes ``since``, or after ``wait`` seconds.
    """

    since: Since = -1
    wait: float = 0.0


class GetTask(Message, tag="get_task", kw_only=True):
    """One task; ``since`` and ``wait`` as for :class:`ListTasks`. Answered by :class:`TaskView`."""

    task: str
    since: Since = -1
    wait: float = 0.0


class GetResults(Message, tag="get_results", kw_only=True):
    """Accepted results in order of index, after index ``after`` (-1: from the start)."""

    task: str
    after: After = -1
    limit: Limit = 1000


class GetFailures(Message, tag="get_failures", kw_only=True):
    """Payloads set aside, with their last failures, after index ``after``."""

    task: str
    after: After = -1
    limit: Limit = 100


class GetOutcomes(Message, tag="get_outcomes", kw_only=True):
    """Settled payloads, accepted or set aside. Answered by :class:`OutcomePage`.

    ``by`` index: in order of index, each once those before it are settled, and ``after`` is an index. ``by`` settled:
    in the order in which they were settled, and ``after`` is the ``settled`` of the last one seen. Held back for
    ``wait`` seconds while there is none. ``payloads``: whether their inputs are wanted as well.
    """

    task: str
    by: Literal["index", "settled"] = "settled"
    after: After = -1
    limit: Limit = 1000
    wait: float = 0.0
    payloads: bool = False


class GetEvents(Message, tag="get_events", kw_only=True):
    """What a task's units have told, after the moment ``after`` (as in :class:`EventView`).

    Held back for ``wait`` seconds while there is nothing. Only the last ones are kept. Answered by :class:`EventPage`.
    """

    task: str
    after: After = -1
    wait: float = 0.0


class GetBallot(Message, tag="get_ballot"):
    """Every vote for a payload, and why it is accepted or not. Answered by :class:`BallotView`."""

    task: str
    index: Index


class GetAnswer(Message, tag="get_answer"):
    """The task's answer: what ``reduce`` returned."""

    task: str


class CancelTask(Message, tag="cancel"):
    """Cancel a task. Idempotent. Answered by :class:`TaskView`."""

    task: str


class PauseTask(Message, tag="pause"):
    """Hand out nothing more of a task, and call back what is out. Idempotent. Answered by :class:`TaskView`."""

    task: str


class ResumeTask(Message, tag="resume"):
    """Have a paused task go on. Idempotent. Answered by :class:`TaskView`."""

    task: str


class DeleteTask(Message, tag="delete", kw_only=True):
    """Remove all that there is of an ended task; with ``force`` one that has not ended is cancelled first.

    Idempotent while it goes on, and for a while after. Answered by :class:`Deletion` when it is done, or after
    ``wait`` seconds.
    """

    task: str
    force: bool = False
    wait: float = 0.0


class GetGrid(Message, tag="get_grid"):
    """What this manager sees: itself, distributors, volunteers."""


Request = (
    SubmitTask
    | AddPayloads
    | CloseTask
    | FindFiles
    | PutFile
    | GetKit
    | ListTasks
    | GetTask
    | GetResults
    | GetFailures
    | GetBallot
    | GetOutcomes
    | GetEvents
    | GetAnswer
    | CancelTask
    | PauseTask
    | ResumeTask
    | DeleteTask
    | GetGrid
)


class TaskView(Message, tag="task_view", kw_only=True):
    """A task as its manager sees it. Times are Unix seconds; ``mean_ms`` is computing time per payload."""

    task: str
    manager: str
    name: str
    filename: str
    description: str
    unit: str
    params: bytes
    state: str
    error: str
    created: float
    finished: float | None
    priority: int
    timeout: float
    version: int
    split_done: bool
    payloads: int
    ready: int
    leased: int
    accepted: int
    failed: int
    executions: int
    volunteers: int
    mean_ms: float
    rate: float
    """Accepted payloads per second, lately."""
    has_answer: bool
    open: bool = False
    owner: str = ""
    sites: list[str] = []
    warnings: list[str] = []
    """What the unit does that may not do in browsers, in words."""
    checked: bool = False
    """Whether answers are checked, or voted on."""
    disagreements: int = 0
    """Votes that contradicted an earlier one."""
    blacklisted: int = 0
    suspects: int = 0
    """Volunteers, of this task."""
    doubt: float = 0.0
    """The estimated share of wrong answers: the mean doubt of those that were accepted."""
    shortage: str = ""
    """In words: which volunteers are missing for answers to be accepted; empty: none."""


class VoteView(Struct, frozen=True, kw_only=True):
    """One vote for a payload, as stored. ``digest``: the beginning of what stands for the answer, in hexadecimal.

    ``stint`` and ``position`` say when its lease was given; ``check``: the payload had an accepted answer then;
    ``counts``: it counts now; ``stands``: it is for the accepted answer. ``network`` is a salted hash.
    """

    lease: int
    volunteer: str
    network: str
    failed: bool
    digest: str
    stint: int
    position: int
    check: bool
    standing: str
    trusted: bool
    counts: bool
    stands: bool
    received: float
    ms: float


class BallotView(Message, tag="ballot_view"):
    """Answer to :class:`GetBallot`: every vote, the doubt that they leave, the doubt that is allowed, and why."""

    task: str
    index: int
    state: str
    doubt: float
    allowed: float
    reason: str
    votes: list[VoteView]


class TaskList(Message, tag="task_list"):
    """Answer to :class:`ListTasks`."""

    version: int
    tasks: list[TaskView]


class ResultView(Struct, array_like=True, frozen=True, gc=False):
    """One accepted result: payload and answer in codec bytes, computing time, who answered, what it printed.

    ``settled`` is when it was accepted, in microseconds of Unix time; ``votes``: how many gave this answer.
    """

    index: int
    payload: bytes
    data: bytes
    ms: float
    volunteer: str
    log: str
    settled: int = 0
    votes: int = 1


class ResultPage(Message, tag="result_page"):
    """Answer to :class:`GetResults`. ``more``: ask again with the last index."""

    items: list[ResultView]
    more: bool


class FailureView(Struct, array_like=True, frozen=True, gc=False):
    """One payload set aside: its last failure, and in which volunteers, with which browsers, it failed."""

    index: int
    payload: bytes
    kind: str
    message: str
    traceback: str
    log: str
    volunteers: list[str]
    browsers: list[str] = []


class FailurePage(Message, tag="failure_page"):
    """Answer to :class:`GetFailures`."""

    items: list[FailureView]
    more: bool


class OutcomeView(Struct, array_like=True, frozen=True, gc=False):
    """One settled payload.

    ``settled`` is when, in microseconds of Unix time: no two outcomes of a manager have the same, later ones have
    larger ones. ``accepted``: ``data`` is the answer in codec bytes; else it was set aside, and ``data`` is its last
    failure (JSON, as in ``wire.volunteer``). ``payload`` is empty where it was not asked for.
    """

    index: int
    settled: int
    accepted: bool
    data: bytes
    payload: bytes
    ms: float
    volunteer: str
    log: str


class OutcomePage(Message, tag="outcome_page"):
    """Answer to :class:`GetOutcomes`. ``end``: there are no more, and will be none."""

    items: list[OutcomeView]
    end: bool


class EventView(Struct, array_like=True, frozen=True, gc=False):
    """What a unit told while it computed a payload, in codec bytes.

    ``at`` is when it came, in microseconds of Unix time: no two of a task have the same.
    """

    at: int
    index: int
    volunteer: str
    data: bytes


class EventPage(Message, tag="event_page"):
    """Answer to :class:`GetEvents`. ``end``: there are no more, and will be none."""

    items: list[EventView]
    end: bool


class Added(Message, tag="added"):
    """Answer to :class:`AddPayloads`: how many payloads the task has now; those from here on are to be sent again."""

    stored: int


class Answer(Message, tag="answer"):
    """Answer to :class:`GetAnswer`: codec bytes of what ``reduce`` returned."""

    data: bytes


class Deletion(Message, tag="deletion", kw_only=True):
    """Answer to :class:`DeleteTask`: how many bytes of the database it has made free so far, and whether it is done."""

    task: str
    freed: int
    done: bool


class FilesView(Message, tag="files_view"):
    """Answer to :class:`FindFiles` and :class:`PutFile`: how many bytes of each file this manager has."""

    manager: str
    received: dict[str, int]


class KitView(Message, tag="kit_view"):
    """Answer to :class:`GetKit`; ``lock`` is its text, empty if there is none."""

    kit: Kit
    lock: bytes


class DistributorView(Struct, frozen=True, kw_only=True):
    """A distributor linked to this manager."""

    distributor: str
    url: str
    volunteers: int
    since: float


class VolunteerView(Struct, frozen=True, kw_only=True):
    """A volunteer that a linked distributor has announced."""

    volunteer: str
    distributor: str
    site: str
    browser: str
    workers: int
    task: str
    leased: int
    answered: int
    failed: int
    since: float


class GridView(Message, tag="grid_view", kw_only=True):
    """Answer to :class:`GetGrid`."""

    manager: str
    address: str
    since: float
    database: str
    distributors: list[DistributorView]
    volunteers: list[VolunteerView]


class Failure(Message, tag="failure"):
    """The call failed: an error's code (see ``errors.py``) and message."""

    code: str
    message: str


Response = (
    TaskView
    | BallotView
    | FilesView
    | KitView
    | TaskList
    | ResultPage
    | FailurePage
    | OutcomePage
    | EventPage
    | Added
    | Answer
    | Deletion
    | GridView
    | Failure
)


class Call(Message, tag="call"):
    """A request; the reply bears the same id."""

    id: int
    request: Request


class Reply(Message, tag="reply"):
    """The answer to a call."""

    id: int
    response: Response


ToManager = DistributorHello | Want | Results | Checkpoint | Event | Return | Joined | Left | GetFile | Beat | Call
FromManager = (
    Welcome | Ready | Dry | Cluster | Purposes | TaskInfo | Grant | Ack | Revoke | File | WhoAreYou | Beat | Reply
)

encode = msgspec.msgpack.Encoder().encode
_decode_to_manager = msgspec.msgpack.Decoder(ToManager).decode
_decode_from_manager = msgspec.msgpack.Decoder(FromManager).decode


def decode_to_manager(part: bytes | memoryview) -> ToManager:
    """A message that a manager received.

    Raises:
        ProtocolError: the bytes are no message of this version.
    """
    try:
        message: ToManager = _decode_to_manager(part)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"no message for a manager of grid version {GRID_VERSION}: {error}") from None
    return message


def decode_from_manager(part: bytes | memoryview) -> FromManager:
    """A message that a manager sent.

    Raises:
        ProtocolError: the bytes are no message of this version.
    """
    try:
        message: FromManager = _decode_from_manager(part)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"no message from a manager of grid version {GRID_VERSION}: {error}") from None
    return message

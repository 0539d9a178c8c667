"""What a manager answers to requests."""

from msgspec import Struct, field

from disio.wire.grid.message import Message
from disio.wire.kit import Kit


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
    sites: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
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
    ``counts``: it counts now; ``stands``: it is for the accepted answer. ``network`` is a salted hash;
    ``rests_on``: whose states the volunteer went on from: the vote is of all of them together, ``standing`` of the
    worst of them.
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
    rests_on: list[str] = []


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
    browsers: list[str] = field(default_factory=list)


class FailurePage(Message, tag="failure_page"):
    """Answer to :class:`GetFailures`."""

    items: list[FailureView]
    more: bool


class OutcomeView(Struct, array_like=True, frozen=True, gc=False):
    """One settled payload.

    ``settled`` is when, in microseconds of Unix time: no two outcomes of a manager have the same, later ones have
    larger ones. ``accepted``: ``data`` is the answer in codec bytes; else it was set aside, and ``data`` is its last
    failure (JSON, as in ``wire.volunteer``). ``payload`` is empty where it was not asked for. ``votes``: how many gave
    this answer, when it was asked; of what was set aside, how many failed.
    """

    index: int
    settled: int
    accepted: bool
    data: bytes
    payload: bytes
    ms: float
    volunteer: str
    log: str
    votes: int


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

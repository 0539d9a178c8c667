"""The researchers' HTTP API: what its JSON bodies look like, for the dashboard that answers and the client that asks.

Values of payloads, results, parameters and answers travel twice: as plain JSON for people (lossy
where JSON is poorer than Python), and ``encoded``: base64 of the codec's bytes, exact.
"""

import base64
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from disio.errors import DisioError
from disio.wire.kit import FileSize, Kit, Sha256

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
"""No request to the dashboard is larger."""
MAX_WAIT_SECONDS: Final = 60.0
"""The longest that ``wait`` may hold an answer back."""
MAX_INTEGER: Final = 2**63 - 1
"""No index, version or count is larger: managers keep them in 64 bits."""
CODEC_TYPE: Final = "application/x-disio-codec"
"""Content type of a bare encoded value."""
NDJSON_TYPE: Final = "application/x-ndjson"
MSGPACK_TYPE: Final = "application/x-msgpack"
KEEPALIVE_SECONDS: Final = 10.0
"""A stream that is followed says at least so often that it is still there: an empty line, or an empty pack."""

ENDED: Final = frozenset({"finished", "finished-with-failures", "failed", "cancelled", "deleting"})
"""States of a task in which nothing will be computed any more."""

Version = Annotated[int, Meta(ge=-1, le=MAX_INTEGER)]
"""What ``since`` may be: -1 before the first one."""
Index = Annotated[int, Meta(ge=-1, le=MAX_INTEGER)]
"""What ``after`` may be: -1 before the first one."""
Count = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
"""What ``limit`` may be."""
WaitSeconds = Annotated[float, Meta(ge=0, le=MAX_WAIT_SECONDS)]
SITE_PATTERN: Final = r"^(\*\.)?[a-z0-9._-]+(:[0-9]{1,5})?$"
Site = Annotated[str, Meta(pattern=SITE_PATTERN, max_length=200)]
"""A page's host, as a site is named: lower case, with a port if it has one of its own."""
SourceText = Annotated[str, Meta(min_length=1)]


class TaskSubmission(Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A work unit and its parameters. Parameters are plain JSON, or exact as ``params_encoded``."""

    source: SourceText
    filename: Annotated[str, Meta(min_length=1, max_length=200)] = "unit.py"
    params: dict[str, Any] = {}
    params_encoded: str | None = None
    name: Annotated[str, Meta(max_length=200)] = ""
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    manager: Annotated[str, Meta(max_length=64)] = ""
    """Which manager shall own the task; the least busy one if empty."""
    open: bool = False
    """Its payloads are added later (``split`` is not used), until it is closed."""
    sites: Annotated[list[Site], Meta(max_length=100)] = []
    """Only visitors of these sites compute it: hosts, ``*.example.org`` for all below one; none: everybody's."""
    kit: Kit = Kit()
    """Packages and shared data, by the hashes of files that were put before."""
    checking: dict[str, Any] = {}
    """How answers are to be checked, where that differs from what the unit says: see docs/trust.md."""


class PayloadAddition(Struct, kw_only=True, forbid_unknown_fields=True):
    """Further payloads of an open task, as plain JSON. ``first``: the index that the first of them gets."""

    first: Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
    payloads: list[Any]


class EncodedAddition(Struct, kw_only=True, forbid_unknown_fields=True):
    """As :class:`PayloadAddition`, in msgpack, with the payloads in codec bytes."""

    first: Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
    payloads: list[bytes]


class Stored(Struct, kw_only=True):
    """How many payloads an open task has now. Those from here on are to be sent again: there was no room for them."""

    stored: int


class FilesQuery(Struct, kw_only=True, forbid_unknown_fields=True):
    """How much of these files (sha256) does the manager have that shall own the task?"""

    files: Annotated[list[Sha256], Meta(max_length=1024)]
    manager: Annotated[str, Meta(max_length=64)] = ""
    """The least busy one if empty."""


class PieceQuery(Struct, kw_only=True):
    """Query of a piece of a file: the size of the whole, where the piece begins, and whose file it is."""

    size: FileSize
    offset: FileSize
    manager: Annotated[str, Meta(min_length=1, max_length=64)]


class FilesState(Struct, kw_only=True):
    """How many bytes of each file this manager has: where to go on."""

    manager: str
    received: dict[str, int]


class Task(Struct, kw_only=True):
    """A task. Times are Unix seconds, ``mean_ms`` the computing time of one payload.

    ``reachable`` is false while its manager does not answer: the figures are then the last known ones.
    """

    id: str
    manager: str
    name: str
    filename: str
    description: str
    unit: str
    params: Any
    params_encoded: str
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
    has_answer: bool
    reachable: bool = True
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
    doubt: float = 0.0
    """The estimated share of wrong answers among the accepted ones."""
    shortage: str = ""
    """In words: which volunteers are missing for answers to be accepted; empty: none."""

    @property
    def ended(self) -> bool:
        """Whether nothing will be computed any more."""
        return self.state in ENDED

    @property
    def executions_each(self) -> float:
        """How often a payload was computed, on the average of those that are settled."""
        return self.executions / max(1, self.accepted + self.failed)

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the last payload is done at the present rate; None if that cannot be told."""
        if self.ended or not self.split_done or self.rate <= 0:
            return None
        return max(0, self.payloads - self.accepted - self.failed) / self.rate


class Deletion(Struct, kw_only=True):
    """How far the deletion of a task is: bytes of its manager's database that it has made free so far."""

    id: str
    freed: int
    done: bool


class TaskCollection(Struct, kw_only=True):
    """All tasks of all managers, newest first. ``version`` is what a later request gives as ``since``."""

    version: int
    tasks: list[Task]


class ResultLine(Struct, kw_only=True):
    """One accepted result; ``ms`` is its computing time, ``log`` what the unit printed.

    ``settled`` is when it was accepted, in microseconds of Unix time; ``votes``: how many gave this answer.
    """

    index: int
    payload: Any
    result: Any
    encoded: str
    payload_encoded: str
    ms: float
    volunteer: str
    log: str = ""
    settled: int = 0
    votes: int = 1


class OutcomeLine(Struct, kw_only=True, omit_defaults=True):
    """One settled payload: accepted with its ``result``, or set aside with ``failure`` (kind and message).

    ``settled`` is when, in microseconds of Unix time: what a later request gives as ``after``. ``votes``: how many gave
    this answer until then, or failed.
    """

    index: int
    settled: int
    accepted: bool
    payload: Any = None
    payload_encoded: str = ""
    result: Any = None
    encoded: str = ""
    failure: Any = None
    ms: float = 0.0
    volunteer: str = ""
    log: str = ""
    votes: int = 0


class EventLine(Struct, kw_only=True):
    """What a unit told while it computed a payload. ``at`` is when it came, in microseconds of Unix time."""

    at: int
    index: int
    event: Any
    encoded: str
    volunteer: str


class Vote(Struct, kw_only=True):
    """One answer to a payload, as stored. ``digest``: the beginning of what stands for it, in hexadecimal.

    ``stint`` and ``position`` say when its lease was given, ``check`` that the payload had an accepted answer then;
    ``counts``: the vote counts now; ``stands``: it is for the accepted answer. ``network`` is a salted hash;
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


class Ballot(Struct, kw_only=True):
    """Every vote for a payload, and in words why its answer is accepted or not."""

    task: str
    index: int
    state: str
    doubt: float
    allowed: float
    reason: str
    votes: list[Vote]


class FailureLine(Struct, kw_only=True):
    """A payload that was set aside: its last failure, and the volunteers in which it failed, with their browsers."""

    index: int
    payload: Any
    payload_encoded: str
    kind: str
    message: str
    traceback: str
    log: str
    volunteers: list[str]
    browsers: list[str] = []


class AnswerBody(Struct, kw_only=True):
    """A task's answer: what ``reduce`` returned."""

    answer: Any
    encoded: str


class Manager(Struct, kw_only=True):
    """A manager that the dashboard knows; ``id`` is empty until it has answered once."""

    id: str
    address: str
    reachable: bool
    since: float | None = None
    database: str = ""


class Distributor(Struct, kw_only=True):
    """A distributor, the managers that see it, and the tag that a site owner adds to a page."""

    id: str
    url: str
    managers: list[str]
    volunteers: int
    since: float
    script: str


class Volunteer(Struct, kw_only=True):
    """A volunteer; ``task`` is what it computes now, and ``leased`` how many payloads it holds."""

    id: str
    distributor: str
    site: str
    browser: str
    workers: int
    task: str
    leased: int
    answered: int
    failed: int
    since: float


class Grid(Struct, kw_only=True):
    """Who is there: managers, distributors, volunteers."""

    managers: list[Manager]
    distributors: list[Distributor]
    volunteers: list[Volunteer]


class Health(Struct, kw_only=True):
    """Whether the dashboard works, and how many of the managers that it knows answer."""

    ok: bool
    version: str
    managers: int
    reachable: int


class ErrorBody(Struct, kw_only=True):
    """Every answer with a status from 400 on: which kind of error, and what to do."""

    error: str
    message: str


def to_base64(data: bytes) -> str:
    """Bytes as they stand in a JSON body."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes of a field written by :func:`to_base64`.

    Raises:
        ValueError: it is no base64.
    """
    return base64.b64decode(text, validate=True)


def error_from(code: str, message: str) -> DisioError:
    """The exception that an error's code and message stand for."""
    return _kinds().get(code, DisioError)(message)


def _kinds() -> dict[str, type[DisioError]]:
    kinds: dict[str, type[DisioError]] = {}
    pending: list[type[DisioError]] = [DisioError]
    while pending:
        kind = pending.pop()
        kinds[kind.code] = kind
        pending.extend(kind.__subclasses__())
    return kinds


encode = msgspec.json.Encoder().encode

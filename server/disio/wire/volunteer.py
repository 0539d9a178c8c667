"""The WebSocket protocol between a volunteer's bridge and a distributor (``PROTOCOL_VERSION``).

Every WebSocket message is one binary *frame*: the length of its head (4 bytes, little-endian), the
head (a JSON object with a ``type``), then the data: the bytes that the head's sizes speak of, one
after the other. ``docs/protocol.md`` tells the order of things; ``worker/messages.js`` is the other
side's copy of these shapes, and ``tests/fixtures/protocol.json`` is checked against both.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from disio.errors import ProtocolError
from disio.unit.context import MAX_EVENT_BYTES, MAX_STATE_BYTES
from disio.wire.kit import Kit

PROTOCOL_VERSION: Final = 2
MAX_FRAME_BYTES: Final = 20 * 1024 * 1024
"""No frame is larger, in either direction; a task's result is limited to less than this."""
MAX_HEAD_BYTES: Final = 2 * 1024 * 1024
MAX_ITEMS: Final = 8192
"""Leases or results in one frame."""
MAX_WINDOW: Final = 4096
"""Leases that one volunteer may hold unfinished."""
BEAT_SECONDS: Final = 5.0
"""A distributor says something at least so often."""

MAX_NAMES: Final = 32
"""Tasks that a site may name."""

LeaseId = Annotated[int, Meta(ge=1, lt=2**53)]
Count = Annotated[int, Meta(ge=0, lt=2**53)]
Identifier = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]
ShortText = Annotated[str, Meta(max_length=200)]

ANSWERED: Final = 0
FAILED: Final = 1


class LeaseItem(Struct, array_like=True, frozen=True, gc=False, omit_defaults=True):
    """One payload on its way out: its bytes are the next ``size`` bytes of the frame's data.

    If it was begun by another volunteer that kept a state, the next ``state`` bytes are that state, in codec bytes.
    """

    lease: LeaseId
    index: Count
    size: Count
    state: Count = 0

    @property
    def bytes(self) -> int:
        """How many bytes of the frame's data are its own."""
        return self.size + self.state


class ResultItem(Struct, array_like=True, frozen=True, gc=False, omit_defaults=True):
    """One result on its way back; its bytes are the next ``size`` bytes of the frame's data.

    ``outcome`` 0: the data is the answer in codec bytes. ``outcome`` 1: the data is UTF-8 JSON with
    ``kind`` (exception, import, unsupported, too-large, timeout, crash, payload), ``message`` and
    ``traceback``. ``ms`` is the computing time; ``log`` what the unit printed, bounded.
    """

    lease: LeaseId
    outcome: Annotated[int, Meta(ge=0, le=1)]
    size: Count
    ms: Annotated[float, Meta(ge=0, le=1e9)]
    log: Annotated[str, Meta(max_length=65536)] = ""


Items = Annotated[list[ResultItem], Meta(max_length=MAX_ITEMS)]
Leases = Annotated[list[LeaseId], Meta(max_length=MAX_ITEMS)]


class Agent(Struct, frozen=True, kw_only=True):
    """What the visitor's browser says of itself."""

    browser: ShortText = "unknown"
    version: ShortText = ""
    platform: ShortText = ""


class Hello(Struct, tag_field="type", tag="hello", frozen=True, kw_only=True):
    """First message of every connection. ``holding``: unfinished leases by task, after a reconnect.

    ``tasks``: the only ones that the site computes for, by id, name or the unit's file; none: any.

    The secret is made by the bridge for one visit and never leaves this connection: the volunteer's
    id is its hash, so that any distributor knows a volunteer again without asking another.
    """

    protocol: int
    secret: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    site: ShortText = ""
    agent: Agent = Agent()
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    holding: dict[Identifier, Leases] = {}
    tasks: Annotated[list[ShortText], Meta(max_length=MAX_NAMES)] = []
    key: Annotated[str, Meta(pattern=r"^(|[0-9a-f]{64})\Z")] = ""
    """An operator's key, of one of its own volunteers."""


class Credit(Struct, tag_field="type", tag="credit", frozen=True):
    """How many unfinished leases the volunteer wants to hold from now on; 0 pauses the stream."""

    window: Annotated[int, Meta(ge=0, le=MAX_WINDOW)]


class Results(Struct, tag_field="type", tag="results", frozen=True):
    """Results of one task. The volunteer keeps them until they are acknowledged."""

    task: Identifier
    items: Items


class Return(Struct, tag_field="type", tag="return", frozen=True):
    """Leases given back uncomputed (the visitor stopped, or paused)."""

    task: Identifier
    leases: Leases


class Checkpoint(Struct, tag_field="type", tag="checkpoint", frozen=True):
    """A state from which another volunteer could go on with this lease's payload; the frame's data is the state.

    It replaces the one before. At most MAX_STATE_BYTES; no more often than every second for each worker (what comes
    more often is passed over); never acknowledged: it may be lost.
    """

    task: Identifier
    lease: LeaseId
    size: Annotated[int, Meta(ge=1, le=MAX_STATE_BYTES)]


class Event(Struct, tag_field="type", tag="event", frozen=True):
    """What a unit tells of this lease's payload while it computes; the frame's data is the event.

    At most MAX_EVENT_BYTES, and EVENTS_A_SECOND for each worker (what comes more often is passed over); never
    acknowledged: it may be lost.
    """

    task: Identifier
    lease: LeaseId
    size: Annotated[int, Meta(ge=1, le=MAX_EVENT_BYTES)]


class Welcome(Struct, tag_field="type", tag="welcome", frozen=True, kw_only=True):
    """Answer to hello: the volunteer's id, and the id of the bundle that the distributor serves."""

    protocol: int
    volunteer: str
    distributor: str
    bundle: str


class Peer(Struct, frozen=True, array_like=True):
    """A distributor of the cluster: its origin, and the share of its capacity that is used, 0 to 1."""

    url: str
    load: float


class Cluster(Struct, tag_field="type", tag="cluster", frozen=True):
    """The distributors that a volunteer may connect to, this one included; sent after the welcome, and on changes."""

    distributors: list[Peer]


class Beat(Struct, tag_field="type", tag="beat", frozen=True):
    """Sent when nothing else was for a while: a volunteer that hears nothing at all takes its distributor for dead."""


class Task(Struct, tag_field="type", tag="task", frozen=True, kw_only=True):
    """Sent before a task's first work on a connection. The frame's data is the parameters (codec bytes)."""

    task: str
    name: str
    filename: str
    description: str
    unit: str
    """sha256 of the unit's source: fetch it at ``/files/<unit>``."""
    timeout: float
    """Seconds of computing that one payload may take."""
    max_result_bytes: int
    kit: Kit = Kit()
    """Packages, snapshot and shared data: fetch them as the unit."""
    homepage: str = ""
    """The project's page, which the visitor is shown a link to; empty: none."""


class Work(Struct, tag_field="type", tag="work", frozen=True):
    """Leases of one task; the frame's data is their payloads."""

    task: str
    items: list[LeaseItem]


class Ack(Struct, tag_field="type", tag="ack", frozen=True, omit_defaults=True):
    """These results are durable; forget them. ``rejected``: leases that count for nothing, with the reason."""

    task: str
    leases: list[int]
    rejected: dict[str, str] = {}


class Revoke(Struct, tag_field="type", tag="revoke", frozen=True, omit_defaults=True):
    """Stop computing these leases; an empty list means the whole task."""

    task: str
    leases: list[int] = []


class Error(Struct, tag_field="type", tag="error", frozen=True):
    """The last message before the distributor closes: what was wrong, and whether to come back."""

    code: str
    message: str
    retry: bool = False


FromVolunteer = Hello | Credit | Results | Checkpoint | Event | Return
ToVolunteer = Welcome | Cluster | Beat | Task | Work | Ack | Revoke | Error

_encode_head = msgspec.json.Encoder().encode
_decode_from = msgspec.json.Decoder(FromVolunteer).decode
_decode_to = msgspec.json.Decoder(ToVolunteer).decode


def pack(message: FromVolunteer | ToVolunteer, data: bytes | bytearray | memoryview = b"") -> bytes:
    """One frame from a message and the data its sizes speak of."""
    head = _encode_head(message)
    return b"".join((len(head).to_bytes(4, "little"), head, data))


def _unpack(frame: object) -> tuple[bytes, bytes]:
    if not isinstance(frame, bytes):
        raise ProtocolError("a text message arrived; every message of this protocol is one binary frame")
    if len(frame) < 4:
        raise ProtocolError("the frame is shorter than its 4 bytes of head length")
    if len(frame) > MAX_FRAME_BYTES:
        raise ProtocolError(f"the frame has {len(frame)} bytes; at most {MAX_FRAME_BYTES} are allowed")
    end = 4 + int.from_bytes(frame[:4], "little")
    if end > len(frame) or end - 4 > MAX_HEAD_BYTES:
        raise ProtocolError("the head is longer than the frame, or than is allowed")
    return frame[4:end], frame[end:]


def unpack_from_volunteer(frame: object) -> tuple[FromVolunteer, bytes]:
    """The message and the data of a frame that a volunteer sent.

    Raises:
        ProtocolError: not a frame, not JSON, an unknown message, a field out of bounds, or sizes
            that do not add up to the data.
    """
    head, data = _unpack(frame)
    try:
        message: FromVolunteer = _decode_from(head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"the head is no message of protocol {PROTOCOL_VERSION}: {error}") from None
    match message:
        case Results():
            expected = sum(item.size for item in message.items)
        case Checkpoint() | Event():
            expected = message.size
        case _:
            expected = 0
    if expected != len(data):
        raise ProtocolError(f"the sizes add up to {expected} bytes, but {len(data)} came")
    return message, data


def unpack_to_volunteer(frame: object) -> tuple[ToVolunteer, bytes]:
    """The message and the data of a frame that a distributor sent (for volunteers written in Python).

    Raises:
        ProtocolError: as for :func:`unpack_from_volunteer`.
    """
    head, data = _unpack(frame)
    try:
        message: ToVolunteer = _decode_to(head)
    except msgspec.DecodeError as error:
        raise ProtocolError(f"the head is no message of protocol {PROTOCOL_VERSION}: {error}") from None
    return message, data

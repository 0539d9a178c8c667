"""Messages between our own processes over ZeroMQ: distributors and dashboards to managers.

A manager binds one ROUTER; everyone else dials it with a DEALER. Each ZeroMQ message is one part,
msgpack by msgspec. Items of leases and results are the structs of ``wire.volunteer``, so that a
distributor passes them on without touching each one. ``docs/protocol.md`` tells the order of things.

``links.py``: distributors and managers; ``requests.py`` and ``responses.py``: calls of dashboards and other clients.
"""

from typing import Final

import msgspec

from disio.errors import ProtocolError
from disio.wire.grid.links import (
    Ack,
    Ask,
    Beat,
    Checkpoint,
    Cluster,
    DistributorHello,
    Dry,
    Event,
    File,
    GetFile,
    Grant,
    Joined,
    Left,
    Peer,
    Purposes,
    Ready,
    Results,
    Return,
    Revoke,
    TaskInfo,
    Want,
    Welcome,
    WhoAreYou,
)
from disio.wire.grid.message import Message
from disio.wire.grid.requests import (
    AddPayloads,
    CancelTask,
    CloseTask,
    DeleteTask,
    FindFiles,
    GetAnswer,
    GetBallot,
    GetEvents,
    GetFailures,
    GetGrid,
    GetKit,
    GetOutcomes,
    GetResults,
    GetTask,
    ListTasks,
    PauseTask,
    PutFile,
    Request,
    ResumeTask,
    SubmitTask,
)
from disio.wire.grid.responses import (
    Added,
    Answer,
    BallotView,
    Deletion,
    DistributorView,
    EventPage,
    EventView,
    Failure,
    FailurePage,
    FailureView,
    FilesView,
    GridView,
    KitView,
    OutcomePage,
    OutcomeView,
    Response,
    ResultPage,
    ResultView,
    TaskList,
    TaskView,
    VolunteerView,
    VoteView,
)

__all__ = [
    "GRID_VERSION",
    "Ack",
    "AddPayloads",
    "Added",
    "Answer",
    "Ask",
    "BallotView",
    "Beat",
    "Call",
    "CancelTask",
    "Checkpoint",
    "CloseTask",
    "Cluster",
    "DeleteTask",
    "Deletion",
    "DistributorHello",
    "DistributorView",
    "Dry",
    "Event",
    "EventPage",
    "EventView",
    "Failure",
    "FailurePage",
    "FailureView",
    "File",
    "FilesView",
    "FindFiles",
    "FromManager",
    "GetAnswer",
    "GetBallot",
    "GetEvents",
    "GetFailures",
    "GetFile",
    "GetGrid",
    "GetKit",
    "GetOutcomes",
    "GetResults",
    "GetTask",
    "Grant",
    "GridView",
    "Joined",
    "KitView",
    "Left",
    "ListTasks",
    "Message",
    "OutcomePage",
    "OutcomeView",
    "PauseTask",
    "Peer",
    "Purposes",
    "PutFile",
    "Ready",
    "Reply",
    "Request",
    "Response",
    "ResultPage",
    "ResultView",
    "Results",
    "ResumeTask",
    "Return",
    "Revoke",
    "SubmitTask",
    "TaskInfo",
    "TaskList",
    "TaskView",
    "ToManager",
    "VolunteerView",
    "VoteView",
    "Want",
    "Welcome",
    "WhoAreYou",
    "decode_from_manager",
    "decode_to_manager",
    "encode",
]

GRID_VERSION: Final = 2


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

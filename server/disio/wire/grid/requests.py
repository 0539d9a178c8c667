"""What dashboards and other clients ask of a manager."""

from typing import Any, Literal

from msgspec import field

from disio.wire.grid.message import After, Index, Limit, Message, Offset, Since
from disio.wire.kit import FileSize, Kit, Sha256


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
    sites: list[str] = field(default_factory=list)
    """Only volunteers of these sites are given payloads; none: all."""
    kit: Kit = Kit()
    """All of its files have been put before."""
    checking: dict[str, Any] = field(default_factory=dict)


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

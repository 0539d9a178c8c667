"""Takes results in: is the lease known, whose is it, are the bytes sound? What follows the task's arbiter says.

Results are acknowledged when they are durable. What comes twice is acknowledged and counted once.
"""

import re
import time
from collections.abc import Iterable
from typing import Final

import msgspec
import structlog

from disio.errors import CodecError
from disio.figures import counted
from disio.manager.belief import Answer
from disio.manager.granting import MAX_RESULT_BYTES
from disio.manager.leases import Lease
from disio.manager.ledger import Ledger
from disio.manager.links import Volunteer
from disio.manager.tasks import Task
from disio.task.ballot import FAILURE, answer_digest
from disio.task.judge import FAILURES_NEEDED
from disio.task.model import TaskState
from disio.task.poison import NotLoaded
from disio.unit.codec import TooLargeError, check
from disio.unit.context import MAX_EVENT_BYTES, MAX_STATE_BYTES
from disio.wire.grid import Checkpoint, Event, Results
from disio.wire.volunteer import ANSWERED, FAILED, ResultItem

_log = structlog.get_logger("disio.manager")

MAX_FAILURE_BYTES: Final = 256 * 1024
VANISHED: Final = (
    "again and again, volunteers left while they computed this payload: it may end the tabs that compute it, or take "
    "longer than visitors stay (ctx.checkpoint has the next one go on)"
)
MAX_REASON: Final = 300
"""Characters of a volunteer's word in the reason why a task is paused."""
MAX_BROWSERS: Final = 5
"""As many are named there."""
_PLACE: Final = re.compile(r'^  File "(?P<file>[^"\n]{1,100})", line (?P<line>\d{1,7}), in ', re.MULTILINE)
_OF_A_LOADED_UNIT: Final = frozenset({"exception", "unsupported", "too-large"})


class FailureReport(msgspec.Struct, frozen=True):
    """What a failed result tells: see ``wire.volunteer.ResultItem``."""

    kind: str
    message: str
    traceback: str = ""


_read_report = msgspec.json.Decoder(FailureReport).decode


def read_report(data: bytes) -> FailureReport:
    """The report of a result that was stored as failed."""
    return _read_report(data)


def sound(outcome: int, data: bytes) -> tuple[int, bytes]:
    """A volunteer's result as it may be stored: bytes that are not what they should be are its failure."""
    try:
        if outcome == ANSWERED:
            check(data, max_bytes=MAX_RESULT_BYTES)
        elif len(data) > MAX_FAILURE_BYTES:
            return _failure("malformed", "the report of the failure is too large")
        else:
            _read_report(data)
    except TooLargeError as error:
        return _failure("too-large", f"the answer is too large: {error}")
    except CodecError as error:
        return _failure("malformed", f"the answer is no encoded value: {error}")
    except msgspec.DecodeError as error:
        return _failure("malformed", f"the report of the failure cannot be read: {error}")
    return outcome, data


def _failure(kind: str, message: str) -> tuple[int, bytes]:
    return FAILED, msgspec.json.encode(FailureReport(kind, message))


class Intake:
    """Takes results into a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def take(self, peer: bytes, message: Results, now: float) -> list[int]:
        """Take one volunteer's results.

        Returns:
            Leases that the book does not know: they may have been answered before, which the database tells;
            give them to :meth:`recall`.
        """
        ledger = self._ledger
        task = ledger.tasks.get(message.task)
        if task is None:
            self._reject(peer, message, "this manager has no such task")
            return []
        if sum(item.size for item in message.items) != len(message.data):
            self._reject(peer, message, "the sizes do not add up to the data")
            return []
        ack = ledger.outbox.ack(peer, message.task, message.volunteer)
        unknown = []
        accepted, executions, failed = task.accepted, task.executions, 0
        offset = 0
        clock = time.time()
        data = message.data
        find, number, volunteer = ledger.book.find, task.number, message.volunteer
        for item in message.items:
            start, offset = offset, offset + item.size
            found = find(item.lease)
            if found is None:
                unknown.append(item.lease)
            elif found.batch.volunteer != volunteer or found.batch.task != number:
                ack.rejected[item.lease] = "this lease was given to somebody else"
            else:
                stored = sound(item.outcome, data[start:offset])
                self._store(task, item, found, stored, clock)
                ack.leases.append(item.lease)
                failed += stored[0]
        done = task.executions - executions
        if done:
            task.meter.count(task.accepted - accepted, now)
            known = ledger.links.volunteers.get(volunteer)
            if known is not None:
                ledger.links.answered(known, done - failed, failed)
            ledger.tasks.changed(task)
            self._conclude(task)
        return unknown

    def left(self, volunteer: Volunteer) -> None:
        """A volunteer is gone, without a word about what it was computing; others may have gone so before.

        Its leases are to be ended after this.
        """
        ledger = self._ledger
        for lease in ledger.book.first(volunteer.id, volunteer.workers):
            found = ledger.book.find(lease)
            task = None if found is None else ledger.tasks.by_number(found.batch.task)
            if found is None or task is None or not task.poison.vanished(found.payload):
                continue
            outcome, data = _failure("crash", VANISHED)
            self._store(task, ResultItem(lease, outcome, len(data), 0.0), found, (outcome, data), time.time())
            ledger.tasks.changed(task)
            self._conclude(task)

    def _conclude(self, task: Task) -> None:
        """Results of a task were taken in: it may be at its end, or nobody should be given more of it."""
        self._ledger.settle(task)
        if task.state is TaskState.RUNNING and task.poison.many:
            self._ledger.pause(
                task,
                f"paused by the manager: {task.poison.crashes:,} payloads ended the interpreters or tabs that computed "
                f"them, and no more came back whole. The last was {task.poison.last_crash}. "
                f"`disio resume {task.id}` tries again, `disio cancel {task.id}` gives it up",
            )
        elif task.state is TaskState.RUNNING and self._unloadable(task):
            message, browsers, tried = task.poison.why_not_loaded()
            where = f", in {', '.join(browsers[:MAX_BROWSERS])}" if browsers else ""
            self._ledger.pause(
                task,
                f"paused by the manager: the unit cannot be loaded: {message}{where}. {counted(tried, 'volunteer')} "
                "tried, and nobody could. Correct it and submit it again; "
                f"`disio resume {task.id}` tries this one again, `disio cancel {task.id}` gives it up",
            )

    def _unloadable(self, task: Task) -> bool:
        """Whether those who could not load a unit are enough to have its payloads set aside, sooner or later."""
        if task.accepted or not task.poison.never_loaded:
            return False
        at_it = self._ledger.schedule.volunteers_of(task.number)
        found = [self._ledger.links.volunteers.get(volunteer) for volunteer in at_it]
        trusted = any(one is not None and task.rules.trusts(one.key) for one in found)
        decisive = task.rules.plain_votes == 1 or (trusted and not task.rules.plain_votes)
        needed = max(FAILURES_NEEDED, task.rules.votes_to_start)
        return task.poison.unloadable(needed, at_it if decisive else [])

    def _not_loaded(self, task: Task, volunteer: Volunteer, report: FailureReport) -> None:
        by_network = task.rules.by_network and not task.rules.trusts(volunteer.key)
        network = volunteer.network if by_network else None
        said = _in_a_line(report.message)
        place = _PLACE.search(report.traceback)
        if place is not None and f"line {place['line']}" not in said:
            said += f" ({place['file']}, line {place['line']})"
        counts_as = f"volunteer {volunteer.id}" if network is None else f"network {network}"
        task.poison.not_loaded(volunteer.id, counts_as, NotLoaded(said, volunteer.browser))

    def checkpoint(self, message: Checkpoint, now: float) -> None:
        """Take a state in, if it is one of an open lease of this volunteer's; all else is passed over."""
        sound = self._of_open_lease(message, MAX_STATE_BYTES)
        if sound is not None:
            task, volunteer, payload = sound
            task.poison.got_on(payload)
            self._ledger.keep(task, volunteer, payload, message.data, lease=message.lease, now=now)

    def event(self, message: Event) -> None:
        """Take an event in, if it is one of an open lease of this volunteer's; all else is passed over."""
        sound = self._of_open_lease(message, MAX_EVENT_BYTES)
        if sound is not None:
            task, volunteer, payload = sound
            self._ledger.store.group.events.append((task.number, payload, volunteer.id, message.data))
            self._ledger.due.set()

    def _of_open_lease(self, message: Checkpoint | Event, most: int) -> tuple[Task, Volunteer, int] | None:
        """Task, volunteer and payload of what is told in the midst of computing; None if it is not to be believed."""
        ledger = self._ledger
        task, volunteer = ledger.tasks.get(message.task), ledger.links.volunteers.get(message.volunteer)
        found = ledger.book.find(message.lease)
        if task is None or volunteer is None or found is None or not ledger.book.is_open(message.lease):
            return None
        if found.batch.volunteer != volunteer.id or found.batch.task != task.number:
            return None
        try:
            check(message.data, max_bytes=most)
        except CodecError as error:
            told = type(message).__name__.lower()
            _log.info(f"a {told} is no encoded value", task=task.id, volunteer=volunteer.id, reason=str(error))
            return None
        return task, volunteer, found.payload

    async def recall(self, peer: bytes, task_id: str, volunteer: str, leases: list[int]) -> None:
        """Acknowledge what was answered before, reject what was not.

        Args:
            peer: who sent it.
            task_id: the task that the results were said to be of.
            volunteer: whose results they were said to be.
            leases: leases that the book did not know.
        """
        ledger = self._ledger
        await ledger.committed()  # the first of two may be in the group that is being written
        answered = await ledger.store.answered(leases)
        task = ledger.tasks.get(task_id)
        why = "this lease is not known: it was never given, or its payload has been settled without it"
        if task is not None and task.state.ended:
            why = f"the task is {task.state}"
        ack = ledger.outbox.ack(peer, task_id, volunteer)
        for lease in leases:
            whose = answered.get(lease)
            if whose is None:
                ack.rejected[lease] = why
            elif task is not None and whose == (task.number, volunteer):
                ack.leases.append(lease)
            else:
                ack.rejected[lease] = "this lease was given to somebody else"

    def _store(self, task: Task, item: ResultItem, found: Lease, stored: tuple[int, bytes], clock: float) -> None:
        ledger, lease, number = self._ledger, item.lease, task.number
        volunteer, index = found.batch.volunteer, found.payload
        outcome, data = stored
        ms = min(item.ms, task.timeout * 1000)  # its own word: no payload may take longer
        group, queue = ledger.store.group, task.queue
        known = ledger.links.volunteers.get(volunteer) if outcome == FAILED else None
        told = item.log or None, clock, known and known.browser
        group.results.append((lease, number, index, volunteer, outcome, data, ms, *told))
        group.closed.append((lease,))
        task.executions += 1
        task.computing_ms += ms
        if outcome == ANSWERED:
            task.pace.add(ms / 1000)
            queue.arbiter.patience = task.pace.patience
            task.poison.got_on(index)
            task.poison.answered()
        else:
            self._failed(task, index, known, _read_report(data))
        rests_on = ledger.book.rests_on(lease)
        late = not ledger.book.close(lease)
        if not late:
            queue.leased -= 1
        digest = FAILURE if outcome == FAILED else answer_digest(data)
        ledger.belief.take(task, Answer(volunteer, index, digest, lease, late, rests_on))

    def _failed(self, task: Task, index: int, volunteer: Volunteer | None, report: FailureReport) -> None:
        if report.kind == "crash":
            task.poison.crashed(index, _in_a_line(report.message))
            return
        task.poison.answered()
        if report.kind in _OF_A_LOADED_UNIT:
            task.poison.loaded()
        elif report.kind == "import" and volunteer is not None:
            self._not_loaded(task, volunteer, report)

    def _reject(self, peer: bytes, message: Results, why: str) -> None:
        rejected = self._ledger.outbox.ack(peer, message.task, message.volunteer).rejected
        rejected.update(_same(message.items, why))


def _in_a_line(message: str) -> str:
    return (message.strip().splitlines() or ["no reason was told"])[0][:MAX_REASON]


def _same(items: Iterable[ResultItem], why: str) -> dict[int, str]:
    return {item.lease: why for item in items}

"""The two threads of an executor: one puts calls together and sends them, one takes their outcomes in."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Future
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from disio.client.chunks import FIRST_SECONDS, Chunks
from disio.client.feeding import Feeding
from disio.client.functions import Program
from disio.client.remote import error_of, failure_of
from disio.client.task import Task
from disio.errors import CodecError, DisioError
from disio.unit import codec
from disio.wire import grid

if TYPE_CHECKING:
    from disio.client.blocking import Client

PAYLOAD_BYTES: Final = 1024 * 1024
"""Calls that are larger together travel in several payloads."""


@dataclass(slots=True, eq=False)
class Call:
    """One call, and the future of its result."""

    program: Program
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    future: Future[Any] = field(default_factory=Future)


class Caller:
    """Makes calls on a grid: what an executor is made of, without a reference to it.

    Args:
        client: which grid.
        submission: what :meth:`Client.submit` is given for the task, once there is a first call.
        close_client: whether the client is closed at the end.
    """

    def __init__(self, client: "Client", submission: Mapping[str, Any], *, close_client: bool) -> None:
        self._client = client
        self._submission = submission
        self._close_client = close_client
        self._changed = threading.Condition()
        self._waiting: dict[str, deque[Call]] = {}
        """Calls by their program, to be cut into payloads."""
        self._packed: deque[list[Call]] = deque()
        """Calls that are to travel together."""
        self._in_hand: list[Call] = []
        """Calls that the sender has taken, and that may not be under way yet."""
        self._under_way: dict[int, list[Call]] = {}
        """Calls by the index of their payload."""
        self._chunks: dict[str, Chunks] = {}
        self._shut = False
        self._broken: BaseException | None = None
        self._sender: threading.Thread | None = None
        self._task: Task | None = None

    def submit(self, calls: list[Call], *, together: bool = False) -> list[Future[Any]]:
        """Have calls made; ``together``: in one payload (they are then of one program).

        Raises:
            RuntimeError: the executor is shut down.
            BrokenExecutor: the grid cannot be reached any more, or its task was cancelled.
        """
        with self._changed:
            if self._broken is not None:
                raise BrokenExecutor(_said(self._broken)) from self._broken
            if self._shut:
                raise RuntimeError("cannot schedule new futures after shutdown")
            if together:
                self._packed.append(calls)
            else:
                for call in calls:
                    self._waiting.setdefault(call.program.digest, deque()).append(call)
            if self._sender is None:
                self._sender = threading.Thread(target=self._work, name="disio calls", daemon=True)
                self._sender.start()
            self._changed.notify_all()
        return [call.future for call in calls]

    def map(
        self, calls: Iterable[Call], *, timeout: float | None, chunksize: int, buffersize: int | None
    ) -> Iterator[Any]:
        """Results of calls in their order; see :meth:`disio.Executor.map`. Calls are sent at once."""
        end = None if timeout is None else time.monotonic() + timeout
        calls = iter(calls)
        pending: deque[Future[Any]] = deque()

        def send(count: int | None) -> None:
            while count is None or count > 0:
                some = list(islice(calls, chunksize or (count if count is not None else 1000)))
                if not some:
                    return
                pending.extend(self.submit(some, together=chunksize > 1))
                count = None if count is None else count - len(some)

        send(buffersize)

        def results() -> Iterator[Any]:
            try:
                while pending:
                    yield _result(pending, end)
                    if buffersize is not None:
                        send(1)
            finally:
                for future in pending:
                    future.cancel()

        return results()

    def shutdown(self, *, wait: bool, cancel_futures: bool = False) -> None:
        """Take no further calls; see :meth:`disio.Executor.shutdown`."""
        dropped: list[Call] = []
        with self._changed:
            first, self._shut = not self._shut, True
            if cancel_futures:
                dropped = [call for calls in (*self._waiting.values(), *self._packed) for call in calls]
                self._waiting.clear()
                self._packed.clear()
            self._changed.notify_all()
        for call in dropped:
            call.future.cancel()
            call.future.set_running_or_notify_cancel()  # so that futures.wait sees it
        if self._sender is None:
            if first and self._close_client:
                self._client.close()
        elif wait:
            self._sender.join()

    def cancel(self) -> None:
        """Drop all calls and cancel the task; see :meth:`disio.Executor.cancel`."""
        self._break(BrokenExecutor("the executor was cancelled, and its calls with it"))
        task = self._task
        if task is not None:
            # At once: the sender may be waiting until the task has room for more.
            with contextlib.suppress(DisioError, RuntimeError):  # closed by the sender, which has cancelled it then
                task.cancel()
        self.shutdown(wait=True, cancel_futures=True)

    # ---- the thread that sends ---------------------------------------------------------------

    def _work(self) -> None:
        try:
            self._task = task = self._client.submit(**self._submission, open=True)
            reader = threading.Thread(target=self._read, args=(task,), name=f"outcomes of {task.id}", daemon=True)
            reader.start()
            self._send(task)
            reader.join()
        except Exception as error:  # whatever it is, nobody else would tell whoever waits for results
            self._break(error)
        finally:
            if self._close_client:
                self._client.close()

    def _send(self, task: Task) -> None:
        feeding = Feeding(self._client, task.id, 0)
        try:
            while calls := self._next():
                live = self._begin(calls)
                for data, some in _payloads(live):
                    with self._changed:
                        self._under_way[feeding.put(data)] = some
            if self._broken is None:
                feeding.finish()
                task.close()
            else:
                with contextlib.suppress(DisioError):
                    task.cancel()  # before the feeding stops: that waits for its request, which this ends
                feeding.stop()
        except Exception as error:
            self._break(error)
            with contextlib.suppress(DisioError):
                task.cancel()  # nobody will add to it, or close it

    def _next(self) -> list[Call]:
        """The calls of the next payload; waits for them. None: there will be no more."""
        with self._changed:
            while self._broken is None:
                self._in_hand = calls = self._packed.popleft() if self._packed else self._cut()
                if calls:
                    return calls
                if self._shut and not self._waiting and not self._under_way:
                    break
                self._changed.wait(FIRST_SECONDS / 4 if self._waiting else None)
            return []

    def _begin(self, calls: list[Call]) -> list[Call]:
        """Those of some calls that are to be made: neither cancelled nor broken meanwhile."""
        with self._changed:
            if self._broken is not None:
                return []
            return [call for call in calls if call.future.running() or call.future.set_running_or_notify_cancel()]

    def _cut(self) -> list[Call]:
        for digest, waiting in list(self._waiting.items()):
            chunks = self._chunks.setdefault(digest, Chunks())
            count = min(chunks.size(len(waiting), len(self._under_way), time.monotonic()), len(waiting))
            if count:
                calls = [waiting.popleft() for _ in range(count)]
                del self._waiting[digest]
                if waiting:
                    self._waiting[digest] = waiting  # at the end: functions take turns
                return calls
        return []

    # ---- the thread that takes outcomes in ----------------------------------------------------

    def _read(self, task: Task) -> None:
        try:
            for seen in task.outcomes(payloads=False):
                self._take(seen)
            task.refresh()
            self._break(BrokenExecutor(f"task {task.id} is {task.state}; calls that it did not answer are lost"))
        except Exception as error:
            self._break(error)

    def _take(self, seen: grid.OutcomeView) -> None:
        with self._changed:
            calls = self._under_way.pop(seen.index, None)
            if calls is None:  # an answer that was given already, and corrected since
                return
            if seen.accepted:
                self._chunks.setdefault(calls[0].program.digest, Chunks()).answered(len(calls), seen.ms)
            elif len(calls) > 1:  # one of them did it: each again, alone
                self._packed.extend([call] for call in calls)
            self._changed.notify_all()
        try:
            if seen.accepted:
                _settle(calls, seen.data)
            elif len(calls) == 1:
                calls[0].future.set_exception(failure_of(seen.data))
        except Exception:
            with self._changed:
                self._under_way[seen.index] = calls  # so that they are broken with all others
            raise

    def _break(self, error: BaseException) -> None:
        """Nothing more can be done: all calls that are left fail with the reason."""
        with self._changed:
            over = self._shut and not (self._waiting or self._packed or self._under_way)
            if self._broken is not None or over:
                return
            self._broken = error
            groups = [*self._waiting.values(), *self._packed, *self._under_way.values(), self._in_hand]
            self._waiting.clear()
            self._packed.clear()
            self._under_way.clear()
            self._changed.notify_all()
        for call in dict.fromkeys(call for calls in groups for call in calls):
            if call.future.done():
                continue
            if call.future.running() or call.future.set_running_or_notify_cancel():
                broken = BrokenExecutor(_said(error))
                broken.__cause__ = error
                call.future.set_exception(broken)


def _said(error: BaseException) -> str:
    """What an error says; with its kind, if it is none of ours."""
    return str(error) if isinstance(error, DisioError | BrokenExecutor) else f"{type(error).__name__}: {error}"


def _payloads(calls: list[Call]) -> Iterator[tuple[bytes, list[Call]]]:
    """Calls of one program as payloads; those whose arguments cannot travel fail here."""
    if not calls:
        return
    program = calls[0].program
    try:
        data = codec.encode([program.digest, program.value, [[call.args, call.kwargs] for call in calls]])
    except CodecError as error:
        if len(calls) == 1:
            calls[0].future.set_exception(_placed(error, calls[0]))
            return
        data = b""
    if data and (len(data) <= PAYLOAD_BYTES or len(calls) == 1):
        yield data, calls
    else:
        half = len(calls) // 2
        yield from _payloads(calls[:half])
        yield from _payloads(calls[half:])


def _placed(error: CodecError, call: Call) -> CodecError:
    """The error of a call whose arguments cannot travel, by the argument that it is about."""
    named = [(f"positional argument {at}", value) for at, value in enumerate(call.args, 1)]
    named += [(f"the argument {name}", value) for name, value in call.kwargs.items()]
    for place, value in named:
        try:
            codec.encode(value)
        except CodecError as found:
            inside = str(found).removeprefix("value: ")
            return type(found)(f"{call.program.name}(), {place}{': ' if inside != str(found) else ', '}{inside}")
    return error


def _settle(calls: list[Call], data: bytes) -> None:
    answers = codec.decode(data)
    if not isinstance(answers, list) or len(answers) != len(calls):
        answers = [[1, None]] * len(calls)
    for call, (outcome, value) in zip(calls, answers, strict=True):
        if outcome == 0:
            call.future.set_result(value)
        else:
            call.future.set_exception(error_of(value, call.program))


def _result(pending: deque[Future[Any]], end: float | None) -> Any:
    """The next result; no reference to its future is kept."""
    return pending.popleft().result(None if end is None else max(0.0, end - time.monotonic()))

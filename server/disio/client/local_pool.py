"""Processes that compute a unit's payloads on this machine, and the one that splits and reduces."""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from queue import Empty, SimpleQueue
from time import monotonic
from types import TracebackType
from typing import Any, BinaryIO, Final, Self, cast

from disio.errors import UnitError
from disio.unit.failures import Kind, failure
from disio.unit.process import STEP_SECONDS, Frame, read_frame, write_frame
from disio.unit.runner import FAILED


@dataclass(frozen=True, slots=True)
class Finished:
    """One payload that was computed: payload and answer (or failure) as they travel."""

    index: int
    payload: bytes
    outcome: int
    data: bytes
    ms: float
    log: str = ""


Take = Callable[[Finished], None]
"""Takes one payload that is finished."""

OPEN_SECONDS: Final = 60.0
"""How long a process may take to start and to execute the module, beyond a payload's own time limit."""
GRACE_SECONDS: Final = STEP_SECONDS + 1.0
"""What a process may be late beyond a payload's time limit: others' answers wait for one step."""
SPLIT_SECONDS: Final = 60.0
"""The longest that ``split`` may take from one payload to the next, as on a manager."""
BATCH_SECONDS: Final = 0.1
"""Payloads are handed out in batches of about so much computing."""
MAX_BATCH: Final = 1024
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
_MAX_LOG = 64 * 1024

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class _Process:
    """One process, a thread that reads from it, and what it has been given to compute."""

    def __init__(
        self, source: str, info: str, paths: Sequence[str], events: "SimpleQueue[tuple[_Process, Frame | None]]"
    ) -> None:
        # The same hashes everywhere, as in the browser, where all interpreters come from one snapshot.
        environment = {**_ONE_THREAD, **os.environ, "PYTHONHASHSEED": "0"}
        if paths:
            environment["PYTHONPATH"] = os.pathsep.join((*paths, os.environ.get("PYTHONPATH", ""))).rstrip(os.pathsep)
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", "disio.unit.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
        self._events = events
        self.opened = False
        self.batch: deque[tuple[int, bytes]] = deque()
        self.states: dict[int, bytes] = {}
        """The last states of what it computes, in codec bytes."""
        self.since = monotonic()
        self.mean = BATCH_SECONDS
        threading.Thread(target=self._read, daemon=True).start()
        self.send({"do": "open", "info": info}, source.encode())

    def _read(self) -> None:
        with cast("BinaryIO", self._popen.stdout) as stream:
            while (frame := read_frame(stream)) is not None:
                self._events.put((self, frame))
        self._events.put((self, None))

    def send(self, head: dict[str, Any], data: bytes = b"") -> None:
        """Write a frame; a process that is gone is noticed by its reader."""
        self.since = monotonic()
        with suppress(OSError):
            write_frame(cast("BinaryIO", self._popen.stdin), head, data)

    def compute(self, batch: Iterable[tuple[int, bytes]], states: dict[int, bytes]) -> None:
        """Give it payloads, and the states of those that were begun by another process."""
        self.batch.extend(batch)
        self.states = {index: states.pop(index) for index, _ in self.batch if index in states}
        begun = {index: [len(state)] for index, state in self.states.items()}
        items = json.dumps([[index, len(data), *begun.get(index, ())] for index, data in self.batch])
        parts = (part for index, data in self.batch for part in (data, self.states.get(index, b"")))
        self.send({"do": "run", "items": items}, b"".join(parts))

    def end(self) -> str:
        """End it now, if it has not ended by itself; returns how it ended."""
        status = self._popen.poll()
        self._popen.kill()
        last = self._popen.wait()
        with suppress(OSError):
            cast("BinaryIO", self._popen.stdin).close()
        return f"signal {-last}" if last < 0 else f"exit status {last if status is None else status}"


class Pool:
    """The processes of one run; a context manager that ends them all when it is left.

    Attributes:
        log: what ``split`` and ``reduce`` printed, bounded.
    """

    def __init__(
        self,
        source: str,
        info: str,
        *,
        processes: int,
        timeout: float,
        split_timeout: float,
        limit: int | None = None,
        payloads: Iterator[bytes] | None = None,
        paths: Sequence[str] = (),
    ) -> None:
        self.log = ""
        self._source = source
        self._info = info
        self._paths = paths
        self._count = processes
        self._timeout = timeout
        self._split_timeout = split_timeout
        self._limit = sys.maxsize if limit is None else limit
        self._given = None if payloads is None else islice(payloads, limit)
        self._events: SimpleQueue[tuple[_Process, Frame | None]] = SimpleQueue()
        self._workers: list[_Process] = []
        self._ready: deque[tuple[int, bytes]] = deque()
        self._suspects: deque[tuple[int, bytes]] = deque()
        self._states: dict[int, bytes] = {}
        self._next_index = 0
        self._split_done = False
        self._splitting = False

    def __enter__(self) -> Self:
        self._splitter = self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in (self._splitter, *self._workers):
            process.end()

    def run(self, take: Take, tell: Callable[[int | None], None]) -> None:
        """Split, and compute every payload.

        Args:
            take: called for each payload that is finished, in any order.
            tell: called after each message, with the number of payloads once it is known.

        Raises:
            UnitError: the module cannot be executed, or ``split`` fails.
        """
        while self._feed():
            with suppress(Empty):
                process, frame = self._events.get(timeout=self._patience())
                if process is self._splitter:
                    self._on_splitter(frame)
                elif process in self._workers and frame is None:
                    self._on_lost(process, take, "crash", "the unit ended its process")
                elif process in self._workers and frame is not None:
                    self._on_answers(process, frame, take)
            now = monotonic()
            self._check_splitter(now)
            for process in [process for process in self._workers if self._deadline(process) < now]:
                self._on_lost(process, take, "timeout", f"the payload ran longer than {self._timeout:g} s")
            tell(self._next_index if self._split_done else None)

    def reduce(self, results: Iterable[bytes]) -> bytes:
        """The answer that the unit makes of its results, in codec bytes.

        Raises:
            UnitError: ``reduce`` fails.
        """
        self._splitter.send({"do": "reduce"})
        parts: list[bytes] = []
        size = 0
        for data in results:
            parts.append(data)
            size += len(data)
            if size > MAX_BATCH_BYTES or len(parts) >= MAX_BATCH:
                self._splitter.send({"sizes": list(map(len, parts)), "done": False}, b"".join(parts))
                parts, size = [], 0
        self._splitter.send({"sizes": list(map(len, parts)), "done": True}, b"".join(parts))
        while True:
            process, frame = self._events.get()
            if process is self._splitter:
                return self._checked(frame, "reduce")[1]

    def _start(self) -> _Process:
        return _Process(self._source, self._info, self._paths, self._events)

    def _take_given(self, given: Iterator[bytes]) -> None:
        """Payloads that did not come from ``split``, as far as they are needed soon."""
        while not self._split_done and len(self._ready) < 2 * MAX_BATCH:
            data = next(given, None)
            if data is None:
                self._split_done = True
            else:
                self._ready.append((self._next_index, data))
                self._next_index += 1

    def _feed(self) -> bool:
        """Give work to whoever has none; False when there is nothing left to wait for."""
        if self._given is not None:
            if self._splitter.opened:
                self._take_given(self._given)
        elif self._splitter.opened and not (self._split_done or self._splitting) and len(self._ready) < 2 * MAX_BATCH:
            self._splitting = True
            self._splitter.send({"do": "split", "count": MAX_BATCH, "bytes": MAX_BATCH_BYTES, "seconds": STEP_SECONDS})
        waiting = len(self._ready) + len(self._suspects)
        idle = [process for process in self._workers if not process.batch]
        for _ in range(min(self._count - len(self._workers), waiting - len(idle))):
            self._workers.append(self._start())
        for process in idle:
            if process.opened and self._suspects:
                process.compute([self._suspects.popleft()], self._states)
            elif process.opened and self._ready:
                process.compute(self._batch(process), self._states)
        busy = any(process.batch for process in self._workers)
        return busy or bool(self._ready or self._suspects) or not self._split_done

    def _batch(self, process: _Process) -> Iterable[tuple[int, bytes]]:
        share = -(-len(self._ready) // self._count)
        size = 0
        for _ in range(max(1, min(share, MAX_BATCH, int(BATCH_SECONDS / process.mean)))):
            index, data = self._ready.popleft()
            yield index, data
            size += len(data)
            if size > MAX_BATCH_BYTES:
                return

    def _deadline(self, process: _Process) -> float:
        if not process.opened:
            return process.since + self._timeout + OPEN_SECONDS
        return process.since + self._timeout + GRACE_SECONDS if process.batch else float("inf")

    def _patience(self) -> float:
        next_deadline = min((self._deadline(process) for process in self._workers), default=float("inf"))
        return min(1.0, max(0.0, next_deadline - monotonic()))

    def _on_splitter(self, frame: Frame | None) -> None:
        if not self._splitter.opened:
            self._opened(self._splitter, frame)
            return
        self._splitting = False
        head, data = self._checked(frame, "split")
        start = 0
        for size in head["sizes"][: self._limit - self._next_index]:
            self._ready.append((self._next_index, data[start : start + size]))
            self._next_index += 1
            start += size
        self._split_done = head["done"] or self._next_index >= self._limit

    def _check_splitter(self, now: float) -> None:
        since = now - self._splitter.since
        if not self._splitter.opened and since > self._timeout + OPEN_SECONDS:
            raise UnitError(f"the unit's module does not get executed: it was not done after {since:.0f} s")
        if self._splitting and since > self._split_timeout:
            raise UnitError(
                f"split gave no payload for {self._split_timeout:g} s and was stopped; "
                "make it yield payloads as it goes"
            )

    def _checked(self, frame: Frame | None, name: str) -> Frame:
        if frame is None:
            raise UnitError(f"{name} ended its process ({self._splitter.end()})")
        self.log = (self.log + frame[0]["log"])[:_MAX_LOG]
        if frame[0]["error"]:
            raise UnitError(frame[0]["error"])
        return frame

    def _opened(self, process: _Process, frame: Frame | None) -> None:
        if frame is None:
            raise UnitError(f"the unit's module ended its process while it was executed ({process.end()})")
        if frame[0]["failure"]:
            raise UnitError(f"the unit's module cannot be executed: {frame[0]['failure']}")
        process.opened = True

    def _on_answers(self, process: _Process, frame: Frame, take: Take) -> None:
        if not process.opened:
            self._opened(process, frame)
            return
        head, data = frame
        if "state" in head:
            process.states[head["state"]] = data
            return
        start, total = 0, 0.0
        items = json.loads(head["items"])
        for outcome, size, ms, *log in items:
            index, payload = process.batch.popleft()
            take(Finished(index, payload, outcome, data[start : start + size], ms, log[0] if log else ""))
            start += size
            total += ms
        process.mean = max(total / len(items) / 1000, 1e-5)
        process.since = monotonic()

    def _on_lost(self, process: _Process, take: Take, kind: Kind, message: str) -> None:
        self._workers.remove(process)
        ended = process.end()
        if not process.opened:
            raise UnitError(f"the unit's module does not get executed: {message} ({ended})")
        if len(process.batch) == 1:
            [(index, payload)] = process.batch
            detail = f" ({ended})" if kind == "crash" else ""
            ms = (monotonic() - process.since) * 1000
            take(Finished(index, payload, FAILED, failure(kind, message + detail), ms))
        else:
            # Any of them may have done it: each again, alone.
            self._suspects.extend(process.batch)
            self._states.update(process.states)

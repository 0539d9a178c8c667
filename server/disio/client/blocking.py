"""The client for programs without asyncio: the twin of ``asynchronous``, method for method."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self

import httpx

from disio.client import core, kits, sources, uploading
from disio.client.models import Event, Failure, Result
from disio.client.streams import FOLLOW_SECONDS, By, Following, Patience
from disio.client.task import Task
from disio.errors import UnreachableError
from disio.unit import codec
from disio.wire import api, grid


class TaskCollection(api.TaskCollection, kw_only=True):
    """All tasks, as this client hands them out."""

    tasks: list[Task]  # type: ignore[assignment]


class Client:
    """Submit work units, follow tasks, fetch results; use as a context manager.

    Args:
        url: the dashboard; ``DISIO_URL`` or http://127.0.0.1:7700 if left out.
        token: the researcher's token, where the dashboard wants one; ``DISIO_TOKEN`` if left out.
        timeout: seconds that one answer may take.

    Every method raises :class:`~disio.errors.UnreachableError` if no dashboard answers.
    """

    def __init__(
        self, url: str | None = None, *, token: str | None = None, timeout: float = core.TIMEOUT_SECONDS
    ) -> None:
        self.url = core.base_url(url)
        self._http = httpx.Client(
            base_url=self.url,
            timeout=timeout,
            trust_env=core.by_proxy(self.url),
            headers=core.headers(self.url, token),
        )
        self._feeding: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Wait until all iterables of payloads are at their ends, and close all connections; idempotent."""
        for feeding in self._feeding:
            feeding.join()
        self._http.close()

    def submit(
        self,
        unit: str | os.PathLike[str] | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        source: str | None = None,
        filename: str | None = None,
        payloads: Iterable[Any] | None = None,
        open: bool = False,  # noqa: A002 - as in the API
        data: kits.DataFiles | None = None,
        on_prepare: kits.Report = kits.silent,
        name: str = "",
        priority: int = 0,
        sites: Sequence[str] = (),
        manager: str = "",
        checking: Mapping[str, Any] | None = None,
    ) -> Task:
        """Submit the unit in the file ``unit``, or in the text ``source``, with parameters.

        Args:
            unit: a file, or the folder of a package.
            params: what ``split`` and ``reduce`` are given.
            source: the text of a unit, instead of a file.
            filename: what to call it in tracebacks.
            data: files that all payloads may read, by the names that ``ctx.data`` is asked for.
            on_prepare: is told what is being done while packages are resolved and prepared.
            payloads: take the place of ``split``: values that are taken from here meanwhile, only as fast as they
                are computed. What the iterable raises cancels the task, and is raised where the task is waited for.
            open: the task takes payloads, after those of ``payloads``, until it is closed: see
                :meth:`Task.add <disio.client.Task.add>` and ``close``.
            name: what to call the task.
            priority: higher goes first.
            sites: only their visitors compute it: hosts of pages, ``*.example.org`` for all below one.
            manager: which one shall own the task; the least busy one if empty.
            checking: how answers are to be checked, over what the unit says: ``error_rate``, ``assume_bad``,
                ``quorum``, ``stint``, ``check_share``, ``by_network``, ``trust_volunteers``.

        Raises:
            UnitError: the unit cannot be used; says why.
            UsageError: the file cannot be read, or sites or payloads are one text instead of many.
            CodecError: a parameter is no value that can travel.
        """
        if payloads is not None:
            core.check_payloads(payloads)
        sites = core.check_sites(sites)
        prepared = kits.prepare(sources.read(unit, source, filename), data, on_prepare)
        manager = self._put(prepared, manager)
        fed = payloads is not None
        body = core.submission(
            prepared.unit.source,
            prepared.unit.filename,
            params,
            name=name or prepared.unit.name,
            priority=priority,
            manager=manager,
            open=open or fed,
            sites=sites,
            kit=prepared.kit,
            checking=checking,
        )
        task = self._task(self._post("/api/tasks", body))
        core.warn(task)
        if payloads is not None:
            self._feeding.append(task._feed(payloads, close=not open))
        return task

    def tasks(self) -> list[Task]:
        """All tasks, newest first."""
        return [task._bind(self) for task in core.parse(self._get("/api/tasks"), TaskCollection).tasks]

    def task(self, task: str, *, since: int | None = None, wait: float = 0.0) -> Task:
        """One task; with ``wait``, once its version has passed ``since`` or so many seconds have.

        Raises:
            NotFoundError: there is no such task.
        """
        query = core.query(since=since, wait=wait or None)
        return self._task(self._get(core.task_path(task), query, wait=wait))

    def results(self, task: str, *, after: int = -1, limit: int | None = None) -> Iterator[Result]:
        """Accepted results in order of index, as they stand now."""
        yield from map(Result.from_line, self.result_lines(task, after=after, limit=limit))

    def result_lines(self, task: str, *, after: int = -1, limit: int | None = None) -> Iterator[api.ResultLine]:
        """As :meth:`results`, as the dashboard sends them: readable and encoded, with votes."""
        for line in self._lines(task, "results", after, limit):
            yield core.parse(line, api.ResultLine)

    def failures(self, task: str, *, after: int = -1, limit: int | None = None) -> Iterator[Failure]:
        """Payloads that were set aside, with their last failure."""
        for line in self._lines(task, "failures", after, limit):
            yield Failure.from_line(core.parse(line, api.FailureLine))

    def votes(self, task: str, index: int) -> api.Ballot:
        """Every vote for a payload, and why its answer is accepted or not.

        Raises:
            NotFoundError: there is no such task, or it has no such payload.
        """
        return core.parse(self._get(core.task_path(task, f"/votes/{index}")), api.Ballot)

    def answer(self, task: str) -> Any:
        """What the unit's ``reduce`` returned.

        Raises:
            NotFoundError: there is no answer, or not yet.
        """
        return codec.decode(self._get(core.task_path(task, "/answer"), {"format": "codec"}))

    def outcomes(
        self, task: str, *, by: By = "settled", after: int = -1, payloads: bool = True
    ) -> Iterator[grid.OutcomeView]:
        """Settled payloads as they come, until there will be no more; goes on over broken connections.

        Args:
            task: the task's id.
            by: ``index`` or ``settled``: the order.
            after: go on after this index, or after this ``settled``.
            payloads: whether inputs are wanted as well.
        """
        following = Following(by, after, payloads=payloads)
        while True:
            try:
                for chunk in self._stream(task, "outcomes", following.query(), FOLLOW_SECONDS):
                    yield from following.feed(chunk)
            except UnreachableError as error:
                time.sleep(following.patience.pause(error, time.monotonic()))
            else:
                return

    def events(self, task: str, *, after: int = -1) -> Iterator[Event]:
        """What the task's units emit as it comes, until there will be no more; goes on over broken connections.

        Args:
            task: the task's id.
            after: only what came after this ``at``.
        """
        patience = Patience()
        while True:
            lines = core.LineSplitter()
            try:
                for chunk in self._stream(task, "events", core.query(after=after), FOLLOW_SECONDS):
                    patience.success()
                    for line in lines.feed(chunk):
                        told = core.parse(line, api.EventLine)
                        yield Event.from_line(told)
                        after = told.at
            except UnreachableError as error:
                time.sleep(patience.pause(error, time.monotonic()))
            else:
                return

    def add_payloads(self, task: str, body: bytes) -> int:
        """Send one request of payloads (see ``Task.add``); how many it has now."""
        query = core.query(wait=core.WAIT_SECONDS)
        path = core.task_path(task, "/payloads")
        request = self._http.build_request(
            "POST", path, params=query, content=body, headers={"Content-Type": api.MSGPACK_TYPE}
        )
        return core.parse(self._send(request, core.WAIT_SECONDS), api.Stored).stored

    def close_task(self, task: str) -> Task:
        """An open task gets no more payloads; idempotent."""
        return self._task(self._post(core.task_path(task, "/close"), b""))

    def cancel(self, task: str) -> Task:
        """Cancel a task; idempotent. What was accepted stays."""
        return self._task(self._post(core.task_path(task, "/cancel"), b""))

    def pause(self, task: str) -> Task:
        """Pause a running task; idempotent. What volunteers hold is called back, nothing is lost.

        Raises:
            ConflictError: it is not running.
        """
        return self._task(self._post(core.task_path(task, "/pause"), b""))

    def resume(self, task: str) -> Task:
        """Have a paused task go on; idempotent.

        Raises:
            ConflictError: it is not paused.
        """
        return self._task(self._post(core.task_path(task, "/resume"), b""))

    def delete(
        self,
        task: str,
        *,
        force: bool = False,
        on_progress: Callable[[api.Deletion], None] | None = None,
    ) -> api.Deletion:
        """Delete an ended task with all its results, and wait until that is done; says how much space it freed.

        Args:
            task: its id.
            force: cancel it first if it has not ended.
            on_progress: called now and then while it goes on.

        Raises:
            ConflictError: it has not ended.
        """
        query = core.query(force=str(force).lower(), wait=core.DELETE_WAIT_SECONDS)
        while True:
            content = self._delete(core.task_path(task), query, wait=core.DELETE_WAIT_SECONDS)
            deletion = core.parse(content, api.Deletion)
            if deletion.done:
                return deletion
            if on_progress is not None:
                on_progress(deletion)

    def grid(self) -> api.Grid:
        """Managers, distributors, volunteers."""
        return core.parse(self._get("/api/grid"), api.Grid)

    def health(self) -> api.Health:
        """Whether the dashboard works."""
        return core.parse(self._get("/api/health"), api.Health)

    def wait(
        self,
        task: str,
        *,
        timeout: float | None = None,
        on_progress: Callable[[Task], None] | None = None,
    ) -> Task:
        """Wait until the task has ended; ``on_progress`` is called with it whenever it has changed.

        Raises:
            WaitTimeoutError: it had not ended after ``timeout`` seconds.
            TaskFailedError: its manager has paused it, and says why.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        since = -1
        while True:
            seen = self.task(task, since=since, wait=core.next_wait(since, deadline, time.monotonic()))
            if seen.version != since and on_progress is not None:
                on_progress(seen)
            since = seen.version
            if core.is_stuck(seen):
                core.check_end(seen)
            if seen.ended:
                return seen
            if deadline is not None and time.monotonic() >= deadline:
                raise core.still_running(seen)

    def stream(
        self,
        task: str,
        what: str,
        *,
        format: str = "",  # noqa: A002 - as in the API
        after: int = -1,
        limit: int | None = None,
    ) -> Iterator[bytes]:
        """The bytes of ``results`` or ``failures`` as the dashboard sends them; format ndjson or csv."""
        return self._stream(task, what, core.query(after=after, limit=limit, format=format or None))

    def _stream(self, task: str, what: str, query: Mapping[str, str], timeout: float | None = None) -> Iterator[bytes]:
        request = self._http.build_request("GET", core.task_path(task, f"/{what}"), params=query)
        request.extensions["timeout"]["read"] = timeout or request.extensions["timeout"]["read"]
        core.check_open(self._http.is_closed)
        try:
            response = self._http.send(request, stream=True)
            with contextlib.closing(response):
                if response.status_code >= 400:
                    core.check(response.status_code, response.read())
                yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise core.unreachable(self.url, error) from None

    def _task(self, content: bytes) -> Task:
        return core.parse(content, Task)._bind(self)

    def _lines(self, task: str, what: str, after: int, limit: int | None) -> Iterator[bytes]:
        splitter = core.LineSplitter()
        for chunk in self.stream(task, what, after=after, limit=limit):
            yield from splitter.feed(chunk)

    def _put(self, prepared: kits.Prepared, manager: str) -> str:
        """Put a kit's files with a manager; which one it is."""
        steps = uploading.puts(prepared.files, manager)
        answer: bytes | None = None
        while True:
            try:
                method, path, query, body = steps.send(answer)  # type: ignore[arg-type] # None begins
            except StopIteration as stop:
                return str(stop.value)
            answer = self._send(self._http.build_request(method, path, params=query, content=body))

    def _get(self, path: str, query: Mapping[str, str] | None = None, *, wait: float = 0.0) -> bytes:
        return self._send(self._http.build_request("GET", path, params=query), wait)

    def _post(self, path: str, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        return self._send(self._http.build_request("POST", path, content=body, headers=headers))

    def _delete(self, path: str, query: Mapping[str, str], *, wait: float) -> bytes:
        return self._send(self._http.build_request("DELETE", path, params=query), wait)

    def _send(self, request: httpx.Request, wait: float = 0.0) -> bytes:
        request.extensions["timeout"]["read"] += wait
        core.check_open(self._http.is_closed)
        try:
            response = self._http.send(request)
        except httpx.TransportError as error:
            raise core.unreachable(self.url, error) from None
        core.check(response.status_code, response.content)
        return response.content

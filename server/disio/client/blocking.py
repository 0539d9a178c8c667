"""The client for programs without asyncio: the twin of ``asynchronous``, method for method."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import httpx

from disio.client import core
from disio.client.models import Failure, Result
from disio.unit import codec
from disio.wire import api


class Client:
    """Submit work units, follow tasks, fetch results; use as a context manager.

    Args:
        url: the dashboard; ``DISIO_URL`` or http://127.0.0.1:7700 if left out.
        timeout: seconds that one answer may take.

    Every method raises :class:`~disio.errors.UnreachableError` if no dashboard answers.
    """

    def __init__(self, url: str | None = None, *, timeout: float = core.TIMEOUT_SECONDS) -> None:
        self.url = core.base_url(url)
        self._http = httpx.Client(base_url=self.url, timeout=timeout, trust_env=core.by_proxy(self.url))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; idempotent."""
        self._http.close()

    def submit(
        self,
        unit: str | os.PathLike[str] | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        source: str | None = None,
        filename: str | None = None,
        name: str = "",
        priority: int = 0,
        manager: str = "",
    ) -> api.Task:
        """Submit the unit in the file ``unit``, or in the text ``source``, with parameters.

        Raises:
            UnitError: the unit cannot be used; says why.
            UsageError: the file cannot be read.
            CodecError: a parameter is no value that can travel.
        """
        body = core.submission(
            unit, params, source=source, filename=filename, name=name, priority=priority, manager=manager
        )
        return core.parse(self._post("/api/tasks", body), api.Task)

    def tasks(self) -> list[api.Task]:
        """All tasks, newest first."""
        return core.parse(self._get("/api/tasks"), api.TaskCollection).tasks

    def task(self, task: str, *, since: int | None = None, wait: float = 0.0) -> api.Task:
        """One task; with ``wait``, once its version has passed ``since`` or so many seconds have.

        Raises:
            NotFoundError: there is no such task.
        """
        query = core.query(since=since, wait=wait or None)
        return core.parse(self._get(core.task_path(task), query, wait=wait), api.Task)

    def results(self, task: str, *, after: int = -1, limit: int | None = None) -> Iterator[Result]:
        """Accepted results in order of index, as they stand now."""
        for line in self._lines(task, "results", after, limit):
            yield Result.from_line(core.parse(line, api.ResultLine))

    def failures(self, task: str, *, after: int = -1, limit: int | None = None) -> Iterator[Failure]:
        """Payloads that were set aside, with their last failure."""
        for line in self._lines(task, "failures", after, limit):
            yield Failure.from_line(core.parse(line, api.FailureLine))

    def answer(self, task: str) -> Any:
        """What the unit's ``reduce`` returned.

        Raises:
            NotFoundError: there is no answer, or not yet.
        """
        return codec.decode(self._get(core.task_path(task, "/answer"), {"format": "codec"}))

    def cancel(self, task: str) -> api.Task:
        """Cancel a task; idempotent. What was accepted stays."""
        return core.parse(self._post(core.task_path(task, "/cancel"), b""), api.Task)

    def pause(self, task: str) -> api.Task:
        """Pause a running task; idempotent. What volunteers hold is called back, nothing is lost.

        Raises:
            ConflictError: it is not running.
        """
        return core.parse(self._post(core.task_path(task, "/pause"), b""), api.Task)

    def resume(self, task: str) -> api.Task:
        """Have a paused task go on; idempotent.

        Raises:
            ConflictError: it is not paused.
        """
        return core.parse(self._post(core.task_path(task, "/resume"), b""), api.Task)

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
        on_progress: Callable[[api.Task], None] | None = None,
    ) -> api.Task:
        """Wait until the task has ended; ``on_progress`` is called with it whenever it has changed.

        Raises:
            WaitTimeoutError: it had not ended after ``timeout`` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        since = -1
        while True:
            seen = self.task(task, since=since, wait=core.next_wait(since, deadline, time.monotonic()))
            if seen.version != since and on_progress is not None:
                on_progress(seen)
            since = seen.version
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
        query = core.query(after=after, limit=limit, format=format or None)
        try:
            with self._http.stream("GET", core.task_path(task, f"/{what}"), params=query) as response:
                if response.status_code >= 400:
                    core.check(response.status_code, response.read())
                yield from response.iter_bytes()
        except httpx.TransportError as error:
            raise core.unreachable(self.url, error) from None

    def _lines(self, task: str, what: str, after: int, limit: int | None) -> Iterator[bytes]:
        splitter = core.LineSplitter()
        for chunk in self.stream(task, what, after=after, limit=limit):
            yield from splitter.feed(chunk)

    def _get(self, path: str, query: Mapping[str, str] | None = None, *, wait: float = 0.0) -> bytes:
        return self._send(self._http.build_request("GET", path, params=query), wait)

    def _post(self, path: str, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        return self._send(self._http.build_request("POST", path, content=body, headers=headers))

    def _delete(self, path: str, query: Mapping[str, str], *, wait: float) -> bytes:
        return self._send(self._http.build_request("DELETE", path, params=query), wait)

    def _send(self, request: httpx.Request, wait: float = 0.0) -> bytes:
        request.extensions["timeout"]["read"] += wait
        try:
            response = self._http.send(request)
        except httpx.TransportError as error:
            raise core.unreachable(self.url, error) from None
        core.check(response.status_code, response.content)
        return response.content

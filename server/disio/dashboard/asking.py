"""What the API and the pages ask of the managers; each answer is put together from all that are needed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Literal

import msgspec

from disio.dashboard import views
from disio.dashboard.links import Link, Links
from disio.errors import CodecError, DisioError, UsageError
from disio.filestore import CHUNK_BYTES
from disio.unit import codec
from disio.wire import api, grid

PAGE: int = 500
"""Results asked of a manager at once."""


async def submit(links: Links, submission: api.TaskSubmission, owner: str = "") -> api.Task:
    """Hand a work unit of a researcher to a manager.

    Raises:
        UsageError: the parameters are no encoded value.
        UnitError: the manager refused the unit.
        UnreachableError: no manager is there.
    """
    link = await links.for_submission(submission.manager)
    request = grid.SubmitTask(
        source=submission.source,
        filename=submission.filename,
        params=_params(submission),
        name=submission.name,
        priority=submission.priority,
        open=submission.open,
        owner=owner,
        sites=submission.sites,
        kit=submission.kit,
        checking=submission.checking,
    )
    return views.task(await link.call(request, grid.TaskView))


async def find_files(links: Links, wanted: api.FilesQuery) -> api.FilesState:
    """How much of these files is with the manager that is named, or with the one to submit to."""
    link = await links.for_submission(wanted.manager)
    return views.files(await link.call(grid.FindFiles(files=wanted.files), grid.FilesView))


async def put_piece(links: Links, sha256: str, piece: api.PieceQuery, data: bytes) -> api.FilesState:
    """Hand a piece of a file to its manager, in smaller ones.

    Raises:
        UsageError: that is no hash.
        AlteredError: the file is whole now, and not what its hash says.
    """
    link = await links.for_submission(piece.manager)
    state = grid.FilesView(piece.manager, {sha256: piece.offset})
    for start in range(0, max(1, len(data)), CHUNK_BYTES):
        offset = piece.offset + start
        if state.received[sha256] != offset:
            break  # another one puts the same file: the answer tells where to go on
        part = data[start : start + CHUNK_BYTES]
        try:
            request = msgspec.convert(
                {"type": "put_file", "sha256": sha256, "size": piece.size, "offset": offset, "data": part}, grid.PutFile
            )
        except msgspec.ValidationError:
            raise UsageError(f"{sha256[:80]!r} is no sha256; write 64 hexadecimal digits") from None
        state = await link.call(request, grid.FilesView)
    return views.files(state)


async def kit(links: Links, task: str) -> grid.KitView:
    """A task's kit, and the text of its lock."""
    link = await links.for_task(task)
    return await link.call(grid.GetKit(task), grid.KitView)


def _params(submission: api.TaskSubmission) -> bytes:
    if submission.params_encoded is None:
        return codec.encode(submission.params)
    if submission.params:
        raise UsageError("give params or params_encoded, not both")
    try:
        data = api.from_base64(submission.params_encoded)
        codec.check(data)
    except (ValueError, CodecError) as error:
        raise UsageError(f"params_encoded is no encoded value in base64: {error}") from None
    if not data.startswith(b"{"):
        raise UsageError("params_encoded must be an encoded dict")
    return data


def all_tasks(links: Links) -> api.TaskCollection:
    """All tasks, newest first; those of managers that are away as they were last seen."""
    tasks = [views.task(view, reachable=link.up.is_set()) for link in links for view in link.tasks.values()]
    tasks.sort(key=lambda task: task.created, reverse=True)
    return api.TaskCollection(version=links.version, tasks=tasks)


async def fresh_tasks(links: Links) -> api.TaskCollection:
    """As :func:`all_tasks`, but asks every reachable manager now."""
    await links.arrival(1.0)
    version = links.version

    async def refresh(link: Link) -> None:
        listed = await link.call(grid.ListTasks(), grid.TaskList)
        link.tasks = {view.task: view for view in listed.tasks}

    await asyncio.gather(*(refresh(link) for link in links if link.up.is_set()), return_exceptions=True)
    collection = all_tasks(links)
    collection.version = version
    return collection


async def one_task(links: Links, task: str, *, since: int = -1, wait: float = 0.0) -> api.Task:
    """One task; held back until its version passes ``since``, or for ``wait`` seconds."""
    link = await links.for_task(task)
    return views.task(await link.call(grid.GetTask(task=task, since=since, wait=wait), grid.TaskView, wait=wait))


def last_seen(links: Links, task: str) -> api.Task | None:
    """The task as it was last seen, whether or not its manager is there; None if it never was."""
    for link in links:
        if task in link.tasks:
            return views.task(link.tasks[task], reachable=link.up.is_set())
    return None


async def results(
    links: Links, task: str, *, after: int = -1, limit: int | None = None
) -> AsyncIterator[api.ResultLine]:
    """Accepted results in order of index, after index ``after``; all of them, or at most ``limit``."""
    link = await links.for_task(task)
    left = limit
    while left is None or left > 0:
        size = PAGE if left is None else min(PAGE, left)
        page = await link.call(grid.GetResults(task=task, after=after, limit=size), grid.ResultPage)
        for item in page.items:
            yield views.result(item)
        if not page.more or not page.items:
            return
        after = page.items[-1].index
        left = None if left is None else left - len(page.items)


async def failures(
    links: Links, task: str, *, after: int = -1, limit: int | None = None
) -> AsyncIterator[api.FailureLine]:
    """Payloads that were set aside, after index ``after``; all of them, or at most ``limit``."""
    link = await links.for_task(task)
    left = limit
    while left is None or left > 0:
        size = 100 if left is None else min(100, left)
        page = await link.call(grid.GetFailures(task=task, after=after, limit=size), grid.FailurePage)
        for item in page.items:
            yield views.failure(item)
        if not page.more or not page.items:
            return
        after = page.items[-1].index
        left = None if left is None else left - len(page.items)


async def ballot(links: Links, task: str, index: int) -> api.Ballot:
    """Every vote for a payload.

    Raises:
        NotFoundError: there is no such task, or it has no such payload.
    """
    link = await links.for_task(task)
    return views.ballot(await link.call(grid.GetBallot(task=task, index=index), grid.BallotView))


async def add(links: Links, task: str, first: int, payloads: list[bytes], wait: float) -> api.Stored:
    """Add payloads to an open task; held back for ``wait`` seconds while it has no room."""
    link = await links.for_task(task)
    request = grid.AddPayloads(task=task, first=first, payloads=payloads, wait=wait)
    return api.Stored(stored=(await link.call(request, grid.Added, wait=wait)).stored)


async def close(links: Links, task: str) -> api.Task:
    """An open task gets no more payloads; idempotent."""
    link = await links.for_task(task)
    return views.task(await link.call(grid.CloseTask(task), grid.TaskView))


async def outcomes(
    links: Links, task: str, *, by: Literal["index", "settled"], after: int, payloads: bool
) -> AsyncIterator[list[grid.OutcomeView]]:
    """Settled payloads as they come, until there will be no more; an empty list now and then while there are none."""
    while True:
        link = await links.for_task(task)
        request = grid.GetOutcomes(
            task=task, by=by, after=after, limit=PAGE, wait=api.KEEPALIVE_SECONDS, payloads=payloads
        )
        page = await link.call(request, grid.OutcomePage, wait=api.KEEPALIVE_SECONDS)
        if page.end:
            return
        yield page.items
        if page.items:
            after = page.items[-1].index if by == "index" else page.items[-1].settled


async def events(links: Links, task: str, *, after: int) -> AsyncIterator[list[grid.EventView]]:
    """What a task's units tell as it comes, until there will be no more; an empty list now and then meanwhile."""
    while True:
        link = await links.for_task(task)
        request = grid.GetEvents(task=task, after=after, wait=api.KEEPALIVE_SECONDS)
        page = await link.call(request, grid.EventPage, wait=api.KEEPALIVE_SECONDS)
        if page.end:
            return
        yield page.items
        after = page.items[-1].at if page.items else after


async def answer(links: Links, task: str) -> bytes:
    """The task's answer, encoded."""
    link = await links.for_task(task)
    return (await link.call(grid.GetAnswer(task), grid.Answer)).data


async def cancel(links: Links, task: str) -> api.Task:
    """Cancel a task; idempotent."""
    link = await links.for_task(task)
    return views.task(await link.call(grid.CancelTask(task), grid.TaskView))


async def pause(links: Links, task: str) -> api.Task:
    """Pause a task; idempotent.

    Raises:
        ConflictError: it is not running.
    """
    link = await links.for_task(task)
    return views.task(await link.call(grid.PauseTask(task), grid.TaskView))


async def resume(links: Links, task: str) -> api.Task:
    """Have a paused task go on; idempotent.

    Raises:
        ConflictError: it is not paused.
    """
    link = await links.for_task(task)
    return views.task(await link.call(grid.ResumeTask(task), grid.TaskView))


async def delete(links: Links, task: str, *, force: bool = False, wait: float = 0.0) -> api.Deletion:
    """Delete an ended task, or with ``force`` any; how far that is when it is done, or after ``wait`` seconds.

    Raises:
        ConflictError: it has not ended.
    """
    link = await links.for_task(task)
    request = grid.DeleteTask(task=task, force=force, wait=wait)
    return views.deletion(await link.call(request, grid.Deletion, wait=wait))


async def whole_grid(links: Links) -> api.Grid:
    """Who is there, as all reachable managers see it."""
    managers, seen = [], []

    async def ask(link: Link) -> grid.GridView | None:
        try:
            return await link.call(grid.GetGrid(), grid.GridView) if link.up.is_set() else None
        except DisioError:
            return None

    present = list(links)
    for link, view in zip(present, await asyncio.gather(*map(ask, present)), strict=True):
        managers.append(
            api.Manager(
                id=link.id,
                address=link.address,
                reachable=view is not None,
                since=view.since if view else None,
                database=view.database if view else "",
            )
        )
        if view is not None:
            seen.append(view)
    return views.whole_grid(managers, seen)

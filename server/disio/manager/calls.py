"""Answers the calls of dashboards: submit, look, pause, cancel, delete."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from disio.errors import CodecError, ConflictError, DisioError, NotFoundError, StoreError, UnitError
from disio.manager.adding import add_payloads, close
from disio.manager.files import Files
from disio.manager.intake import read_report
from disio.manager.ledger import Ledger
from disio.manager.links import volunteer_view
from disio.manager.outcomes import events, outcomes
from disio.manager.removing import Remover
from disio.manager.store.opening import DATABASE
from disio.manager.tasks import Task
from disio.manager.tracing import trace
from disio.task.credibility import Rules
from disio.unit.checking import read_checking
from disio.unit.codec import check, decode
from disio.unit.contract import Unit, default_split, load_unit
from disio.unit.lint import lint
from disio.wire import grid

MAX_WAIT_SECONDS: Final = 60.0
MAX_PAGE: Final = 10_000
MAX_NAME: Final = 200
MAX_WARNINGS: Final = 20
DURABLE_SECONDS: Final = 1.0
TROUBLE_SECONDS: Final = 0.2
"""How often it is looked whether a submission cannot be written."""

_log = structlog.get_logger("disio.manager")

V = TypeVar("V", grid.TaskView, grid.TaskList)


class Calls:
    """Answers calls about a ledger."""

    def __init__(self, ledger: Ledger, files: Files, remover: Remover, address: str) -> None:
        self._ledger = ledger
        self._files = files
        self._remover = remover
        self._address = address
        self._since = time.time()
        self._handlers: dict[type[grid.Request], Callable[[Any], Awaitable[grid.Response]]] = {
            grid.SubmitTask: self._submit,
            grid.FindFiles: files.find,
            grid.PutFile: files.put,
            grid.GetKit: self._kit,
            grid.AddPayloads: self._add,
            grid.CloseTask: self._close,
            grid.ListTasks: self._list,
            grid.GetTask: self._task,
            grid.GetResults: self._results,
            grid.GetFailures: self._failures,
            grid.GetBallot: self._ballot,
            grid.GetOutcomes: self._outcomes,
            grid.GetEvents: self._events,
            grid.GetAnswer: self._task_answer,
            grid.CancelTask: partial(self._moved, ledger.cancel),
            grid.PauseTask: partial(self._moved, ledger.pause),
            grid.ResumeTask: partial(self._moved, ledger.go_on),
            grid.DeleteTask: self._delete,
            grid.GetGrid: self._grid,
        }

    async def answer(self, request: grid.Request) -> grid.Response:
        """The response to a request; what goes wrong is a response too."""
        try:
            return await self._handlers[type(request)](request)
        except DisioError as error:
            return grid.Failure(error.code, str(error))
        except Exception:  # one caller's trouble is not the grid's
            _log.exception("a call could not be answered", request=type(request).__name__)
            return grid.Failure(DisioError.code, "the manager failed at this; its log says why (a bug in Disio)")

    async def _list(self, request: grid.ListTasks) -> grid.TaskList:
        await self._ledger.tasks.news(request.since, min(request.wait, MAX_WAIT_SECONDS))
        return await self._durable(self._ledger.tasks.list())

    async def _task(self, request: grid.GetTask) -> grid.TaskView:
        task = self._ledger.tasks.find(request.task)
        await self._ledger.tasks.news(request.since, min(request.wait, MAX_WAIT_SECONDS), task)
        return await self._durable(self._ledger.tasks.view(task))

    async def _outcomes(self, request: grid.GetOutcomes) -> grid.OutcomePage:
        return await outcomes(self._ledger, self._ledger.tasks.find(request.task), request)

    async def _events(self, request: grid.GetEvents) -> grid.EventPage:
        return await events(self._ledger, self._ledger.tasks.find(request.task), request)

    async def _add(self, request: grid.AddPayloads) -> grid.Added:
        self._refuse_in_trouble()
        return await add_payloads(self._ledger, self._ledger.tasks.find(request.task), request)

    async def _kit(self, request: grid.GetKit) -> grid.KitView:
        kit = self._ledger.tasks.find(request.task).kit
        return grid.KitView(kit, await self._files.text(kit.lock.sha256) if kit.lock else b"")

    async def _durable(self, view: V) -> V:
        """A view, once what it shows is in the database; sooner if the database cannot be written."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DURABLE_SECONDS):
                await self._ledger.committed()
        return view

    async def _submit(self, request: grid.SubmitTask) -> grid.TaskView:
        ledger = self._ledger
        unit = load_unit(request.source, request.filename)
        await self._files.check(unit, request.kit)
        odd = _check_params(unit, request.params, is_open=request.open)
        self._refuse_in_trouble()
        number = ledger.store.take_task_number()
        task = Task(
            id=f"{ledger.store.manager}-{number}",
            number=number,
            name=(request.name or unit.metadata.title or unit.name)[:MAX_NAME],
            filename=unit.filename,
            description=unit.description,
            homepage=unit.metadata.homepage,
            unit=unit.sha256,
            params=request.params,
            priority=request.priority,
            timeout=unit.metadata.timeout,
            has_split=unit.has_split,
            has_reduce=unit.has_reduce,
            created=time.time(),
            open=request.open,
            owner=request.owner,
            sites=request.sites,
            kit=request.kit,
            warnings=[*odd, *(str(warning) for warning in lint(unit)[:MAX_WARNINGS])],
            rules=Rules.of(unit.metadata.checking, read_checking(request.checking, "")),
            has_agree=unit.has_agree,
            first_stint=ledger.store.next_lease,
        )
        ledger.store.group.files.append((unit.sha256, unit.source.encode()))
        ledger.store.group.tasks.append(task.new_row())
        ledger.open(task)
        self._files.claimed(task.kit)
        await self._stored(task)
        ledger.unsplit.put_nowait(task)
        return ledger.tasks.view(task)

    async def _stored(self, task: Task) -> None:
        """Wait until a new task is durable; where that cannot be, it is withdrawn, so that nobody submits it twice."""
        writing = asyncio.ensure_future(self._ledger.committed())
        while not (await asyncio.wait((writing,), timeout=TROUBLE_SECONDS))[0]:
            if self._ledger.store.trouble:
                writing.cancel()
                self._ledger.cancel(task)
                raise StoreError(
                    f"the manager cannot write its database: {self._ledger.store.trouble}; "
                    "the task is withdrawn, submit it again when there is room"
                )
        writing.result()

    async def _results(self, request: grid.GetResults) -> grid.ResultPage:
        number = self._ledger.tasks.find(request.task).number
        limit = max(1, min(request.limit, MAX_PAGE))
        rows = await self._ledger.store.results(number, request.after, limit)
        items = [
            grid.ResultView(
                index=row["idx"],
                payload=row["payload"],
                data=row["answer"],
                ms=row["ms"],
                volunteer=row["volunteer"],
                log=row["log"] or "",
                settled=row["settled"],
                votes=row["votes"],
            )
            for row in rows
        ]
        more = bool(items) and await self._ledger.store.more_results(number, items[-1].index)
        return grid.ResultPage(items, more)

    async def _ballot(self, request: grid.GetBallot) -> grid.BallotView:
        return await trace(self._ledger, self._ledger.tasks.find(request.task), request.index)

    async def _failures(self, request: grid.GetFailures) -> grid.FailurePage:
        number = self._ledger.tasks.find(request.task).number
        limit = max(1, min(request.limit, MAX_PAGE))
        items = []
        for row, failed_in in await self._ledger.store.failures(number, request.after, limit):
            report = read_report(row["failure"])
            told = report.kind, report.message, report.traceback, row["log"] or ""
            where = [volunteer for volunteer, _ in failed_in], [browser for _, browser in failed_in]
            items.append(grid.FailureView(row["idx"], row["payload"], *told, *where))
        more = bool(items) and await self._ledger.store.more_failures(number, items[-1].index)
        return grid.FailurePage(items, more)

    async def _task_answer(self, request: grid.GetAnswer) -> grid.Answer:
        task = self._ledger.tasks.find(request.task)
        data = await self._ledger.store.answer(task.number)
        if data is not None:
            return grid.Answer(data)
        if not task.state.ended:
            raise ConflictError(f"task {task.id} is still {task.state}; its answer comes when it is finished")
        if not task.has_reduce:
            raise NotFoundError(
                f"task {task.id} ({task.state}) has no answer, as its unit has no reduce; "
                f"take its results: `disio results {task.id}`"
            )
        raise NotFoundError(f"task {task.id} has no answer: it is {task.state}. {task.error}".strip())

    async def _moved(
        self, move: Callable[[Task], None], request: grid.CancelTask | grid.PauseTask | grid.ResumeTask
    ) -> grid.TaskView:
        task = self._ledger.tasks.find(request.task)
        self._refuse_in_trouble()
        move(task)
        await self._ledger.committed()
        return self._ledger.tasks.view(task)

    async def _delete(self, request: grid.DeleteTask) -> grid.Deletion:
        if not self._remover.knows(request.task):
            task = self._ledger.tasks.find(request.task)
            self._refuse_in_trouble()
            if not task.state.ended and not request.force:
                raise ConflictError(
                    f"task {task.id} is {task.state}; cancel it first, or delete it with --force (force in the API)"
                )
            self._ledger.cancel(task)
            self._ledger.delete(task)
            await self._ledger.committed()
        return await self._remover.watch(request.task, min(request.wait, MAX_WAIT_SECONDS))

    async def _close(self, request: grid.CloseTask) -> grid.TaskView:
        task = self._ledger.tasks.find(request.task)
        self._refuse_in_trouble()
        await close(self._ledger, task)
        return self._ledger.tasks.view(task)

    async def _grid(self, _: grid.GetGrid) -> grid.GridView:
        ledger = self._ledger
        volunteers = []
        for volunteer in ledger.links.volunteers.values():
            number = ledger.schedule.task_of(volunteer.id)
            task = "" if number is None else ledger.tasks.by_number(number).id
            volunteers.append(volunteer_view(volunteer, task, ledger.book.held(volunteer.id)))
        return grid.GridView(
            manager=ledger.store.manager,
            address=self._address,
            since=self._since,
            database=str(ledger.store.data / DATABASE),
            distributors=ledger.links.distributor_views(),
            volunteers=volunteers,
        )

    def _refuse_in_trouble(self) -> None:
        if self._ledger.store.trouble:
            raise StoreError(f"the manager cannot write its database: {self._ledger.store.trouble}")


def _check_params(unit: Unit, params: bytes, *, is_open: bool) -> list[str]:
    """Refuse what cannot be; returns warnings about what is odd."""
    try:
        check(params)
        payloads = None if unit.has_split or is_open else default_split(decode(params))
    except CodecError as error:
        raise UnitError(f"the parameters are no encoded value: {error}") from None
    if payloads is None or payloads:
        return []
    if isinstance(payloads, range):
        step = f", {payloads.step}" if payloads.step != 1 else ""
        named = f"start, stop and step give range({payloads.start}, {payloads.stop}{step}), which is empty"
    else:
        named = "the parameter payloads is an empty list"
    return [f"no payloads: {named}"]

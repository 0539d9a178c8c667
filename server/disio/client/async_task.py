"""A task in a researcher's hands, in asyncio: the twin of ``task``, method for method."""

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Literal, Self

from disio.client import core
from disio.client.async_feeding import AsyncFeeding, patiently
from disio.client.models import Event, Failure, Log, Result
from disio.client.progress import display
from disio.client.streams import By
from disio.errors import DisioError
from disio.unit import codec
from disio.wire import api, grid

if TYPE_CHECKING:
    from disio.client.asynchronous import AsyncClient


class AsyncTask(api.Task, kw_only=True, dict=True):
    """A task as it was last seen (its fields), and what can be done with it (its methods)."""

    def _bind(self, client: "AsyncClient") -> Self:
        self.__dict__["client"] = client
        return self

    @property
    def _client(self) -> "AsyncClient":
        client: AsyncClient = self.__dict__["client"]
        return client

    def __repr__(self) -> str:
        return core.described(self)

    async def refresh(self) -> Self:
        """Look at the task again."""
        core.update(self, await self._client.task(self.id))
        return self

    async def wait(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the wait of the task, not of this coroutine
        *,
        on_progress: Callable[["AsyncTask"], Awaitable[None] | None] | None = None,
    ) -> Self:
        """Wait until the task has ended, well or not; ``on_progress`` is called with it whenever it has changed.

        Raises:
            WaitTimeoutError: it had not ended after ``timeout`` seconds.
        """
        core.update(self, await self._client.wait(self.id, timeout=timeout, on_progress=on_progress))
        await self._check_feeding()
        return self

    async def progress(self) -> Self:
        """Wait until the task has ended, showing how far it is: a bar in a terminal, HTML in Jupyter."""
        with display() as shown:
            return await self.wait(on_progress=shown.show)

    def results(self, *, order: Literal["index", "completed"] = "index") -> AsyncIterator[Result]:
        """Accepted results as they come, until the task has no more; in order of index, or as completed.

        In order of index, each is held back until all before it are settled; payloads that are set aside are left
        out (see :meth:`failures`). As completed, an index may come again: its answer was withdrawn, as its voters
        were found to be liars, and another was accepted; the later one counts.

        Raises:
            TaskFailedError: after the last result of a task that failed or was cancelled.
            UsageError: there is no such order; at once.
        """
        return self._results(core.by_order(order))

    async def _results(self, by: By) -> AsyncIterator[Result]:
        async for seen in self.outcomes(by=by):
            if seen.accepted:
                yield Result.from_outcome(seen)
        await self._check_feeding()
        core.check_end(await self.refresh())

    def outcomes(
        self, *, by: By = "settled", after: int = -1, payloads: bool = True
    ) -> AsyncIterator[grid.OutcomeView]:
        """Settled payloads as they come, accepted or set aside, still encoded: what :meth:`results` is made of.

        Args:
            by: ``index`` or ``settled``: the order.
            after: go on after this index, or after this ``settled``.
            payloads: whether inputs are wanted as well.
        """
        return self._client.outcomes(self.id, by=by, after=after, payloads=payloads)

    async def result(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - as for wait
        *,
        partial: bool = False,
    ) -> Any:
        """What the unit's ``reduce`` returned, once the task has ended; the list of all values if it has none.

        Args:
            timeout: seconds to wait at most.
            partial: take what is made of the payloads that did not fail.

        Raises:
            WaitTimeoutError: it had not ended after ``timeout`` seconds.
            PayloadsFailedError: payloads failed, and ``partial`` is not set; the first one's traceback is with it.
            TaskFailedError: the task failed, or was cancelled.
        """
        core.check_end(await self.wait(timeout))
        if self.failed and not partial:
            raise core.not_whole(self, [one async for one in self._client.failures(self.id, limit=1)])
        if self.has_answer:
            return await self._client.answer(self.id)
        return [result.value async for result in self.results()]

    def events(self, *, after: int = -1) -> AsyncIterator[Event]:
        """What units emit while they compute, as it comes, until the task has no more; only the last 1,000 are kept.

        It comes from single volunteers and is checked by nobody: good for watching, not for answers.
        """
        return self._client.events(self.id, after=after)

    def failures(self) -> AsyncIterator[Failure]:
        """Payloads that were set aside until now, with their last failure."""
        return self._client.failures(self.id)

    async def votes(self, index: int) -> api.Ballot:
        """Every vote for a payload, and why its answer is accepted or not.

        Who agreed on it: those of its ``votes`` that ``stand``.

        Raises:
            NotFoundError: the task has no such payload.
        """
        return await self._client.votes(self.id, index)

    async def logs(self) -> AsyncIterator[Log]:
        """What the unit printed, as it comes, payload by payload as completed, until the task has no more."""
        async for seen in self.outcomes(payloads=False):
            if seen.log:
                yield Log(index=seen.index, text=seen.log, volunteer=seen.volunteer)

    async def add(self, payloads: Iterable[Any] | AsyncIterable[Any]) -> Self:
        """Add payloads to an open task, as they come and as the task has room; returns when all are stored.

        What ``submit`` was given comes before them.

        Raises:
            CodecError: a payload is no value that can travel; those before it are added.
            ConflictError: the task is not open.
            UsageError: they are one text instead of many.
        """
        core.check_payloads(payloads)
        await self._check_feeding()
        feeding = AsyncFeeding(self._client, self.id, (await patiently(self.refresh)).payloads)
        try:
            if isinstance(payloads, AsyncIterable):
                async for payload in payloads:
                    await feeding.put(codec.encode(payload))
            else:
                for payload in payloads:
                    await feeding.put(codec.encode(payload))
        finally:
            await feeding.finish()
        return await patiently(self.refresh)

    async def close(self) -> Self:
        """An open task gets no more payloads, once it has those that ``submit`` was given; idempotent."""
        await self._check_feeding()
        core.update(self, await self._client.close_task(self.id))
        return self

    async def cancel(self) -> Self:
        """Cancel the task; idempotent. What was accepted stays."""
        core.update(self, await self._client.cancel(self.id))
        return self

    async def pause(self) -> Self:
        """Hand nothing out any more, until :meth:`resume`; idempotent. Nothing is lost."""
        core.update(self, await self._client.pause(self.id))
        return self

    async def resume(self) -> Self:
        """Have a paused task go on; idempotent."""
        core.update(self, await self._client.resume(self.id))
        return self

    def _feed(self, payloads: Iterable[Any] | AsyncIterable[Any], *, close: bool) -> asyncio.Task[None]:
        """Add payloads, and close the task then if wanted, meanwhile; should that fail, the task is cancelled."""

        async def feed() -> None:
            try:
                task = await patiently(lambda: self._client.task(self.id))
                await task.add(payloads)
                if close:
                    await patiently(task.close)
            except Exception as error:  # of the iterable as well: it is raised where the task is waited for
                self.__dict__["feeding_error"] = error
                with contextlib.suppress(DisioError):
                    await patiently(lambda: self._client.cancel(self.id))

        feeding = asyncio.create_task(feed(), name=f"payloads of {self.id}")
        self.__dict__["feeding"] = feeding
        return feeding

    async def _check_feeding(self) -> None:
        feeding = self.__dict__.get("feeding")
        if feeding is not None:
            await asyncio.shield(feeding)  # a wait that is given up ends nothing
            error = self.__dict__.get("feeding_error")
            if error is not None:
                raise error

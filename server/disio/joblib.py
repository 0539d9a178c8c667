"""A backend for joblib: after ``import disio.joblib``, ``parallel_config(backend="disio")`` computes on a grid.

Needs joblib (``pip install 'disio[joblib]'``).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Any, Final

from joblib.parallel import AutoBatchingMixin, ParallelBackendBase, register_parallel_backend

from disio.client import Client, Executor
from disio.client.executor import check_options

JOBS_PER_WORKER: Final = 4
"""joblib sends twice as many batches as there are jobs: with so many, volunteers never wait for it."""


class DisioBackend(AutoBatchingMixin, ParallelBackendBase):  # type: ignore[misc]
    """Batches of calls on a grid: joblib makes them of so many short calls that the way costs little.

    Args:
        url: the dashboard, as for :class:`disio.Client`.
        executor: options of :class:`disio.Executor`, such as ``dependencies``.
        options: what every backend of joblib takes: ``nesting_level``, ``inner_max_num_threads``.

    Raises:
        TypeError: there is no such option.
    """

    supports_retrieve_callback = True
    supports_sharedmem = False
    uses_threads = False
    default_n_jobs = -1

    def __init__(self, url: str | None = None, executor: dict[str, Any] | None = None, **options: Any) -> None:
        unknown = [name for name in options if name not in ("nesting_level", "inner_max_num_threads")]
        if unknown:
            raise TypeError(
                f"the backend disio takes no option {unknown[0]}; it takes url, and the executor's options as "
                f"executor={{{unknown[0]!r}: ...}}"
            )
        super().__init__(**options)
        check_options(executor or {})
        self._url = url
        self._options = executor or {}
        self._client: Client | None = None
        self._executor: Executor | None = None

    def effective_n_jobs(self, n_jobs: int) -> int:
        """As many as were asked for; if all: a few for each worker of each volunteer."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs > 0:
            return max(2, n_jobs)  # one job would be computed here
        with Client(self._url) as client:
            workers = sum(volunteer.workers for volunteer in client.grid().volunteers)
        return max(2, JOBS_PER_WORKER * workers)

    def configure(self, n_jobs: int = 1, parallel: Any = None, **options: Any) -> int:
        """Be ready for calls; how many jobs there are."""
        jobs: int = super().configure(n_jobs, parallel, **options)
        self._client = Client(self._url)
        self._executor = Executor(self._client, **self._options)
        return jobs

    def submit(self, func: Any, callback: Callable[[Any], None] | None = None) -> Future[list[Any]]:
        """Make the calls of a batch; the future has the list of their results."""
        assert self._executor is not None  # noqa: S101 - made by configure
        batch = _gathered([self._executor.submit(call, *args, **kwargs) for call, args, kwargs in func.items])
        if callback is not None:
            batch.add_done_callback(callback)
        return batch

    def retrieve_result_callback(self, out: Future[list[Any]]) -> list[Any]:
        """The results of a batch that is done."""
        return out.result()

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """Drop all calls; nobody wants their results any more."""
        if self._executor is not None and self._client is not None:
            self._executor.cancel()
            self._executor = Executor(self._client, **self._options) if ensure_ready else None

    def terminate(self) -> None:
        """Finish the task."""
        if self._executor is not None:
            self._executor.shutdown()
        if self._client is not None:
            self._client.close()
        self._executor = self._client = None


def _gathered(futures: Sequence[Future[Any]]) -> Future[list[Any]]:
    """A future of all results, or of the first error."""
    whole: Future[list[Any]] = Future()
    whole.set_running_or_notify_cancel()
    lock = Lock()
    left = len(futures)

    def done(one: Future[Any]) -> None:
        nonlocal left
        error = None if one.cancelled() else one.exception()
        with lock:
            left -= 1
            if whole.done() or (left and error is None):
                return
            if error is not None:
                whole.set_exception(error)
                return
        if any(future.cancelled() for future in futures):
            whole.set_exception(RuntimeError("the calls were aborted"))
        else:
            whole.set_result([future.result() for future in futures])

    for future in futures:
        future.add_done_callback(done)
    return whole


register_parallel_backend("disio", DisioBackend)

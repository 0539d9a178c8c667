"""The executor on a real grid: as ``concurrent.futures`` has it, tested by the standard library's own tests too."""

import asyncio
import contextlib
import functools
import itertools
import subprocess
import sys
import time
import unittest
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import BrokenExecutor, CancelledError
from typing import Any

import pytest

from disio import Client, Executor
from disio.client.chunks import FIRST_PAYLOADS
from disio.client.remote import CallFailedError, RemoteTraceback
from disio.errors import CodecError
from disio.testing import Grid

pytestmark = pytest.mark.asyncio(loop_scope="module")


def square(number: int) -> int:
    """A trivial call."""
    return number * number


def failing(number: int) -> int:
    """One of these calls fails."""
    if number == 5:
        raise LookupError("no five", 5)
    return number


def rest(seconds: float) -> None:
    """A call that takes a while, of which nothing is known when it is first made."""
    time.sleep(seconds)


async def on(grid: Grid, work: Callable[[Executor], None], **options: Any) -> None:
    """Do something with an executor, in a thread of its own."""

    def run() -> None:
        with Client(grid.client.url) as client, Executor(client, **options) as executor:
            work(executor)

    await asyncio.to_thread(run)


async def test_many_trivial_calls_travel_together(grid: Grid) -> None:
    """Results of thousands of calls come in order, in far fewer payloads than calls; the task is closed at the end."""
    await on(grid, lambda executor: _same(executor, 3000), name="many trivial calls")
    task = next(task for task in await grid.client.tasks() if task.name == "many trivial calls")
    await task.wait(timeout=30)
    assert task.state == "finished"
    assert task.payloads < 1000


def _same(executor: Executor, count: int) -> None:
    assert list(executor.map(square, range(count))) == [n * n for n in range(count)]
    assert list(executor.map(square, range(10), chunksize=4)) == [n * n for n in range(10)]


async def test_errors_of_calls_are_raised_here(grid: Grid) -> None:
    """An exception is of the same class with the same arguments, and has the far traceback as its cause."""

    def work(executor: Executor) -> None:
        future = executor.submit(failing, 5)
        with pytest.raises(LookupError) as caught:
            future.result(timeout=30)
        assert caught.value.args == ("no five", 5)
        assert isinstance(caught.value.__cause__, RemoteTraceback)
        assert 'raise LookupError("no five", 5)' in str(caught.value.__cause__)
        with pytest.raises(CodecError, match=r"^square\(\), positional argument 1: object cannot travel"):
            executor.submit(square, object()).result(timeout=30)  # type: ignore[arg-type]
        with pytest.raises(CodecError, match=r"^square\(\), the argument number, value\[1\]: object cannot"):
            executor.submit(square, number=[0, object()]).result(timeout=30)  # type: ignore[arg-type]
        with pytest.raises(CallFailedError, match=r"\(unsupported\): the result: object cannot travel"):
            executor.submit(object).result(timeout=60)
        with pytest.raises(CallFailedError, match=r"\(unsupported\): the result\[1\]: object cannot travel"):
            executor.submit(lambda: [0, object()]).result(timeout=60)
        outcomes = [executor.submit(lambda n: n if n != 3 else {print}, n) for n in range(6)]
        assert [future.exception(timeout=60) is None for future in outcomes] == [True, True, True, False, True, True]

    await on(grid, work)


async def test_an_executor_names_another_dashboard(grid: Grid) -> None:
    """With an address, it needs no client."""

    def work() -> None:
        with Executor(url=grid.client.url) as executor:
            assert executor.submit(square, 3).result(timeout=30) == 9

    await asyncio.to_thread(work)


async def test_calls_can_be_cancelled_and_waited_for(grid: Grid) -> None:
    """as_completed, wait, timeouts, cancel and shutdown(cancel_futures=True) do what they do for every executor."""

    def work(executor: Executor) -> None:
        calls = [executor.submit(square, n) for n in range(20)]
        assert {future.result() for future in futures.as_completed(calls, timeout=30)} == {n * n for n in range(20)}
        with pytest.raises(TimeoutError):
            list(executor.map(time.sleep, [0, 0, 2], timeout=0.5))
        slow = [executor.submit(rest, 0.1) for _ in range(200)]
        with pytest.raises(TimeoutError):
            slow[-1].result(timeout=0.01)
        executor.shutdown(wait=False, cancel_futures=True)
        with pytest.raises(RuntimeError, match="after shutdown"):
            executor.submit(square, 1)
        done, open_ = futures.wait(slow, timeout=120)
        assert not open_
        assert any(future.cancelled() for future in done)
        assert all(future.cancelled() or future.exception() is None for future in done)

    await on(grid, work)


async def test_map_takes_from_endless_iterables_with_a_buffer(grid: Grid) -> None:
    """With buffersize, calls are sent as results are taken."""

    def work(executor: Executor) -> None:
        results = executor.map(square, itertools.count(), buffersize=8)
        assert list(itertools.islice(results, 30)) == [n * n for n in range(30)]
        results.close()  # type: ignore[attr-defined]

    await on(grid, work)


async def test_an_initializer_runs_before_any_call(grid: Grid) -> None:
    """It is called once in an interpreter, with its arguments; calls find what it did."""

    def begin(value: int) -> None:
        import builtins  # noqa: PLC0415

        builtins.begun = [*getattr(builtins, "begun", []), value]  # type: ignore[attr-defined]

    def begun() -> list[int]:
        import builtins  # noqa: PLC0415

        return builtins.begun  # type: ignore[attr-defined,no-any-return]

    def work(executor: Executor) -> None:
        assert [executor.submit(begun).result(timeout=30) for _ in range(3)] == [[7], [7], [7]]

    await on(grid, work, initializer=begin, initargs=(7,))


async def test_a_task_that_is_cancelled_breaks_its_executor(grid: Grid) -> None:
    """Calls that were not answered fail with the reason; further ones are refused with it."""

    def work(executor: Executor) -> None:
        assert executor.submit(square, 2).result(timeout=30) == 4
        with Client(grid.client.url) as client:
            slow = [executor.submit(time.sleep, 0.5) for _ in range(30)]
            next(task for task in client.tasks() if task.name == "to be cancelled").cancel()
        with pytest.raises(BrokenExecutor, match="cancelled"):
            slow[-1].result(timeout=60)
        with pytest.raises(BrokenExecutor, match="cancelled"):
            executor.submit(square, 2)

    await on(grid, work, name="to be cancelled")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
async def test_an_interrupt_cancels_calls_and_task_at_once(grid: Grid, kind: type[BaseException]) -> None:
    """Leaving the block by Ctrl-C waits for no call: neither those that are queued, nor those under way."""
    calls: list[futures.Future[None]] = []

    def work(executor: Executor) -> None:
        assert executor.submit(square, 2).result(timeout=30) == 4
        calls.extend(executor.submit(rest, 600.0) for _ in range(50))
        raise kind

    def interrupted() -> None:
        with pytest.raises(kind), Client(grid.client.url) as client, Executor(client, name=kind.__name__) as executor:
            work(executor)

    await asyncio.wait_for(asyncio.to_thread(interrupted), 60)
    task = next(task for task in await grid.client.tasks() if task.name == kind.__name__)
    assert task.state == "cancelled"
    assert all(call.done() for call in calls)
    with pytest.raises(BrokenExecutor, match="the executor was cancelled"):
        calls[0].result()


async def test_an_executor_that_is_forgotten_finishes_its_calls(grid: Grid) -> None:
    """A program that ends without shutdown waits for its calls, as with other executors; its task is closed."""
    script = (
        "import sys\nfrom disio import Client, Executor\n"
        "def f(n):\n    return n + 1\n"
        "e = Executor(Client(sys.argv[1]), name='forgotten')\n"
        "e.submit(f, 1).add_done_callback(lambda future: print('got', future.result()))\n"
    )
    path = grid.directory / "forgetful.py"
    path.write_text(script)
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, str(path), grid.client.url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "got 2\n", "")
    task = next(task for task in await grid.client.tasks() if task.name == "forgotten")
    assert (await task.wait(timeout=30)).state == "finished"


def _standard_tests() -> type[Any] | None:
    with contextlib.suppress(ImportError):
        from test.test_concurrent_futures.executor import ExecutorTest  # noqa: PLC0415

        return ExecutorTest  # type: ignore[no-any-return]
    return None


@pytest.mark.skipif(_standard_tests() is None, reason="this Python comes without the standard library's own tests")
async def test_the_standard_librarys_own_tests_pass(grid: Grid) -> None:
    """The tests that every executor of the standard library has to pass, but for those of what is not promised here.

    Left out: objects that are no values of the codec as results (test_free_reference) or bound methods of them
    (test_no_stale_references); ``max_workers``, which is for the volunteers to say; and test_map_timeout, for which
    short calls must be told apart from a long one that the same volunteer computes next (see the test before).
    """
    left_out = (
        "test_free_reference",
        "test_no_stale_references",
        "test_max_workers_negative",
        "test_map_timeout",
    )

    class Standard(_standard_tests(), unittest.TestCase):  # type: ignore[misc]
        executor_type = functools.partial(Executor)
        worker_count = 5

        def setUp(self) -> None:
            self.client = Client(grid.client.url)
            self.executor = Executor(self.client)

        def tearDown(self) -> None:
            self.executor.shutdown()
            self.client.close()

    names = [name for name in unittest.TestLoader().getTestCaseNames(Standard) if name not in left_out]
    assert len(names) >= 5
    result = unittest.TestResult()
    suite = unittest.TestSuite(Standard(name) for name in names)
    await asyncio.to_thread(suite.run, result)
    assert not result.errors
    assert not result.failures
    assert result.testsRun == len(names)


async def test_cancelled_calls_are_not_made(grid: Grid) -> None:
    """A call that was cancelled before it was sent is never made, and says so."""

    def work(executor: Executor) -> None:
        blocking = [executor.submit(time.sleep, 0.2) for _ in range(FIRST_PAYLOADS * 16)]
        assert blocking[-1].cancel()
        with pytest.raises(CancelledError):
            blocking[-1].result()
        executor.shutdown(cancel_futures=True)

    await on(grid, work)

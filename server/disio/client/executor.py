"""Calls of this program's functions in volunteers' browsers, as ``concurrent.futures`` has it."""

import difflib
import inspect
import math
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Final, ParamSpec, TypedDict, TypeVar, Unpack

from disio.client import call_unit, core, kits
from disio.client.blocking import Client
from disio.client.calling import Call, Caller
from disio.client.functions import Program, program_of
from disio.errors import UsageError

P = ParamSpec("P")
T = TypeVar("T")

TIMEOUT_SECONDS: Final = 300.0


class Options(TypedDict, total=False):
    """What an executor hands on to :meth:`Client.submit <disio.client.Client.submit>`."""

    priority: int
    sites: Sequence[str]
    manager: str
    checking: Mapping[str, Any] | None
    data: kits.DataFiles | None
    on_prepare: kits.Report


class Executor(futures.Executor):
    """Calls functions on a grid. Use it as any executor of ``concurrent.futures``: ``submit``, ``map``, ``with``.

    Functions travel as source, with what they use (``functions.py``), and never as bytecode; arguments and results are
    values of the codec. Short calls travel together. All calls of an executor are one task, which is open until
    :meth:`shutdown`.

    Args:
        client: which grid; a client of its own if not given.
        url: the dashboard of that client; ``DISIO_URL`` or http://127.0.0.1:7700 if left out.
        token: the researcher's token of that client; ``DISIO_TOKEN`` if left out.
        name: what to call the task.
        dependencies: packages that the functions import (PEP 508), besides the standard library.
        timeout: seconds that one call may take.
        initializer: called once in each volunteer's interpreter before any call.
        initargs: its arguments.
        options: as for :meth:`Client.submit <disio.client.Client.submit>`: ``priority``, ``sites``, ``manager``,
            ``checking``, ``data``, ``on_prepare``.

    Raises:
        TypeError: there is no such option, or a client and an address are given.
        UsageError: the address, or a dependency, is none.
    """

    def __init__(
        self,
        client: Client | None = None,
        *,
        url: str | None = None,
        token: str | None = None,
        name: str = "",
        dependencies: Sequence[str] = (),
        timeout: float = TIMEOUT_SECONDS,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        **options: Unpack[Options],
    ) -> None:
        check_options(options)
        if client is not None and (url or token):
            raise TypeError("an Executor takes a client, or a url and token for one of its own; not both")
        core.check_sites(options.get("sites", ()))
        source = unit_source(dependencies, timeout)
        self._dependencies = tuple(dependencies)
        self._programs: weakref.WeakKeyDictionary[Any, Program] = weakref.WeakKeyDictionary()
        first = None
        if initializer is not None:
            program = program_of(initializer, self._dependencies)
            first = [program.digest, program.value, list(initargs)]
        own = client is None
        used = Client(url, token=token) if client is None else client
        submission = {
            "source": source,
            "filename": "calls.py",
            "params": {"initializer": first},
            "name": name or "calls of a Python program",
            **options,
        }
        self._caller = Caller(used, submission, close_client=own)
        # An executor that is forgotten finishes its calls, at the end of the program at the latest.
        self._finalizer = weakref.finalize(self, self._caller.shutdown, wait=True)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call a function on the grid.

        Raises:
            TravelError: the function uses something that cannot travel.
            RuntimeError: the executor is shut down.
        """
        return self._caller.submit([Call(self._program(fn), args, kwargs)])[0]

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 0,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """As ``map(fn, *iterables)``, on the grid.

        Args:
            fn: the function.
            iterables: its arguments, one of each for a call.
            timeout: seconds from now after which a result that is not there raises ``TimeoutError``.
            chunksize: how many calls travel together; 0: as many as take about a tenth of a second.
            buffersize: how many calls may be sent before their results are taken; all if None.
        """
        if chunksize < 0:
            raise ValueError("chunksize must be >= 1, or 0 for automatic")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        program = self._program(fn)
        calls = (Call(program, args, {}) for args in zip(*iterables))  # noqa: B905 - as map has it
        return self._caller.map(calls, timeout=timeout, chunksize=chunksize, buffersize=buffersize)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no further calls; idempotent.

        Args:
            wait: return when all calls are done and the task is closed.
            cancel_futures: drop calls that were not sent yet.
        """
        self._caller.shutdown(wait=wait, cancel_futures=cancel_futures)

    def cancel(self) -> None:
        """Drop all calls, also those under way, and cancel the task; idempotent.

        Calls that have no result raise ``BrokenExecutor`` or ``CancelledError``.
        """
        self._caller.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for all calls; cancel them if the block is left by Ctrl-C (``KeyboardInterrupt``) or ``SystemExit``."""
        if kind is not None and issubclass(kind, KeyboardInterrupt | SystemExit):
            self.cancel()
        else:
            self.shutdown()

    def _program(self, fn: Callable[..., Any]) -> Program:
        try:
            known = self._programs.get(fn)
        except TypeError:  # cannot be referred to weakly
            return program_of(fn, self._dependencies)
        if known is None or not known.current:
            known = self._programs[fn] = program_of(fn, self._dependencies)
        return known


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse options that there are not, here and now: the thread that submits could tell nobody but its calls.

    Raises:
        TypeError: there is no such option.
    """
    own = [name for name in inspect.signature(Executor).parameters if name != "options"]
    known = [*own, *Options.__annotations__]
    unknown = [name for name in options if name not in known]
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1)
        meant = f"; did you mean {near[0]}?" if near else "."
        raise TypeError(f"Executor takes no option {unknown[0]}{meant} There are {', '.join(known)}")


def unit_source(dependencies: Sequence[str], timeout: float) -> str:
    """The source of an executor's work unit.

    Raises:
        UsageError: a dependency is no text of one line, or they are no list; or the time limit is none.
    """
    if not isinstance(timeout, int | float) or isinstance(timeout, bool) or not 0 < timeout < math.inf:
        raise UsageError(f"the timeout {timeout!r} is no time limit; give seconds, more than 0")
    if isinstance(dependencies, str | bytes):
        raise UsageError(f"dependencies are a list; write it like [{dependencies!r}]")
    for dependency in dependencies:
        if not isinstance(dependency, str) or not dependency.isprintable() or '"' in dependency:
            raise UsageError(f"{dependency!r} is no package; write it like 'numpy>=2'")
    listed = ", ".join(f'"{dependency}"' for dependency in dependencies)
    head = f"# /// script\n# dependencies = [{listed}]\n# [tool.disio]\n# timeout = {timeout:g}\n# ///\n"
    return head + Path(call_unit.__file__).read_text(encoding="utf-8")

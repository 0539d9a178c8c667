"""Runs a unit's payloads: the same code in the browser's workers and on CPython.

``open_unit`` executes the module once and gives a :class:`Session`. Payloads are loaded in batches
and computed in steps, so that a host pays one call for many small payloads. Whatever the unit does
short of ending the process is the failure of one payload, never the end of the session.
"""

import base64
import importlib.util
import inspect
import itertools
import json
import linecache
import random
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import perf_counter
from types import ModuleType
from typing import Any, Final

from disio.errors import CodecError, UnitError
from disio.unit.capture import Capture
from disio.unit.codec import MAX_BYTES, TooLargeError, decode, encode
from disio.unit.context import Context, Hooks, seed_of
from disio.unit.contract import default_split, takes_context
from disio.unit.failures import failure, failure_of, in_short

MODULE_NAME: Final = "disio_unit"
"""``__name__`` of the unit's module, not ``__main__``: that part of a module is for its author."""
ANSWERED: Final = 0
FAILED: Final = 1
DEFAULT_LOG_BYTES: Final = 16 * 1024

_END: Final = object()


def open_unit(source: str, info: str) -> "Session":
    """Execute a unit's module once, and be ready for its payloads.

    A module that cannot be executed gives a session all the same: each payload then fails with that error.

    Args:
        source: the text of the module.
        info: JSON: ``task``, ``filename`` (shown in tracebacks), ``params`` (base64 of codec bytes),
            ``max_result_bytes``, ``max_log_bytes``, ``module`` (the unit's dotted name, if it is a module of an
            installed package), ``files`` (paths of shared data by name); all but ``filename`` may be left out.
    """
    table = json.loads(info)
    session = Session(
        source,
        filename=table["filename"],
        params=base64.b64decode(table.get("params", "bnVsbA==")),
        max_result_bytes=table.get("max_result_bytes", MAX_BYTES),
        max_log_bytes=table.get("max_log_bytes", DEFAULT_LOG_BYTES),
        module=table.get("module", ""),
    )
    session.hooks.files = table.get("files", {})
    return session


class Session:
    """One unit with one task's parameters, and the payloads that wait to be computed.

    Attributes:
        hooks: what the host wants to hear of (checkpoints, progress, events), and the task's files.
        load_failure: why the module could not be executed, as it travels; None if it could.
    """

    def __init__(
        self,
        source: str,
        *,
        filename: str = "unit.py",
        params: bytes = b"null",
        max_result_bytes: int = MAX_BYTES,
        max_log_bytes: int = DEFAULT_LOG_BYTES,
        module: str = "",
    ) -> None:
        self.hooks = Hooks()
        self.load_failure: bytes | None = None
        self._filename = filename
        self._params_bytes = params
        self._params: Any = None
        self._max_result_bytes = max_result_bytes
        self._capture = Capture(max_log_bytes)
        self._queue: deque[tuple[int, bytes]] = deque()
        self._name = module
        self._module = ModuleType(module or MODULE_NAME)
        self._run: Callable[..., Any] | None = None
        self._with_context = False
        self._show: Callable[..., Any] | None = None
        self._latest = b""
        # All interpreters begin as the same snapshot: unseeded, they would draw the same numbers for all payloads.
        self._draws = "random" in source
        self._open(source)

    @property
    def queued(self) -> int:
        """Payloads that are loaded and not yet computed."""
        return len(self._queue)

    def load(self, items: str, data: bytes) -> None:
        """Queue payloads.

        Args:
            items: JSON: ``[[index, size], ...]``; ``[index, size, state]`` for a payload that was begun elsewhere.
            data: the payloads' codec bytes one after the other; the ``state`` bytes of a last state follow its payload.
        """
        start = 0
        for index, size, *state in json.loads(items):
            self._queue.append((index, data[start : start + size]))
            start += size
            if state:
                self.hooks.states[index] = data[start : start + state[0]]
                start += state[0]

    def step(self, budget: float) -> tuple[str, bytes]:
        """Compute queued payloads until ``budget`` seconds have passed, at least one if there is one.

        Returns:
            JSON and data. The JSON is ``[[outcome, size, ms, log], ...]``, in the order of the queue, ``log``
            left out where it is empty. The data are the answers one after the other: codec bytes where the outcome
            is 0, a failure (JSON with ``kind``, ``message``, ``traceback``) where it is 1.
        """
        items: list[tuple[Any, ...]] = []
        parts: list[bytes] = []
        queue, compute, capture, show = self._queue, self._compute, self._capture, self._show
        with self._printing():
            now = perf_counter()
            end = now + budget
            while queue:
                outcome, answer = compute(*queue.popleft())
                before, now = now, perf_counter()
                ms = round((now - before) * 1000, 4)
                parts.append(answer)
                if show is not None and outcome == ANSWERED:
                    self._latest = answer
                if capture.used:
                    items.append((outcome, len(answer), ms, capture.take()))
                else:
                    items.append((outcome, len(answer), ms))
                if now >= end:
                    break
        return json.dumps(items, separators=(",", ":")), b"".join(parts)

    def picture(self) -> bytes:
        """A picture of the last answer that was computed: what the unit's ``show`` makes of it, SVG or PNG.

        Empty if there is nothing new to show. A ``show`` that raises, or returns something else than text or bytes,
        is not called again: it must not cost an answer.
        """
        latest, self._latest = self._latest, b""
        if self._show is None or not latest:
            return b""
        try:
            with self._printing():
                picture = self._show(decode(latest))
            return picture.encode() if isinstance(picture, str) else bytes(memoryview(picture))
        except BaseException:  # a unit's code, on a visitor's machine
            self._show = None
            return b""

    def payloads(self, *, max_bytes: int = MAX_BYTES) -> Iterator[bytes]:
        """The task's payloads in codec bytes, lazily: what ``split`` gives, or the default's.

        Raises:
            UnitError: ``split`` raised (the message has the parameters, and its traceback), gave no iterable, or a
                payload that cannot travel.
        """
        split = self._function("split") or default_split
        with self._told("split"):
            payloads = iter(split(self._params))
        for index in itertools.count():
            with self._told("split"):
                payload = next(payloads, _END)
            if payload is _END:
                return
            try:
                data = encode(payload, max_bytes=max_bytes)
            except CodecError as error:
                raise UnitError(f"payload {index} of split: {error}") from None
            yield data

    def agree(self, one: bytes, other: bytes) -> bool:
        """Whether two answers count as the same: the unit's ``agree``, or identical bytes.

        Raises:
            UnitError: ``agree`` raised.
        """
        agree = self._function("agree")
        if agree is None:
            return one == other
        with self._told("agree"):
            return bool(agree(decode(one), decode(other)))

    def reduce(self, results: Iterable[bytes]) -> bytes:
        """The task's answer in codec bytes: what the unit's ``reduce`` makes of the results, or a list of them.

        Args:
            results: accepted results in codec bytes, in the order of their payloads; taken as they are asked for.

        Raises:
            UnitError: ``reduce`` raised, or its answer cannot travel.
        """
        values = (decode(result) for result in results)
        reduce = self._function("reduce")
        with self._told("reduce"):
            answer = list(values) if reduce is None else reduce(values, self._params)
        try:
            return encode(answer, max_bytes=self._max_result_bytes)
        except CodecError as error:
            raise UnitError(f"the answer of reduce: {error}") from None

    def take_log(self) -> str:
        """What ``split``, ``agree`` and ``reduce`` (and the module itself) printed since the last time."""
        return self._capture.take()

    def _open(self, source: str) -> None:
        lines = source.splitlines(keepends=True)
        linecache.cache[self._filename] = (len(source), None, lines, self._filename)
        try:
            self._params = decode(self._params_bytes)
            with self._printing():
                module = self._module = self._new_module()
                exec(compile(source, self._filename, "exec", dont_inherit=True), module.__dict__)  # noqa: S102 - what units are for
            self._run = self._checked_run()
            self._show = self._function("show")
        except CodecError as error:
            self.load_failure = failure("payload", f"the task's parameters cannot be read: {error}")
        except UnitError as error:
            self.load_failure = failure("import", str(error))
        except BaseException as error:  # a unit's sys.exit() is its failure, not ours
            self.load_failure = failure_of("import", error, self._filename)

    def _new_module(self) -> ModuleType:
        """The module that the source is executed in: one of its own, or its place in the package that it is from."""
        if not self._name:
            module = self._module
            module.__file__ = self._filename
        else:
            spec = importlib.util.find_spec(self._name)
            if spec is None:
                raise UnitError(f"the unit's package is not here: no module {self._name}")
            module = importlib.util.module_from_spec(spec)
        sys.modules[module.__name__] = module
        return module

    def _checked_run(self) -> Callable[..., Any]:
        run = self._function("run")
        if run is None:
            raise UnitError(f"{self._filename} has no function run(payload)")
        if inspect.iscoroutinefunction(run):
            raise UnitError(f"{self._filename}: run is async; write a plain function: def run(payload)")
        try:
            parameters = inspect.signature(run).parameters.values()
        except (TypeError, ValueError):
            return run  # some builtins do not tell their signature
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        self._with_context = takes_context([(p.name, p.default is not p.empty) for p in positional])
        return run

    def _function(self, name: str) -> Callable[..., Any] | None:
        value = self._module.__dict__.get(name)
        return value if callable(value) else None

    def _compute(self, index: int, data: bytes) -> tuple[int, bytes]:
        run = self._run
        if run is None:
            return FAILED, self.load_failure or b""
        try:
            payload = decode(data)
        except CodecError as error:
            return FAILED, failure("payload", str(error))
        if self._draws:
            random.seed(seed_of(self._params, index))
        try:
            value = run(payload, Context(index, self._params, self.hooks)) if self._with_context else run(payload)
        except BaseException as error:  # SystemExit and KeyboardInterrupt included
            return FAILED, failure_of("exception", error, self._filename)
        finally:
            self.hooks.states.pop(index, None)
        return self._answer(value)

    def _answer(self, value: Any) -> tuple[int, bytes]:
        try:
            return ANSWERED, encode(value, max_bytes=self._max_result_bytes)
        except TooLargeError as error:
            return FAILED, failure("too-large", f"the answer cannot travel: {error}")
        except CodecError as error:
            return FAILED, failure("unsupported", f"the answer cannot travel: {error}")
        except BaseException as error:  # values may run code of the unit's: a tzinfo, for one
            return FAILED, failure_of("unsupported", error, self._filename)

    @contextmanager
    def _printing(self) -> Iterator[None]:
        out, err = sys.stdout, sys.stderr
        sys.stdout = sys.stderr = self._capture
        try:
            yield
        finally:
            sys.stdout, sys.stderr = out, err

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        if self.load_failure is not None:
            raise UnitError(_text_of(self.load_failure))
        try:
            with self._printing():
                yield
        except (UnitError, CodecError) as error:
            raise UnitError(f"{name}: {error}") from None
        except BaseException as error:  # a unit's sys.exit() is its failure, not ours
            given = "" if name == "agree" else f" with the parameters {in_short(self._params)}"
            raise UnitError(
                f"{name} failed{given}: {_text_of(failure_of('exception', error, self._filename))}"
            ) from None


def _text_of(data: bytes) -> str:
    table = json.loads(data)
    return f"{table['message']}\n{table['traceback']}".strip()

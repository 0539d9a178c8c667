"""A work unit as a test calls it: in the test's own Python, or in a real browser through a real grid."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from disio.client import Client, Task, sources
from disio.client.local_packages import place, unsuited
from disio.errors import DisioError, UnitError
from disio.unit import codec
from disio.unit.contract import load_unit
from disio.unit.runner import ANSWERED, Session
from disio.wire.grid import OutcomeView

LOG_BYTES = 64 * 1024


class UnitFailedError(DisioError):
    """The unit failed for a payload; the message has its kind, its message and its traceback, and what it printed.

    Attributes:
        kind: exception, import, unsupported, too-large, timeout, crash or payload.
    """

    code = "unit_failed"

    def __init__(self, place: str, index: int, report: bytes, log: str) -> None:
        told = json.loads(report)
        self.kind: str = told["kind"]
        printed = f"\nprinted before:\n{log.rstrip()}" if log else ""
        super().__init__(f"in {place}, payload {index}: {told['message']}\n{told['traceback']}{printed}".rstrip())


class UnitUnderTest(Protocol):
    """What the fixture ``disio_unit`` gives. ``place``: ``native``, or the name of a browser."""

    place: str

    def run(self, payload: Any) -> Any:
        """What ``run(payload)`` returns there.

        Raises:
            UnitFailedError: it raised, or its value cannot travel.
        """

    def map(self, payloads: Iterable[Any]) -> list[Any]:
        """As :meth:`run`, for many payloads, which get consecutive indexes."""

    def answer(self) -> Any:
        """The whole task: what ``reduce`` makes of the results of all payloads that ``split`` gives."""


class Native:
    """The unit in this process, so that debuggers and coverage see it; by the runner that browsers use.

    Packages of the unit that are not installed are found behind those that are, until the context is left.

    Raises:
        UnitError: a package that it needs cannot be had, or is installed in a version that it does not take.
    """

    place = "native"

    def __init__(self, path: Path, params: Mapping[str, Any]) -> None:
        source = sources.read(path, None, None)
        unit = load_unit(source.source, source.filename)
        # What is installed may be imported already: another version cannot take its place in this process.
        if others := unsuited(unit.metadata):
            wanted = " ".join(repr(text) for text in others)
            raise UnitError(
                f"{path}: this Python has other versions of what the unit needs; for its test: pip install {wanted}"
            )
        found = place(source, unit.metadata)
        self._paths = [folder for folder in found.paths if folder not in sys.path]
        sys.path += self._paths
        try:
            self._session = Session(
                unit.source,
                filename=unit.filename if found.module else str(path),
                params=codec.encode(dict(params)),
                max_log_bytes=LOG_BYTES,
                module=found.module,
            )
        except BaseException:
            self.close()
            raise
        self._index = 0

    def close(self) -> None:
        """Let other tests find only what is installed."""
        for folder in self._paths:
            sys.path.remove(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, payload: Any) -> Any:
        """See :class:`UnitUnderTest`."""
        return self.map([payload])[0]

    def map(self, payloads: Iterable[Any]) -> list[Any]:
        """See :class:`UnitUnderTest`."""
        return [codec.decode(self._compute(codec.encode(payload))) for payload in payloads]

    def answer(self) -> Any:
        """See :class:`UnitUnderTest`."""
        self._index = 0
        return codec.decode(self._session.reduce(map(self._compute, self._session.payloads())))

    def _compute(self, payload: bytes) -> bytes:
        index, self._index = self._index, self._index + 1
        self._session.load(json.dumps([[index, len(payload)]]), payload)
        items, data = self._session.step(0.0)
        [[outcome, _, _, *log]] = json.loads(items)
        if outcome != ANSWERED:
            raise UnitFailedError(self.place, index, data, "".join(log))
        return data


class InBrowser:
    """The unit in a real browser: an open task to which payloads are added. One interpreter serves all calls."""

    def __init__(self, client: Client, place: str, path: Path, params: Mapping[str, Any]) -> None:
        source = sources.read(path, None, None)
        load_unit(source.source, source.filename)  # also a test that asks for nothing is one of this unit
        self.place = place
        self._client = client
        self._path = path
        self._params = params
        self._task: Task | None = None
        self._outcomes: Iterator[OutcomeView] = iter(())

    def run(self, payload: Any) -> Any:
        """See :class:`UnitUnderTest`."""
        return self.map([payload])[0]

    def map(self, payloads: Iterable[Any]) -> list[Any]:
        """See :class:`UnitUnderTest`."""
        given = list(payloads)
        self._open().add(given)
        return [self._value(next(self._outcomes)) for _ in given]

    def answer(self) -> Any:
        """See :class:`UnitUnderTest`."""
        task = self._client.submit(self._path, self._params)
        for outcome in task.outcomes(by="index", payloads=False):
            self._value(outcome)
        return task.result()

    def _open(self) -> Task:
        if self._task is None:
            self._task = self._client.submit(self._path, self._params, open=True)
            self._outcomes = self._task.outcomes(by="index", payloads=False)
        return self._task

    def _value(self, outcome: OutcomeView) -> Any:
        if not outcome.accepted:
            raise UnitFailedError(self.place, outcome.index, outcome.data, outcome.log)
        return codec.decode(outcome.data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()

"""A unit tried out: its first payloads on this machine and in real browsers, answers compared to the byte."""

import asyncio
import contextlib
import functools
import json
import operator
import platform
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from disio.client import sources
from disio.client.async_task import AsyncTask
from disio.client.kits import DataFiles, data_paths
from disio.client.local import LocalFailure, LocalRun, run_local
from disio.client.local_packages import place
from disio.errors import UsageError
from disio.testing.browsers import find_browser, open_browser
from disio.testing.grid import Grid
from disio.testing.site import VOLUNTEERING, Status, open_site
from disio.unit import codec
from disio.unit.contract import Unit, load_unit
from disio.unit.runner import Session

NATIVE: Final = "native"
"""The name of this machine's own Python among the places where a unit is tried."""
FIRST_PAYLOADS: Final = 20
SECONDS: Final = 600.0
"""One browser may take so long for all payloads, beside their own time limits."""
STATUS_SECONDS: Final = 10.0
"""A page may take so long to say what its interpreters took, after the last result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one payload came to: ``data`` in codec bytes, or ``failure``: its message and traceback."""

    index: int
    data: bytes = b""
    failure: str = ""
    ms: float
    log: str = ""

    @property
    def value(self) -> Any:
        """What ``run`` returned; None for a failure."""
        return None if self.failure else codec.decode(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How a unit did in one place.

    Attributes:
        place: ``native``, ``chromium``, ``firefox`` or ``webkit``.
        version: of the Python or the browser.
        outcomes: one for each payload, in order.
        seconds: from the start of the browser (or of the processes) to the last answer.
        boot_ms: how long a fresh interpreter took to be ready; None natively.
        load_ms: how long the unit's packages and its module took to load in it; None natively.
        memory_bytes: the most that an interpreter has had; None natively.
    """

    place: str
    version: str
    outcomes: list[Outcome] = field(repr=False)
    seconds: float
    boot_ms: float | None = None
    load_ms: float | None = None
    memory_bytes: int | None = None

    @property
    def failed(self) -> int:
        """Payloads that failed."""
        return sum(bool(outcome.failure) for outcome in self.outcomes)

    @property
    def mean_ms(self) -> float:
        """Computing time of a payload."""
        return sum(outcome.ms for outcome in self.outcomes) / max(1, len(self.outcomes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A unit tried out in several places, this machine first.

    ``agree`` says whether two answers count as the same: the unit's own, or identical bytes.
    """

    unit: Unit
    tried: list[Tried]
    agree: Callable[[bytes, bytes], bool] = operator.eq

    def different(self, place: Tried) -> list[int]:
        """Indexes of payloads whose outcome in a place differs from this machine's."""
        native = self.tried[0].outcomes
        return [mine.index for mine, other in zip(native, place.outcomes, strict=True) if not self._same(mine, other)]

    def _same(self, one: Outcome, other: Outcome) -> bool:
        if one.failure or other.failure:
            return bool(one.failure) == bool(other.failure)
        return self.agree(one.data, other.data)

    @property
    def ok(self) -> bool:
        """Whether every payload was answered everywhere, with answers that agree."""
        return not any(place.failed or self.different(place) for place in self.tried)


async def try_unit(
    path: Path,
    params: Mapping[str, Any],
    *,
    payloads: Iterable[Any] | None = None,
    data: DataFiles | None = None,
    browsers: Sequence[str] = ("chromium",),
    limit: int = FIRST_PAYLOADS,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Trial:
    """Compute a unit's first payloads on this machine, then in each browser through a grid of its own.

    Args:
        path: the unit: a file, or the folder of a package.
        params: the task's parameters.
        payloads: take the place of ``split``.
        data: files that all payloads may read, by their names.
        browsers: where to compute beside this machine.
        limit: how many payloads.
        on_progress: called with the place, the payloads that are done, and how many there are (0: not known yet).

    Raises:
        BrowserError: a browser is missing; before anything is computed.
        UnitError: the module cannot be executed, ``split`` fails, or a package that it needs cannot be had.
        UsageError: ``split`` gives no payload.
    """
    source = sources.read(path, None, None)
    unit = load_unit(source.source, source.filename)
    for browser in browsers:
        find_browser(browser)
    tell = on_progress or (lambda *_: None)
    native = await asyncio.to_thread(
        run_local,
        unit,
        params,
        payloads=payloads,
        data=data_paths(data),
        place=await asyncio.to_thread(place, source, unit.metadata),
        limit=limit,
        on_progress=lambda seen: tell(NATIVE, seen.answered + seen.failed, seen.payloads or 0),
    )
    if not native.payloads:
        raise UsageError(f"{unit.filename} has no payloads with these parameters; there is nothing to try")
    tried = [_natively(native)]
    if browsers:
        given = [codec.decode(one.payload) for one in _in_order(native)]
        async with Grid() as grid:
            for browser in browsers:
                submit = functools.partial(grid.client.submit, path, params, payloads=given, data=data)
                tried.append(await _in_browser(grid, submit, len(given), browser, tell))
    return Trial(unit=unit, tried=tried, agree=_agreement(unit))


def _agreement(unit: Unit) -> Callable[[bytes, bytes], bool]:
    session = Session(unit.source, filename=unit.filename) if unit.has_agree else None
    return session.agree if session is not None and session.load_failure is None else operator.eq


def _in_order(run: LocalRun) -> list[Any]:
    return sorted([*run.results, *run.failures], key=lambda one: one.index)


def _natively(run: LocalRun) -> Tried:
    outcomes = []
    for one in _in_order(run):
        failed = isinstance(one, LocalFailure)
        told = {"failure": _text(one.message, one.traceback)} if failed else {"data": one.data}
        outcomes.append(Outcome(index=one.index, ms=one.ms, log=one.log, **told))
    version = f"Python {platform.python_version()}"
    return Tried(place=NATIVE, version=version, outcomes=outcomes, seconds=run.seconds)


async def _in_browser(
    grid: Grid,
    submit: Callable[[], Awaitable[AsyncTask]],
    count: int,
    browser: str,
    tell: Callable[[str, int, int], None],
) -> Tried:
    statuses: list[Status] = []
    told_all = asyncio.Event()

    def heard(status: Status) -> None:
        statuses.append(status)
        if status.get("memory"):  # with the first results, and so after all else that is asked of it
            told_all.set()

    tell(browser, 0, count)
    task = await submit()
    begin = time.monotonic()
    outcomes: dict[int, Outcome] = {}
    async with (
        open_site(grid.url, attributes=VOLUNTEERING, on_status=heard) as site,
        open_browser(site, browser=browser),
        asyncio.timeout(SECONDS + task.timeout * count),
    ):
        version = ""
        async for one in task.outcomes():
            version = version or await _version(grid)
            told = {"data": one.data} if one.accepted else {"failure": _failure(one.data)}
            outcomes[one.index] = Outcome(index=one.index, ms=one.ms, log=one.log, **told)
            tell(browser, len(outcomes), count)
        seconds = time.monotonic() - begin
        await task.refresh()
        for index in range(count):  # the manager has paused it
            if index not in outcomes:
                outcomes[index] = Outcome(
                    index=index, ms=0.0, log="", failure=task.error or f"the task is {task.state}"
                )
        with contextlib.suppress(TimeoutError):  # the last result may be here before its page has said so
            async with asyncio.timeout(STATUS_SECONDS):
                await told_all.wait()
    last = statuses[-1] if statuses else {}
    boots = last.get("timings", {}).get("workers", [])
    return Tried(
        place=browser,
        version=version or browser,
        outcomes=[outcomes[index] for index in sorted(outcomes)],
        seconds=seconds,
        boot_ms=min(boots, default=None),
        load_ms=max((float(status.get("timings", {}).get("opened", 0)) for status in statuses), default=0.0) or None,
        memory_bytes=max((int(status.get("memory", 0)) for status in statuses), default=0) or None,
    )


async def _version(grid: Grid) -> str:
    volunteers = (await grid.client.grid()).volunteers
    return max(volunteers, key=lambda volunteer: volunteer.since).browser if volunteers else ""


def _failure(data: bytes) -> str:
    report = json.loads(data)
    return _text(report["message"], report["traceback"])


def _text(message: str, traceback: str) -> str:
    return f"{message}\n{traceback}".strip()

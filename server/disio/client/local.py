"""Runs a whole unit on this machine: split, all payloads on all cores, reduce; by the runner of the browser.

Each process holds one session. The unit's code runs in these processes only: whatever it does to its
process costs the payload that did it.
"""

import base64
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from disio.client.local_packages import HERE, Place
from disio.client.local_pool import SPLIT_SECONDS, Finished, Pool
from disio.errors import UsageError
from disio.unit import codec
from disio.unit.contract import Unit, load_unit
from disio.unit.runner import ANSWERED


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalResult:
    """One payload's answer.

    ``payload`` and ``data`` are in codec bytes, ``ms`` is the computing time, ``log`` what was printed.
    """

    index: int
    payload: bytes = field(repr=False)
    data: bytes = field(repr=False)
    ms: float
    log: str = ""

    @property
    def value(self) -> Any:
        """What ``run`` returned."""
        return codec.decode(self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFailure:
    """A payload that failed. ``kind``: exception, unsupported, too-large, timeout, crash or payload."""

    index: int
    payload: bytes = field(repr=False)
    kind: str
    message: str
    traceback: str = ""
    ms: float
    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalProgress:
    """How far a run is. ``payloads`` is None while ``split`` is not at its end."""

    answered: int
    failed: int
    payloads: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRun:
    """How a run ended.

    Attributes:
        results: of the payloads that were answered, in their order.
        failures: of the others, in their order.
        reduced: what ``reduce`` made of the results, in codec bytes; None if the unit has no ``reduce``, or if a
            payload failed: an answer from a part of the results would look like an answer.
        payloads: how many there were.
        processes: how many computed.
        seconds: from beginning to end.
        compute_seconds: the sum of the payloads' computing times.
        log: what ``split`` and ``reduce`` printed, bounded.
    """

    results: list[LocalResult] = field(repr=False)
    failures: list[LocalFailure]
    reduced: bytes | None = field(repr=False)
    payloads: int
    processes: int
    seconds: float
    compute_seconds: float
    log: str = field(repr=False)

    @property
    def answer(self) -> Any:
        """The task's answer: what ``reduce`` returned, or the list of all values; None if a payload failed."""
        if self.failures:
            return None
        if self.reduced is None:
            return [result.value for result in self.results]
        return codec.decode(self.reduced)


def read_unit(path: str | Path) -> Unit:
    """A unit from a file. Executes nothing.

    Raises:
        UsageError: the file cannot be read.
        UnitError: it is no unit that can be used.
    """
    path = Path(path)
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    return load_unit(source, path.name)


def run_local(
    unit: Unit,
    params: Mapping[str, Any],
    *,
    payloads: Iterable[Any] | None = None,
    data: Mapping[str, Path] | None = None,
    place: Place = HERE,
    processes: int | None = None,
    split_timeout: float = SPLIT_SECONDS,
    limit: int | None = None,
    on_progress: Callable[[LocalProgress], None] | None = None,
) -> LocalRun:
    """Run a unit on this machine and wait for its end. Ctrl-C ends all its processes.

    A payload that runs longer than the unit's timeout, or that ends its process, fails and the run goes on.

    Args:
        unit: see :func:`read_unit`.
        params: values that the codec takes.
        payloads: take the place of ``split``.
        data: files of shared data by name.
        place: where its packages are; see :func:`disio.client.local_packages.place`.
        processes: how many compute at a time; default: one for each core that this process may use.
        split_timeout: the longest that ``split`` may take from one payload to the next, in seconds.
        limit: only the first so many payloads; all if left out.
        on_progress: called now and then (ten times a second at most), and at the end.

    Raises:
        UnitError: the module cannot be executed, or ``split`` or ``reduce`` fails; the message has the traceback.
        CodecError: the parameters cannot travel.
    """
    began = monotonic()
    count = processes or _cores()
    info = {
        "task": "local",
        "filename": unit.filename,
        "params": base64.b64encode(codec.encode(dict(params))).decode(),
        "max_result_bytes": codec.MAX_BYTES,
        "files": {name: str(path) for name, path in (data or {}).items()},
        "module": place.module,
    }
    results: dict[int, LocalResult] = {}
    failures: dict[int, LocalFailure] = {}
    told = 0.0

    def take(done: Finished) -> None:
        index, payload, ms, log = done.index, done.payload, done.ms, done.log
        if done.outcome == ANSWERED:
            results[index] = LocalResult(index=index, payload=payload, data=done.data, ms=ms, log=log)
        else:
            failures[index] = LocalFailure(index=index, payload=payload, ms=ms, log=log, **json.loads(done.data))

    def tell(payloads: int | None, *, last: bool = False) -> None:
        nonlocal told
        now = monotonic()
        if on_progress is not None and (last or now - told >= 0.1):
            told = now
            on_progress(
                LocalProgress(answered=len(results), failed=len(failures), payloads=payloads, seconds=now - began)
            )

    timeout = unit.metadata.timeout
    times = {"timeout": timeout, "split_timeout": split_timeout}
    given = None if payloads is None else map(codec.encode, payloads)
    with Pool(
        unit.source, json.dumps(info), processes=count, limit=limit, payloads=given, paths=place.paths, **times
    ) as pool:
        pool.run(take, tell)
        ordered = [results[index] for index in sorted(results)]
        whole = unit.has_reduce and not failures
        reduced = pool.reduce(result.data for result in ordered) if whole else None
        log = pool.log
    tell(len(results) + len(failures), last=True)
    return LocalRun(
        results=ordered,
        failures=[failures[index] for index in sorted(failures)],
        reduced=reduced,
        payloads=len(results) + len(failures),
        processes=count,
        seconds=monotonic() - began,
        compute_seconds=sum(result.ms for result in ordered) / 1000,
        log=log,
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

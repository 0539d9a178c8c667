"""What both clients share, without any I/O: which request to send, and what its answer means."""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec
import platformdirs

from disio.client.models import Failure
from disio.client.streams import By
from disio.errors import DisioError, ProtocolError, UnitWarning, UnreachableError, UsageError
from disio.figures import counted
from disio.unit import codec
from disio.unit.checking import read_checking
from disio.wire import api
from disio.wire.kit import Kit

DEFAULT_URL: Final = "http://127.0.0.1:7700"
TIMEOUT_SECONDS: Final = 30.0
WAIT_SECONDS: Final = 20.0
"""How long one request for changes is held open."""
DELETE_WAIT_SECONDS: Final = 5.0
"""How long one look at a deletion is held open."""

T = TypeVar("T")


def base_url(url: str | None) -> str:
    """The dashboard's address: as given, or from ``DISIO_URL``, or the default on this machine.

    Raises:
        UsageError: it is no http or https address.
    """
    chosen = (url or os.environ.get("DISIO_URL") or DEFAULT_URL).rstrip("/")
    parts = urlsplit(chosen)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{chosen!r} is no dashboard address; write it like {DEFAULT_URL}")
    return chosen


def headers(url: str, token: str | None) -> dict[str, str]:
    """What every request carries: the researcher's token, if there is one for this dashboard.

    It is as given, or from ``DISIO_TOKEN``, or from a line ``URL TOKEN`` in the file ``tokens`` of the user's
    configuration.

    Raises:
        UsageError: others may read that file, or the token is none.
    """
    found = token or os.environ.get("DISIO_TOKEN") or _kept_token(url)
    if not found:
        return {}
    if not found.isascii() or not found.isprintable() or " " in found:
        raise UsageError("the token is no token of Disio; copy it as `disio keys researcher` showed it")
    return {"Authorization": f"Bearer {found}"}


def _kept_token(url: str) -> str | None:
    path = platformdirs.user_config_path("disio") / "tokens"
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise UsageError(f"others may read the tokens in {path}; run: chmod 600 {path}")
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the tokens in {path} cannot be read: {error}") from None
    pairs = (line.split() for line in lines if line.strip() and not line.startswith("#"))
    return next((pair[1] for pair in pairs if len(pair) == 2 and pair[0].rstrip("/") == url), None)


def by_proxy(url: str) -> bool:
    """Whether the environment's proxies are for this address: never for this machine's own."""
    return urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1")


def unreachable(url: str, error: httpx.TransportError) -> UnreachableError:
    """The error for a dashboard that does not answer."""
    if isinstance(error, httpx.TimeoutException):
        return UnreachableError(
            f"the dashboard at {url} did not answer in time; look at its log, or name another with --url or DISIO_URL"
        )
    if isinstance(error, httpx.ReadError | httpx.WriteError | httpx.RemoteProtocolError):
        return UnreachableError(f"the dashboard at {url} broke off in the middle of its answer; ask again")
    return UnreachableError(
        f"no dashboard answers at {url}; start one with `disio up`, or name another with --url or DISIO_URL"
    )


def check_open(closed: bool) -> None:
    """Refuse what is asked of a client that is closed.

    Raises:
        UsageError: it is.
    """
    if closed:
        raise UsageError("the client is closed; make another, or ask within its `with` block")


def check_payloads(payloads: object) -> None:
    """Refuse what can be iterated over but is hardly meant as many payloads.

    Raises:
        UsageError: it is a text, bytes or a dict.
    """
    if isinstance(payloads, str | bytes | dict):
        raise UsageError(f"payloads are one {type(payloads).__name__}; write [payload] for a single one")


def check_sites(sites: Sequence[str]) -> list[str]:
    """Sites as a list.

    Raises:
        UsageError: they are no list of texts.
    """
    if isinstance(sites, str | bytes) or not isinstance(sites, Iterable):
        raise UsageError(f"sites are a list; write it like [{sites!r}]")
    listed = list(sites)
    if not all(isinstance(site, str) for site in listed):
        raise UsageError(f"sites are hosts of pages, as texts; {listed!r} is not")
    return listed


def by_order(order: str) -> By:
    """The order in which outcomes are asked for.

    Raises:
        UsageError: there is no such order of results.
    """
    if order not in ("index", "completed"):
        raise UsageError(f"there is no order {order!r} of results; give 'index' or 'completed'")
    return "index" if order == "index" else "settled"


def task_path(task: str, rest: str = "") -> str:
    """The path of a task, or of something of it."""
    return f"/api/tasks/{quote(task, safe='')}{rest}"


def submission(
    source: str,
    filename: str,
    params: Mapping[str, Any] | None,
    *,
    name: str,
    priority: int,
    manager: str,
    open: bool,  # noqa: A002 - as in the API
    sites: Sequence[str],
    kit: Kit,
    checking: Mapping[str, Any] | None,
) -> bytes:
    """The body that submits a unit.

    Raises:
        UsageError: it is no text in UTF-8, or too large; or the parameters have no names.
        UnitError: how answers are to be checked is not said by the names and kinds of values that there are.
        CodecError: a parameter is no value that can travel.
    """
    if params is not None and not isinstance(params, Mapping):
        raise UsageError(
            f"params are names and values, not a {type(params).__name__}; write them like {{'count': 100}}, "
            "or give payloads of your own by payloads="
        )
    body = api.TaskSubmission(
        source=source,
        filename=filename,
        params_encoded=api.to_base64(codec.encode(dict(params or {}))),
        name=name,
        priority=priority,
        manager=manager,
        open=open,
        sites=list(sites),
        kit=kit,
        checking=read_checking(checking or {}, "").stated(),  # here, as JSON has no word for NaN
    )
    try:
        encoded = api.encode(body)
    except UnicodeEncodeError as error:
        raise UsageError(f"the unit's file name, its source or the task's name is no text in UTF-8: {error}") from None
    if len(encoded) > api.MAX_BODY_BYTES:
        raise UsageError(
            f"unit and parameters are too large to submit ({len(encoded):,} bytes; {api.MAX_BODY_BYTES:,} may be); "
            "let split make large data from small parameters"
        )
    return encoded


def read_source(path: Path) -> str:
    """The text of a unit's file.

    Raises:
        UsageError: it cannot be read as text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a Python module: {error}") from None


def check(status: int, content: bytes) -> None:
    """Raise the error that an answer stands for, if it is one.

    Raises:
        DisioError: the kind that the dashboard named.
    """
    if status < 400:
        return
    try:
        body = msgspec.json.decode(content, type=api.ErrorBody)
    except msgspec.DecodeError:
        raise DisioError(
            f"what answers there (with status {status}) is no dashboard of Disio; name one with --url or DISIO_URL"
        ) from None
    raise api.error_from(body.error, body.message)


def parse(content: bytes, kind: type[T]) -> T:
    """A JSON answer as ``kind``.

    Raises:
        ProtocolError: it is something else.
    """
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise ProtocolError(
            f"the answer was not understood ({error}); if that is no dashboard of Disio, "
            "name one with --url or DISIO_URL"
        ) from None


class LineSplitter:
    """Cuts a stream of bytes into lines, at line feeds only."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete with this chunk, without their ends; empty ones are left out."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        return [line for line in lines if line]


def query(**values: Any) -> dict[str, str]:
    """A query string without what is None."""
    return {name: str(value) for name, value in values.items() if value is not None}


def next_wait(since: int, deadline: float | None, now: float) -> float:
    """For how many seconds the next look at a task may be held back: the first one not at all."""
    if since < 0:
        return 0.0
    return WAIT_SECONDS if deadline is None else max(0.0, min(WAIT_SECONDS, deadline - now))


class WaitTimeoutError(DisioError):
    """The task had not ended when the time to wait was over; it goes on."""

    code = "wait_timeout"


class TaskFailedError(DisioError):
    """The task came to no good end: it failed, was cancelled, or its manager has paused it and says why."""

    code = "task_failed"


class PayloadsFailedError(TaskFailedError):
    """Payloads were set aside, so an answer would be made of less than was asked for; ``failure`` is the first one."""

    code = "payloads_failed"

    def __init__(self, message: str, failure: Failure | None = None) -> None:
        super().__init__(message)
        self.failure = failure


def warn(task: api.Task) -> None:
    """Warn the program that submitted a task of what in its unit will not do in browsers."""
    for warning in task.warnings:
        warnings.warn(f"{task.filename}, {warning}", UnitWarning, stacklevel=3)


def check_end(task: api.Task) -> None:
    """Nothing, if a task that has ended came to a good end.

    Raises:
        TaskFailedError: it failed, was cancelled, or its manager has paused it.
    """
    if task.state in ("failed", "cancelled") or is_stuck(task):
        reason = f": {task.error}" if task.error else ""
        raise TaskFailedError(f"task {task.id} is {task.state}{reason}")


def is_stuck(task: api.Task) -> bool:
    """Whether a task's manager has paused it and says why: it goes on only if somebody resumes it."""
    return task.state == "paused" and bool(task.error)


def not_whole(task: api.Task, failures: Sequence[Failure]) -> PayloadsFailedError:
    """The error for a task that has ended and of which payloads were set aside; ``failures`` begins with the first."""
    failure = failures[0] if failures else None
    return PayloadsFailedError(
        f"{task.failed:,} of {counted(task.payloads, 'payload')} of task {task.id} failed, so its answer is not whole; "
        f"failures() has them all, result(partial=True) is made of the others. The first one:\n{failure or ''}",
        failure,
    )


def described(task: api.Task) -> str:
    """A task in one line, as an interpreter or a notebook shows it."""
    failed = f", {task.failed:,} failed" if task.failed else ""
    more = "" if task.split_done else " so far"
    counts = f"{task.accepted:,} of {task.payloads:,} payloads{more} accepted{failed}"
    return f"<{type(task).__name__} {task.id} {task.name!r}: {task.state}, {counts}>"


def update(task: api.Task, seen: api.Task) -> None:
    """Bring what is known of a task to what was seen of it now."""
    for name in api.Task.__struct_fields__:
        setattr(task, name, getattr(seen, name))


def still_running(task: api.Task) -> WaitTimeoutError:
    """The error for a wait that was given up."""
    return WaitTimeoutError(
        f"task {task.id} has not ended yet ({task.accepted:,} of {counted(task.payloads, 'payload')}); "
        "it goes on, wait again"
    )

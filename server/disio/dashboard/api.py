"""The researchers' HTTP API under ``/api``; its OpenAPI document is at ``/api/openapi.json``."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable
from itertools import chain
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct
from quart import Blueprint, Response, current_app, g, request
from quart_schema import document_querystring, document_request, document_response, operation_id, tag

import disio
from disio.dashboard import asking, views
from disio.dashboard.links import Links
from disio.errors import NotFoundError, UsageError
from disio.unit import codec
from disio.wire import api, grid
from disio.wire.kit import Kit

blueprint = Blueprint("api", __name__, url_prefix="/api")

S = TypeVar("S", bound=Struct)

PICTURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
CSV_COLUMNS: Final = ("index", "payload", "result", "ms", "volunteer", "settled", "votes")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


class Changes(Struct, kw_only=True):
    """Query of answers that can be waited for."""

    since: Annotated[
        api.Version | None, Meta(description="A version seen before: the answer waits until there is a newer one.")
    ] = None
    wait: Annotated[api.WaitSeconds, Meta(description="For how many seconds it waits at most.")] = 0.0


class DeleteQuery(Struct, kw_only=True):
    """Query of a deletion."""

    force: Annotated[bool, Meta(description="Cancel the task first if it has not ended.")] = False
    wait: Annotated[api.WaitSeconds, Meta(description="For how many seconds it waits for the end at most.")] = 0.0


class Page(Struct, kw_only=True):
    """Query of long lists, which come in order of index."""

    after: Annotated[api.Index, Meta(description="Only what comes after this index.")] = -1
    limit: Annotated[api.Count | None, Meta(description="At most so many; all if left out.")] = None


class ResultsQuery(Page, kw_only=True):
    """Query of results."""

    format: Literal["ndjson", "csv"] = "ndjson"


class OutcomesQuery(Struct, kw_only=True):
    """Query of outcomes."""

    by: Annotated[
        Literal["index", "settled"],
        Meta(description="In order of index, each once all before it are settled; or in the order of settling."),
    ] = "settled"
    after: Annotated[api.Index, Meta(description="Only what comes after this index, or this `settled`.")] = -1
    payloads: Annotated[bool, Meta(description="With the payloads.")] = True
    format: Annotated[
        Literal["ndjson", "msgpack"],
        Meta(
            description="One JSON object a line; or packs: 4 bytes length (little-endian) and msgpack, in codec bytes."
        ),
    ] = "ndjson"


class EventsQuery(Struct, kw_only=True):
    """Query of events."""

    after: Annotated[api.Index, Meta(description="Only what came after this `at`.")] = -1


class Room(Struct, kw_only=True):
    """Query of additions to an open task."""

    wait: Annotated[api.WaitSeconds, Meta(description="For how many seconds it waits for room at most.")] = 20.0


class AnswerQuery(Struct, kw_only=True):
    """Query of an answer: ``auto`` is a picture's own bytes if it is one, else JSON; ``codec`` the exact bytes."""

    format: Literal["auto", "json", "codec"] = "auto"


def links() -> Links:
    """The dashboard's links to its managers."""
    found: Links = current_app.extensions["disio_links"]
    return found


def query(kind: type[S]) -> S:
    """The query string as a struct.

    Raises:
        UsageError: it does not fit.
    """
    try:
        return msgspec.convert(request.args.to_dict(), kind, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"the query string does not fit: {error}") from None


async def body(kind: type[S], decode: Callable[..., Any] = msgspec.json.decode) -> S:
    """The request's body (JSON, unless another ``decode`` is given) as a struct.

    Raises:
        UsageError: it cannot be read, or does not fit.
    """
    try:
        found: S = decode(await request.get_data(), type=kind)
    except msgspec.ValidationError as error:
        raise UsageError(f"the body does not fit: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        form = "JSON" if decode is msgspec.json.decode else "msgpack"
        raise UsageError(f"the body is no {form}: {error}") from None
    return found


@blueprint.post("/tasks")
@tag(["tasks"])
@operation_id("submit_task")
@document_request(api.TaskSubmission)
@document_response(api.Task, 201)
@document_response(api.ErrorBody, 400)
@document_response(api.ErrorBody, 422)
@document_response(api.ErrorBody, 503)
async def submit_task() -> Response:
    """Submit a work unit with parameters."""
    task = await asking.submit(links(), await body(api.TaskSubmission), g.researcher)
    response = _json(task, 201)
    response.headers["Location"] = f"/api/tasks/{task.id}"
    return response


@blueprint.get("/tasks")
@tag(["tasks"])
@operation_id("list_tasks")
@document_querystring(Changes)
@document_response(api.TaskCollection)
async def list_tasks() -> Response:
    """All tasks, newest first."""
    changes = query(Changes)
    if changes.since is not None:
        await links().news(changes.since, changes.wait)
    return _json(await asking.fresh_tasks(links()))


@blueprint.get("/tasks/<task>")
@tag(["tasks"])
@operation_id("get_task")
@document_querystring(Changes)
@document_response(api.Task)
@document_response(api.ErrorBody, 404)
@document_response(api.ErrorBody, 503)
async def get_task(task: str) -> Response:
    """One task and how far it is."""
    changes = query(Changes)
    since = -1 if changes.since is None else changes.since
    return _json(await asking.one_task(links(), task, since=since, wait=changes.wait))


@blueprint.post("/tasks/<task>/cancel")
@tag(["tasks"])
@operation_id("cancel_task")
@document_response(api.Task)
@document_response(api.ErrorBody, 404)
async def cancel_task(task: str) -> Response:
    """Cancel a task. What was accepted stays. Idempotent."""
    return _json(await asking.cancel(links(), task))


@blueprint.get("/tasks/<task>/votes/<index>")
@tag(["tasks"])
@operation_id("get_votes")
@document_response(api.Ballot)
@document_response(api.ErrorBody, 404)
@document_response(api.ErrorBody, 400)
async def get_votes(task: str, index: str) -> Response:
    """Every vote for a payload, and why its answer is accepted or not."""
    if not (index.isdecimal() and len(index) < 19):
        raise UsageError(f"{index[:40]!r} is no payload's index; write a whole number from 0 on")
    return _json(await asking.ballot(links(), task, int(index)))


@blueprint.post("/tasks/<task>/pause")
@tag(["tasks"])
@operation_id("pause_task")
@document_response(api.Task)
@document_response(api.ErrorBody, 404)
@document_response(api.ErrorBody, 409)
async def pause_task(task: str) -> Response:
    """Pause a task: nothing more is handed out, what is out is called back, nothing is lost. Idempotent."""
    return _json(await asking.pause(links(), task))


@blueprint.post("/tasks/<task>/resume")
@tag(["tasks"])
@operation_id("resume_task")
@document_response(api.Task)
@document_response(api.ErrorBody, 404)
@document_response(api.ErrorBody, 409)
async def resume_task(task: str) -> Response:
    """Have a paused task go on. Idempotent."""
    return _json(await asking.resume(links(), task))


@blueprint.delete("/tasks/<task>")
@tag(["tasks"])
@operation_id("delete_task")
@document_querystring(DeleteQuery)
@document_response(api.Deletion)
@document_response(api.ErrorBody, 404)
@document_response(api.ErrorBody, 409)
async def delete_task(task: str) -> Response:
    """Delete an ended task and all its results, and say how much space that freed. Ask again until it is done."""
    wanted = query(DeleteQuery)
    return _json(await asking.delete(links(), task, force=wanted.force, wait=wanted.wait))


@blueprint.post("/tasks/<task>/payloads")
@tag(["tasks"])
@operation_id("add_payloads")
@document_querystring(Room)
@document_request(api.PayloadAddition)
@document_response(api.Stored)
@document_response(api.ErrorBody, 404)
@document_response(api.ErrorBody, 409)
async def add_payloads(task: str) -> Response:
    """Add payloads to an open task, each once however often it is sent."""
    wait = query(Room).wait
    if request.mimetype == api.MSGPACK_TYPE:
        encoded = await body(api.EncodedAddition, msgspec.msgpack.decode)
        return _json(await asking.add(links(), task, encoded.first, encoded.payloads, wait))
    plain = await body(api.PayloadAddition)
    payloads = [codec.encode(payload) for payload in plain.payloads]
    return _json(await asking.add(links(), task, plain.first, payloads, wait))


@blueprint.post("/tasks/<task>/close")
@tag(["tasks"])
@operation_id("close_task")
@document_response(api.Task)
@document_response(api.ErrorBody, 404)
@document_response(api.ErrorBody, 409)
async def close_task(task: str) -> Response:
    """An open task gets no more payloads. Idempotent."""
    return _json(await asking.close(links(), task))


@blueprint.get("/tasks/<task>/outcomes")
@tag(["results"])
@operation_id("get_outcomes")
@document_querystring(OutcomesQuery)
@document_response(api.OutcomeLine)
@document_response(api.ErrorBody, 404)
async def get_outcomes(task: str) -> Response:
    """Settled payloads, accepted or set aside, streamed as they come until there will be no more."""
    wanted = query(OutcomesQuery)
    pages = asking.outcomes(links(), task, by=wanted.by, after=wanted.after, payloads=wanted.payloads)
    if wanted.format == "msgpack":
        return await _stream(_packs(pages), api.MSGPACK_TYPE, f"{task}.msgpack")
    return await _stream(_outcome_lines(pages), api.NDJSON_TYPE, f"{task}.ndjson")


@blueprint.get("/tasks/<task>/kit")
@tag(["files"])
@operation_id("get_kit")
@document_response(Kit)
@document_response(api.ErrorBody, 404)
async def get_kit(task: str) -> Response:
    """The packages and shared data that a task's browsers load, by their hashes."""
    return _json((await asking.kit(links(), task)).kit)


@blueprint.get("/tasks/<task>/lock")
@tag(["files"])
@operation_id("get_lock")
@document_response(api.ErrorBody, 404)
async def get_lock(task: str) -> Response:
    """How a task's packages were resolved, in the format of pyodide-lock.json."""
    lock = (await asking.kit(links(), task)).lock
    if not lock:
        raise NotFoundError(f"task {task} uses no packages, so it has no lock")
    return Response(lock, content_type="application/json")


@blueprint.post("/files")
@tag(["files"])
@operation_id("find_files")
@document_request(api.FilesQuery)
@document_response(api.FilesState)
@document_response(api.ErrorBody, 503)
async def find_files() -> Response:
    """How much of some files a manager has. Put the rest there, and submit the task to it."""
    return _json(await asking.find_files(links(), await body(api.FilesQuery)))


@blueprint.put("/files/<sha256>")
@tag(["files"])
@operation_id("put_file")
@document_querystring(api.PieceQuery)
@document_response(api.FilesState)
@document_response(api.ErrorBody, 422)
async def put_file(sha256: str) -> Response:
    """The next piece of a file: the request's body, at most 32 MiB."""
    data = await request.get_data()
    assert isinstance(data, bytes)  # noqa: S101 - text only where it is asked for
    return _json(await asking.put_piece(links(), sha256, query(api.PieceQuery), data))


@blueprint.get("/tasks/<task>/events")
@tag(["results"])
@operation_id("get_events")
@document_querystring(EventsQuery)
@document_response(api.EventLine)
@document_response(api.ErrorBody, 404)
async def get_events(task: str) -> Response:
    """What a task's units emit, streamed as it comes until there will be no more: one JSON object a line."""
    pages = asking.events(links(), task, after=query(EventsQuery).after)
    return await _stream(_event_lines(pages), api.NDJSON_TYPE, f"{task}-events.ndjson")


@blueprint.get("/tasks/<task>/results")
@tag(["results"])
@operation_id("get_results")
@document_querystring(ResultsQuery)
@document_response(api.ResultLine)
@document_response(api.ErrorBody, 404)
async def get_results(task: str) -> Response:
    """Accepted results in order of index, streamed: one JSON object a line, or CSV."""
    wanted = query(ResultsQuery)
    lines = asking.results(links(), task, after=wanted.after, limit=wanted.limit)
    if wanted.format == "csv":
        return await _stream(_csv(lines), "text/csv; charset=utf-8", f"{task}.csv")
    return await _stream(_ndjson(lines), api.NDJSON_TYPE, f"{task}.ndjson")


@blueprint.get("/tasks/<task>/failures")
@tag(["results"])
@operation_id("get_failures")
@document_querystring(Page)
@document_response(api.FailureLine)
@document_response(api.ErrorBody, 404)
async def get_failures(task: str) -> Response:
    """Payloads that were set aside, with traceback and output: one JSON object a line."""
    wanted = query(Page)
    lines = asking.failures(links(), task, after=wanted.after, limit=wanted.limit)
    return await _stream(_ndjson(lines), api.NDJSON_TYPE, f"{task}-failures.ndjson")


@blueprint.get("/tasks/<task>/answer")
@tag(["results"])
@operation_id("get_answer")
@document_querystring(AnswerQuery)
@document_response(api.AnswerBody)
@document_response(api.ErrorBody, 404)
async def get_answer(task: str) -> Response:
    """What reduce returned: a picture as itself, anything else as JSON."""
    wanted = query(AnswerQuery).format
    data = await asking.answer(links(), task)
    if wanted == "codec":
        return Response(data, content_type=api.CODEC_TYPE)
    if wanted == "auto" and (picture := as_picture(data)) is not None:
        return Response(picture[1], content_type=picture[0])
    return _json(api.AnswerBody(answer=codec.to_jsonable(data), encoded=api.to_base64(data)))


@blueprint.get("/grid")
@tag(["grid"])
@operation_id("get_grid")
@document_response(api.Grid)
async def get_grid() -> Response:
    """Managers, distributors with their script tags, volunteers."""
    await links().arrival(1.0)
    return _json(await asking.whole_grid(links()))


@blueprint.get("/health")
@tag(["grid"])
@operation_id("get_health")
@document_response(api.Health)
async def get_health() -> Response:
    """Whether the dashboard works, and how many managers answer."""
    known = list(links())
    reachable = sum(link.up.is_set() for link in known)
    return _json(api.Health(ok=True, version=disio.__version__, managers=len(known), reachable=reachable))


def as_picture(data: bytes) -> tuple[str, bytes] | None:
    """Content type and bytes of an encoded value that is a picture; None for all others."""
    value = codec.decode(data) if data.startswith(b'{"!":"bytes"') else None
    if isinstance(value, bytes):
        for start, content_type in PICTURES.items():
            if value.startswith(start):
                return content_type, value
    return None


def _json(value: Struct, status: int = 200) -> Response:
    return Response(api.encode(value), status=status, content_type="application/json")


async def _stream(chunks: AsyncIterator[bytes], content_type: str, filename: str) -> Response:
    # The first chunk is awaited here, so that errors still get their status.
    first = await anext(chunks, b"")

    async def whole() -> AsyncIterator[bytes]:
        yield first
        async for chunk in chunks:
            yield chunk

    response = Response(whole(), content_type=content_type)
    response.timeout = None
    response.headers["Content-Disposition"] = f'inline; filename="{_UNSAFE.sub("_", filename)}"'
    return response


async def _ndjson(lines: AsyncIterator[Struct]) -> AsyncIterator[bytes]:
    async for batch in _batches(lines):
        yield b"".join(api.encode(line) + b"\n" for line in batch)


async def _outcome_lines(pages: AsyncIterator[list[grid.OutcomeView]]) -> AsyncIterator[bytes]:
    async for page in pages:
        yield b"".join(api.encode(views.outcome(item)) + b"\n" for item in page) or b"\n"


async def _event_lines(pages: AsyncIterator[list[grid.EventView]]) -> AsyncIterator[bytes]:
    async for page in pages:
        yield b"".join(api.encode(views.event(item)) + b"\n" for item in page) or b"\n"


async def _packs(pages: AsyncIterator[list[grid.OutcomeView]]) -> AsyncIterator[bytes]:
    async for page in pages:
        pack = grid.encode(page)
        yield len(pack).to_bytes(4, "little") + pack


async def _csv(lines: AsyncIterator[api.ResultLine]) -> AsyncIterator[bytes]:
    heading: list[Iterable[Any]] = [CSV_COLUMNS]  # not before the first results: what fails before has its status
    async for batch in _batches(lines):
        rows = (
            (line.index, _cell(line.payload), _cell(line.result), line.ms, line.volunteer, line.settled, line.votes)
            for line in batch
        )
        yield _csv_rows(chain(heading, rows))
        heading = []
    if heading:
        yield _csv_rows(heading)


def _csv_rows(rows: Iterable[Iterable[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    """A value in one cell: text as it is, but never as a formula; lists and the like as JSON."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(value, ensure_ascii=False)


async def _batches(lines: AsyncIterator[Any], size: int = 200) -> AsyncIterator[list[Any]]:
    batch: list[Any] = []
    async for line in lines:
        batch.append(line)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch

"""The researchers' HTTP API under ``/api``; its OpenAPI document is at ``/api/openapi.json``."""

import msgspec
from msgspec import Struct
from quart import Blueprint, Response, current_app, g, request
from quart_schema import document_querystring, document_request, document_response, operation_id, tag

import disio
from disio.dashboard import asking
from disio.dashboard.links import Links
from disio.dashboard.queries import (
    AnswerQuery,
    Changes,
    DeleteQuery,
    EventsQuery,
    OutcomesQuery,
    Page,
    ResultsQuery,
    Room,
    body,
    query,
)
from disio.dashboard.streaming import as_picture, csv_rows, event_lines, ndjson, outcome_lines, packs, stream
from disio.errors import NotFoundError, UsageError
from disio.unit import codec
from disio.wire import api
from disio.wire.kit import Kit

blueprint = Blueprint("api", __name__, url_prefix="/api")


def links() -> Links:
    """The dashboard's links to its managers."""
    found: Links = current_app.extensions["disio_links"]
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
        return await stream(packs(pages), api.MSGPACK_TYPE, f"{task}.msgpack")
    return await stream(outcome_lines(pages), api.NDJSON_TYPE, f"{task}.ndjson")


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
    return await stream(event_lines(pages), api.NDJSON_TYPE, f"{task}-events.ndjson")


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
        return await stream(csv_rows(lines), "text/csv; charset=utf-8", f"{task}.csv")
    return await stream(ndjson(lines), api.NDJSON_TYPE, f"{task}.ndjson")


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
    return await stream(ndjson(lines), api.NDJSON_TYPE, f"{task}-failures.ndjson")


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


def _json(value: Struct, status: int = 200) -> Response:
    return Response(api.encode(value), status=status, content_type="application/json")

"""The HTTP API with a real manager, over real HTTP."""

import asyncio
import base64
import csv
import io
import json
import time
from typing import Any

import httpx
import pytest

from disio.dashboard.streaming import _cell
from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer
from disio.unit import codec

from .conftest import PICTURE, UNIT

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def submit(http: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Submit the tests' unit; the task."""
    answer = await http.post("/api/tasks", json={"source": UNIT, "filename": "squares.py", **fields})
    assert answer.status_code == 201, answer.text
    task: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"/api/tasks/{task['id']}"
    return task


async def ended(http: httpx.AsyncClient, task: str) -> dict[str, Any]:
    """The task once it has ended, by waiting for news."""
    since = -1
    while True:
        seen: dict[str, Any] = (await http.get(f"/api/tasks/{task}", params={"since": since, "wait": 20})).json()
        since = seen["version"]
        if seen["state"] not in ("running", "reducing"):
            return seen


async def test_a_task_from_submission_to_answer(http: httpx.AsyncClient, volunteer: PythonVolunteer) -> None:
    """A unit is submitted, computed by a volunteer, and its results and answer are fetched."""
    task = await submit(http, params={"count": 7, "text": "ö"}, name="seven squares")
    assert (task["name"], task["filename"], task["params"]) == (
        "seven squares",
        "squares.py",
        {"count": 7, "text": "ö"},
    )
    seen = await ended(http, task["id"])
    assert (seen["state"], seen["payloads"], seen["accepted"], seen["failed"]) == ("finished", 7, 7, 0)
    told = await http.get(f"/api/tasks/{task['id']}/results")
    assert told.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in told.text.splitlines()]
    assert [(line["index"], line["payload"], line["result"]) for line in lines] == [(n, n, n * n) for n in range(7)]
    assert all(codec.decode(base64.b64decode(line["encoded"])) == line["result"] for line in lines)
    assert {line["volunteer"] for line in lines} == {volunteer.volunteer}
    answer = await http.get(f"/api/tasks/{task['id']}/answer")
    assert answer.json()["answer"] == {"sum": 91, "answer": "ö"}
    exact = await http.get(f"/api/tasks/{task['id']}/answer", params={"format": "codec"})
    assert codec.decode(exact.content) == {"sum": 91, "answer": "ö"}


async def test_a_task_is_paused_goes_on_and_is_deleted(http: httpx.AsyncClient, grid: Grid) -> None:
    """Each answers with how things stand; what does not fit the state is a 409, a deleted task a 404."""
    task = (await submit(http, source=UNIT.replace("range(", "iter(int, ")))["id"]
    seen = (await http.get(f"/api/tasks/{task}")).json()
    while seen["payloads"] < 2000:  # before its first payloads are made, a task has nothing that could be freed
        seen = (await http.get(f"/api/tasks/{task}", params={"since": seen["version"], "wait": 20})).json()
    page = (await http.get(f"/tasks/{task}")).text
    assert f'action="/tasks/{task}/pause"' in page
    assert (await http.post(f"/api/tasks/{task}/pause")).json()["state"] == "paused"
    page = (await http.get(f"/tasks/{task}")).text
    assert f'action="/tasks/{task}/resume"' in page
    told = await http.delete(f"/api/tasks/{task}")
    assert (told.status_code, told.json()["error"]) == (409, "conflict")
    assert (await http.post(f"/api/tasks/{task}/resume")).json()["state"] == "running"
    assert (await http.post(f"/tasks/{task}/pause")).headers["location"] == f"/tasks/{task}"
    assert (await http.post(f"/tasks/{task}/resume")).headers["location"] == f"/tasks/{task}"
    told = await http.delete(f"/api/tasks/{task}", params={"force": "true", "wait": 20})
    assert told.json().keys() == {"id", "freed", "done"}
    assert (told.json()["id"], told.json()["done"]) == (task, True)
    assert told.json()["freed"] > 0
    assert (await http.get(f"/api/tasks/{task}")).status_code == 404
    assert (await http.post(f"/api/tasks/{task}/pause")).status_code == 404
    assert (await http.delete(f"/api/tasks/{task}", params={"force": "maybe"})).status_code == 400
    task = (await submit(http, params={"count": 0}))["id"]
    await ended(http, task)
    assert (await http.post(f"/api/tasks/{task}/pause")).status_code == 409
    assert f'action="/tasks/{task}/delete"' in (await http.get(f"/tasks/{task}")).text
    assert (await http.post(f"/tasks/{task}/delete")).headers["location"] == "/"
    assert task not in [one["id"] for one in (await http.get("/api/tasks")).json()["tasks"]]


async def test_results_in_pages_and_as_csv(http: httpx.AsyncClient, volunteer: PythonVolunteer) -> None:
    """``after`` and ``limit`` choose results; CSV has one row for each."""
    task = (await submit(http, params={"count": 7}))["id"]
    await ended(http, task)
    page = await http.get(f"/api/tasks/{task}/results", params={"after": 2, "limit": 3})
    assert [json.loads(line)["index"] for line in page.text.splitlines()] == [3, 4, 5]
    told = await http.get(f"/api/tasks/{task}/results", params={"format": "csv", "limit": 2})
    assert told.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(told.text)))
    assert rows[0] == ["index", "payload", "result", "ms", "volunteer", "settled", "votes"]
    assert [row[:3] for row in rows[1:]] == [["0", "0", "0"], ["1", "1", "1"]]


async def test_failures_come_with_the_researchers_traceback(
    http: httpx.AsyncClient, volunteer: PythonVolunteer
) -> None:
    """A payload that always raises is set aside; its traceback names the unit's file and line."""
    task = (await submit(http, params={"count": 9}))["id"]
    seen = await ended(http, task)
    assert (seen["state"], seen["accepted"], seen["failed"]) == ("finished-with-failures", 8, 1)
    (line,) = (await http.get(f"/api/tasks/{task}/failures")).text.splitlines()
    failure = json.loads(line)
    assert (failure["index"], failure["payload"], failure["kind"]) == (7, 7, "exception")
    assert 'File "squares.py", line 9' in failure["traceback"]
    assert "seven <is> odd" in failure["message"]
    assert failure["log"] == "looking at 7\n"


async def test_a_picture_is_served_as_a_picture(http: httpx.AsyncClient, volunteer: PythonVolunteer) -> None:
    """An answer that is a PNG comes with its content type, or as JSON if asked."""
    task = (await submit(http, source=PICTURE, params={"payloads": [3]}))["id"]
    assert (await ended(http, task))["state"] == "finished"
    answer = await http.get(f"/api/tasks/{task}/answer")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content == b"\x89PNG\r\n\x1a\n\0\0\0"
    as_json = await http.get(f"/api/tasks/{task}/answer", params={"format": "json"})
    assert codec.decode(base64.b64decode(as_json.json()["encoded"])) == answer.content


async def test_cancelling_is_idempotent_and_wakes_those_who_wait(http: httpx.AsyncClient, grid: Grid) -> None:
    """Cancel ends a task; whoever waits for news of it learns at once; a second time changes nothing."""
    task = await submit(http, params={"count": 0, "text": "x"}, source=UNIT.replace("range(", "iter(int, "))
    first = await http.post(f"/api/tasks/{task['id']}/cancel")
    assert first.json()["state"] == "cancelled"
    assert (await http.post(f"/api/tasks/{task['id']}/cancel")).json()["state"] == "cancelled"
    began = time.monotonic()
    seen = await http.get(f"/api/tasks/{task['id']}", params={"since": task["version"], "wait": 30})
    assert seen.json()["state"] == "cancelled"
    assert time.monotonic() - began < 10


async def test_waiting_without_news_ends_in_time(http: httpx.AsyncClient, volunteer: PythonVolunteer) -> None:
    """A request that waits for news is answered when its time is up."""
    task = (await submit(http, params={"count": 1}))["id"]
    version = (await ended(http, task))["version"]
    seen = await http.get(f"/api/tasks/{task}", params={"since": version, "wait": 0.3})
    assert seen.json()["version"] == version


async def test_the_list_has_the_newest_first(http: httpx.AsyncClient, grid: Grid) -> None:
    """All tasks are listed, newest first, and a version to wait with."""
    task = (await submit(http, params={"count": 1}))["id"]
    told = (await http.get("/api/tasks")).json()
    assert told["tasks"][0]["id"] == task
    assert isinstance(told["version"], int)


async def test_the_grid_lists_everyone_once(http: httpx.AsyncClient, grid: Grid, volunteer: PythonVolunteer) -> None:
    """Managers, distributors with their script tag, and volunteers are told."""
    told = (await http.get("/api/grid")).json()
    assert [one["address"] for one in told["managers"]] == [grid.managers[0].ready["address"]]
    (distributor,) = told["distributors"]
    assert distributor["url"] == grid.url
    assert distributor["script"] == f'<script async src="{grid.url}/disio.js"></script>'
    assert [one["id"] for one in told["volunteers"]] == [volunteer.volunteer]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"{", 400, "no JSON"),
        (b"[" * 100_000, 400, "does not fit"),
        (b'{"source": "def run(p): return p", "params": {"a": ' + b"[" * 100_000, 400, "no JSON"),
        (b"\xff\xfe", 400, "no JSON"),
        (b'{"sauce": ""}', 400, "sauce"),
        (b'{"source": "def run(p): pass", "sites": ["http://a/b"]}', 400, "a host like a.example or *.a.example"),
        (b"{}", 400, "source"),
        (b'{"source": ""}', 400, "source"),
        (b'{"source": "def run(p): return p", "priority": "high"}', 400, "priority"),
        (b'{"source": "def run(p): return p", "params": []}', 400, "params"),
        (b'{"source": "def run(p): return p", "params_encoded": "?"}', 400, "params_encoded"),
        (b'{"source": "def run(p): return p", "params_encoded": "NQ=="}', 400, "dict"),
        (b'{"source": "def run(p): return p", "params": {"a": 1}, "params_encoded": "e30="}', 400, "both"),
        (b'{"source": "def run(p): return p", "manager": "nobody"}', 404, "nobody"),
        (b'{"source": "def run(p) return p"}', 422, "line 1"),
        (b'{"source": "x = 1"}', 422, "run"),
    ],
)
async def test_submissions_that_cannot_be_used(http: httpx.AsyncClient, body: bytes, status: int, says: str) -> None:
    """Each wrong submission is refused with its status and a message that names what is wrong."""
    told = await http.post("/api/tasks", content=body, headers={"Content-Type": "application/json"})
    assert told.status_code == status, told.text
    assert says in told.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/api/tasks/zzzzzz-1", 404, "not_found"),
        ("GET", "/api/tasks/nonsense", 404, "not_found"),
        ("GET", "/api/tasks/zzzzzz-1/results", 404, "not_found"),
        ("POST", "/api/tasks/zzzzzz-1/cancel", 404, "not_found"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("DELETE", "/api/tasks", 405, "method_not_allowed"),
        ("GET", "/api/tasks?wait=1e9", 400, "usage"),
        ("GET", "/api/tasks?since=x", 400, "usage"),
        ("GET", "/api/tasks/zzzzzz-1/results?format=xml", 400, "usage"),
    ],
)
async def test_requests_that_cannot_be_answered(
    http: httpx.AsyncClient, method: str, path: str, status: int, error: str
) -> None:
    """Every error is JSON with a code and a message."""
    told = await http.request(method, path)
    assert told.status_code == status
    assert told.json()["error"] == error
    assert told.json()["message"]


@pytest.mark.parametrize("wrong", [2**63, 10**30, -(2**63) - 1, "9" * 5000, "1e400", "nan"])
async def test_integers_that_fit_nowhere(http: httpx.AsyncClient, wrong: object) -> None:
    """A number outside 64 bits is refused with 400 and one line that names it, by API and pages alike."""
    task = (await submit(http, params={"count": 1}))["id"]
    asked = [(f"/api/tasks/{task}/{what}", name) for what in ("results", "failures") for name in ("after", "limit")]
    asked += [(path, name) for path in ("/api/tasks", f"/api/tasks/{task}") for name in ("since", "wait")]
    for path, name in asked:
        told = await http.get(path, params={name: str(wrong)})
        assert (told.status_code, told.json()["error"]) == (400, "usage"), (path, name, told.text)
        assert f"$.{name}" in told.json()["message"]
        assert "\n" not in told.json()["message"]
    told = await http.get(f"/tasks/{task}/results", params={"after": str(wrong)})
    assert told.status_code == 400
    assert "$.after" in told.text
    assert (await http.get("/api/tasks")).status_code == 200


async def test_the_largest_integers_that_fit(http: httpx.AsyncClient) -> None:
    """The largest index and count of 64 bits are ordinary: nothing comes after them."""
    task = (await submit(http, params={"count": 1}))["id"]
    for what in ("results", "failures"):
        told = await http.get(f"/api/tasks/{task}/{what}", params={"after": 2**63 - 1, "limit": 2**63 - 1})
        assert (told.status_code, told.text) == (200, "")


async def test_an_unknown_task_of_a_known_manager(http: httpx.AsyncClient, grid: Grid) -> None:
    """A number that the manager has never given is not found, whatever is asked of it."""
    task = f"{grid.managers[0].ready['id']}-999"
    for rest in ("", "/results", "/failures", "/answer"):
        told = await http.get(f"/api/tasks/{task}{rest}")
        assert (told.status_code, told.json()["error"]) == (404, "not_found"), rest


async def test_a_body_that_is_too_large(grid: Grid) -> None:
    """More than the limit is refused with 413, as soon as it is announced."""
    assert grid.dashboard is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", grid.dashboard.port)
    writer.write(b"POST /api/tasks HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 33554433\r\n\r\n")
    told = await reader.readuntil(b"\r\n")
    writer.close()
    assert b" 413 " in told


async def test_other_peoples_pages_may_not_change_anything(http: httpx.AsyncClient) -> None:
    """A POST from another origin is refused, as is any request under a foreign host name."""
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        told = await http.post("/api/tasks", json={"source": UNIT}, headers=headers)
        assert (told.status_code, told.json()["error"]) == (403, "forbidden")
        assert (await http.delete("/api/tasks/x-1", headers=headers)).status_code == 403
    told = await http.get("/api/tasks", headers={"Host": "evil.example"})
    assert (told.status_code, told.json()["error"]) == (403, "forbidden")


async def test_the_openapi_document_is_whole(http: httpx.AsyncClient) -> None:
    """Every route of the API is described, and every reference in the document leads somewhere."""
    document = (await http.get("/api/openapi.json")).json()
    assert document["openapi"].startswith("3.")
    assert set(document["paths"]) == {
        "/api/tasks",
        "/api/tasks/{task}",
        "/api/tasks/{task}/cancel",
        "/api/tasks/{task}/kit",
        "/api/tasks/{task}/votes/{index}",
        "/api/tasks/{task}/lock",
        "/api/files",
        "/api/files/{sha256}",
        "/api/tasks/{task}/pause",
        "/api/tasks/{task}/resume",
        "/api/tasks/{task}/close",
        "/api/tasks/{task}/outcomes",
        "/api/tasks/{task}/events",
        "/api/tasks/{task}/payloads",
        "/api/tasks/{task}/results",
        "/api/tasks/{task}/failures",
        "/api/tasks/{task}/answer",
        "/api/grid",
        "/api/health",
    }
    schemas = document["components"]["schemas"]
    assert {"Task", "TaskSubmission", "ResultLine", "FailureLine", "ErrorBody", "Grid"} <= set(schemas)
    for part in json.dumps(document).split('"$ref": "')[1:]:
        assert part.split('"')[0].removeprefix("#/components/schemas/") in schemas


async def test_health_and_metrics(http: httpx.AsyncClient) -> None:
    """Health says how many managers answer; metrics are in Prometheus' format."""
    health = (await http.get("/api/health")).json()
    assert (health["ok"], health["managers"], health["reachable"]) == (True, 1, 1)
    metrics = (await http.get("/metrics")).text
    assert "disio_dashboard_managers_reachable 1.0" in metrics


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("text", "text"),
        ("=HYPERLINK()", "'=HYPERLINK()"),
        ("-1", "'-1"),
        (-1, "-1"),
        (None, "null"),
        (True, "true"),
        ([1, "ö"], '[1, "ö"]'),
    ],
)
async def test_csv_cells_are_never_formulas(value: Any, cell: str) -> None:
    """Text from volunteers that a spreadsheet would run is kept as text."""
    assert _cell(value) == cell

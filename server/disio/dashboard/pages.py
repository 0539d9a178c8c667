"""The dashboard's pages: rendered here, kept live by :mod:`disio.dashboard.live`."""

import json
import time
from typing import Any, Final

import msgspec
from quart import Blueprint, Response, current_app, g, redirect, render_template, request
from quart_schema import hide

from disio import figures
from disio.dashboard import asking
from disio.dashboard.api import links
from disio.dashboard.examples import find_examples
from disio.dashboard.queries import Page, query
from disio.dashboard.streaming import as_picture
from disio.errors import CodecError, ConflictError, DisioError, NotFoundError, UnreachableError, UsageError
from disio.unit import codec
from disio.wire import api

blueprint = Blueprint("pages", __name__)

PAGE_SIZE: Final = 25
FAILURES_SHOWN: Final = 20
VOLUNTEERS_SHOWN: Final = 100
CELL_CHARACTERS: Final = 160
ANSWER_CHARACTERS: Final = 20_000
DELETE_SECONDS: Final = 3.0
"""How long a page waits for a deletion to be done; a longer one goes on, and the overview shows it."""


@blueprint.app_template_filter()
def ago(then: float) -> str:
    """A moment, as seen from now."""
    return figures.ago(then, time.time())


@blueprint.app_template_filter()
def compact(value: Any) -> str:
    """A JSON value in one table cell; of raw bytes, how many."""
    if isinstance(value, dict) and value.keys() == {"bytes"} and isinstance(value["bytes"], str):
        return f"{len(value['bytes']) * 3 // 4 - value['bytes'].count('='):,} bytes"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= CELL_CHARACTERS else text[: CELL_CHARACTERS - 1] + "…"


@blueprint.app_template_filter()
def paragraphs(text: str) -> list[str]:
    """A docstring's paragraphs, each as one line."""
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


for _name in ("counted", "duration", "rate", "milliseconds"):
    blueprint.add_app_template_filter(getattr(figures, _name), _name)


async def overview_facts() -> dict[str, Any]:
    """What the overview shows now."""
    tasks = asking.all_tasks(links()).tasks
    grid = await asking.whole_grid(links())
    return {
        "tasks": tasks,
        "grid": grid,
        "volunteers": grid.volunteers[:VOLUNTEERS_SHOWN],
        "running": sum(not task.ended for task in tasks),
        "workers": sum(volunteer.workers for volunteer in grid.volunteers),
        "rate": sum(task.rate for task in tasks if not task.ended and task.reachable),
        "names": {task.id: task.name or task.filename for task in tasks},
    }


@blueprint.get("/")
@hide
async def overview() -> str:
    """The whole grid."""
    await asking.fresh_tasks(links())
    return await render_template("overview.html", **await overview_facts())


async def current_task(task: str) -> api.Task:
    """The task as it is now, or as it was last seen if its manager is away.

    Raises:
        NotFoundError: there is no such task.
    """
    try:
        return await asking.one_task(links(), task)
    except UnreachableError:
        seen = asking.last_seen(links(), task)
        if seen is None:
            raise
        seen.reachable = False
        return seen


@blueprint.get("/tasks/<task>")
@hide
async def task_page(task: str) -> str:
    """One task."""
    return await render_template("task.html", task=await current_task(task))


@blueprint.get("/tasks/<task>/results")
@hide
async def results_part(task: str) -> str:
    """A page of a task's results, as a part of the task's page."""
    after = query(Page).after
    lines = [line async for line in asking.results(links(), task, after=after, limit=PAGE_SIZE + 1)]
    return await render_template(
        "part_results.html", task=task, after=after, lines=lines[:PAGE_SIZE], more=len(lines) > PAGE_SIZE
    )


@blueprint.get("/tasks/<task>/failures")
@hide
async def failures_part(task: str) -> str:
    """The first failures of a task, as a part of the task's page."""
    lines = [line async for line in asking.failures(links(), task, limit=FAILURES_SHOWN + 1)]
    return await render_template(
        "part_failures.html", task=task, lines=lines[:FAILURES_SHOWN], more=len(lines) > FAILURES_SHOWN
    )


@blueprint.get("/tasks/<task>/votes")
@hide
async def votes_part(task: str) -> str:
    """The votes for one payload, as a part of the task's page."""
    text = request.args.get("index", "")
    if not (text.isdecimal() and len(text) < 19):
        return await render_template("part_votes.html", ballot=None, problem="Write the index of a payload.")
    try:
        return await render_template("part_votes.html", ballot=await asking.ballot(links(), task, int(text)))
    except NotFoundError as error:
        return await render_template("part_votes.html", ballot=None, problem=str(error))


@blueprint.get("/tasks/<task>/answer")
@hide
async def answer_part(task: str) -> str:
    """A task's answer, as a part of the task's page."""
    try:
        data = await asking.answer(links(), task)
    except (NotFoundError, ConflictError):
        return ""  # there is none, or not yet
    picture = as_picture(data)
    text = "" if picture else _pretty(data)
    return await render_template(
        "part_answer.html",
        task=task,
        picture=picture is not None,
        size=len(picture[1]) if picture else len(data),
        text=text[:ANSWER_CHARACTERS],
        cut=len(text) > ANSWER_CHARACTERS,
    )


@blueprint.post("/tasks/<task>/cancel")
@hide
async def cancel(task: str) -> Any:
    """Cancel a task, and show it."""
    await asking.cancel(links(), task)
    return redirect(f"/tasks/{task}", 303)


@blueprint.post("/tasks/<task>/pause")
@hide
async def pause(task: str) -> Any:
    """Pause a task, and show it."""
    await asking.pause(links(), task)
    return redirect(f"/tasks/{task}", 303)


@blueprint.post("/tasks/<task>/resume")
@hide
async def resume(task: str) -> Any:
    """Have a task go on, and show it."""
    await asking.resume(links(), task)
    return redirect(f"/tasks/{task}", 303)


@blueprint.post("/tasks/<task>/delete")
@hide
async def delete(task: str) -> Any:
    """Delete an ended task, and show the others."""
    await asking.delete(links(), task, wait=DELETE_SECONDS)
    return redirect("/", 303)


@blueprint.get("/api")
@hide
async def api_page() -> str:
    """The API in short, from its OpenAPI document."""
    document = current_app.extensions["QUART_SCHEMA"].openapi_provider.schema()
    operations = [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation["summary"],
            "query": [one["name"] for one in operation["parameters"] if one["in"] == "query"],
        }
        for path, methods in sorted(document["paths"].items())
        for method, operation in methods.items()
    ]
    return await render_template("api.html", operations=operations)


@blueprint.get("/new")
@hide
async def new_task() -> str:
    """The form for a new task, empty or with an example."""
    examples = find_examples()
    chosen = next((example for example in examples if example.name == request.args.get("example")), None)
    form = {
        "source": chosen.source if chosen else "",
        "filename": f"{chosen.name}.py" if chosen else "",
        "params": chosen.params if chosen else "{}",
        "name": "",
        "priority": "0",
    }
    return await render_template("new.html", examples=examples, chosen=chosen, form=form, error="")


@blueprint.post("/new")
@hide
async def create_task() -> Any:
    """Submit the form; show the task, or the form again with what is wrong."""
    sent = await request.form
    form = {name: sent.get(name, "") for name in ("source", "filename", "params", "name", "priority")}
    uploaded = (await request.files).get("file")
    try:
        if uploaded is not None and uploaded.filename:
            form["source"] = _as_text(uploaded.read(), uploaded.filename)
            form["filename"] = uploaded.filename
        task = await asking.submit(links(), _submission(form), g.researcher)
    except DisioError as error:
        page = await render_template("new.html", examples=find_examples(), chosen=None, form=form, error=str(error))
        return Response(page, status=error.http_status, content_type="text/html; charset=utf-8")
    return redirect(f"/tasks/{task.id}", 303)


def _submission(form: dict[str, str]) -> api.TaskSubmission:
    if not form["source"].strip():
        raise UsageError("there is no work unit yet: choose a file, write one, or start from an example")
    try:
        params = json.loads(form["params"].strip() or "{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"the parameters are no JSON: {error}") from None
    if not isinstance(params, dict):
        raise UsageError('the parameters must be a JSON object, for example {"digits": 1000}')
    try:
        return msgspec.convert(
            {
                "source": form["source"],
                "filename": form["filename"] or "unit.py",
                "params": params,
                "name": form["name"].strip(),
                "priority": form["priority"] or "0",
            },
            api.TaskSubmission,
            strict=False,
        )
    except msgspec.ValidationError as error:
        raise UsageError(f"the form does not fit: {error}") from None


def _as_text(data: bytes, filename: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{filename} is no text in UTF-8, so it is no Python module") from None


def _pretty(data: bytes) -> str:
    try:
        value = codec.to_jsonable(data)
    except CodecError as error:
        return f"(unreadable: {error})"
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)

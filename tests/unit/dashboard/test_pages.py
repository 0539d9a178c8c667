"""The pages with a real manager, over real HTTP."""

import re

import httpx
import pytest

from disio.dashboard.pages import compact, paragraphs
from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer

from .conftest import PICTURE, UNIT
from .test_api import ended, submit

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_overview_shows_everyone(http: httpx.AsyncClient, grid: Grid, volunteer: PythonVolunteer) -> None:
    """Tasks, volunteers, distributors with their tag, and managers are on the first page."""
    task = await submit(http, params={"count": 3}, name="three <squares>")
    await ended(http, task["id"])
    page = (await http.get("/")).text
    assert f'href="/tasks/{task["id"]}"' in page
    assert "three &lt;squares&gt;" in page
    assert volunteer.volunteer[:8] in page
    assert f"&lt;script async src=&#34;{grid.url}/disio.js&#34;&gt;" in page
    assert grid.managers[0].ready["address"] in page


async def test_a_task_page_and_its_parts(http: httpx.AsyncClient, volunteer: PythonVolunteer) -> None:
    """A task's page shows its figures; its parts show results, failures with traceback, and the answer."""
    task = (await submit(http, params={"count": 40}))["id"]
    await ended(http, task)
    page = (await http.get(f"/tasks/{task}")).text
    assert "finished with failures" in page
    assert "&lt;b&gt;Not bold.&lt;/b&gt;" in page
    results = (await http.get(f"/tasks/{task}/results")).text
    assert 'id="result-0"' in results
    assert 'id="result-7"' not in results
    (after,) = set(re.findall(rf"/tasks/{task}/results\?after=(\d+)\" hx-trigger", results))
    following = (await http.get(f"/tasks/{task}/results", params={"after": after})).text
    assert f'id="result-{int(after) + 1}"' in following
    failures = (await http.get(f"/tasks/{task}/failures")).text
    assert "File &#34;squares.py&#34;, line 9" in failures
    assert "seven &lt;is&gt; odd" in failures
    assert "looking at 7" in failures


async def test_a_picture_is_shown(http: httpx.AsyncClient, volunteer: PythonVolunteer) -> None:
    """An answer that is a picture is shown as one; another as text."""
    task = (await submit(http, source=PICTURE, params={"payloads": [5]}))["id"]
    await ended(http, task)
    assert f'<img class="answer" src="/api/tasks/{task}/answer"' in (await http.get(f"/tasks/{task}/answer")).text
    other = (await submit(http, params={"count": 2}))["id"]
    await ended(http, other)
    assert "&#34;sum&#34;: 1" in (await http.get(f"/tasks/{other}/answer")).text


async def test_long_values_and_docstrings_are_cut_to_size() -> None:
    """A cell shows the beginning of a long value and the size of bytes; a docstring is shown by paragraphs."""
    assert compact({"bytes": "AAECAw=="}) == "4 bytes"
    assert compact([1, "ö"]) == '[1, "ö"]'
    assert len(compact("x" * 10_000)) == 160
    assert paragraphs("One\nline.\n\n\n  Two.\n") == ["One line.", "Two."]


async def test_a_task_from_the_form(http: httpx.AsyncClient, volunteer: PythonVolunteer) -> None:
    """The form submits a unit and leads to its task; a chosen file wins over the text."""
    form = {
        "source": UNIT,
        "filename": "squares.py",
        "params": '{"count": 2}',
        "name": "from the form",
        "priority": "3",
    }
    sent = await http.post("/new", data=form)
    assert sent.status_code == 303
    page = (await http.get(sent.headers["location"])).text
    assert "from the form" in page
    file = {"file": ("doubles.py", b"def run(payload):\n    return 2 * payload\n")}
    sent = await http.post("/new", data={**form, "name": "", "params": '{"payloads": [1]}'}, files=file)
    assert sent.status_code == 303
    assert "doubles.py" in (await http.get(sent.headers["location"])).text


@pytest.mark.parametrize(
    ("changed", "status", "says"),
    [
        ({"source": "  "}, 400, "no work unit"),
        ({"source": "x = 1"}, 422, "run"),
        ({"params": "{"}, 400, "no JSON"),
        ({"params": "[1]"}, 400, "JSON object"),
        ({"priority": "much"}, 400, "does not fit"),
    ],
)
async def test_a_form_that_cannot_be_used_comes_back_filled(
    http: httpx.AsyncClient, changed: dict[str, str], status: int, says: str
) -> None:
    """What is wrong is said on the form, and nothing that was typed is lost."""
    form = {"source": UNIT, "filename": "squares.py", "params": "{}", "name": "kept <name>", "priority": "0", **changed}
    told = await http.post("/new", data=form)
    assert told.status_code == status
    assert says in told.text
    assert 'value="kept &lt;name&gt;"' in told.text


async def test_examples_fill_the_form(http: httpx.AsyncClient) -> None:
    """Each work unit that comes with Disio can be taken as a start, with its parameters."""
    page = (await http.get("/new", params={"example": "pi_digits"})).text
    assert "def run(payload" in page
    assert "&#34;digits&#34;: 1000" in page
    assert 'value="pi_digits.py"' in page


async def test_cancel_from_the_page(http: httpx.AsyncClient, grid: Grid) -> None:
    """The cancel button ends the task and leads back to it."""
    task = (await submit(http, source=UNIT.replace("range(", "iter(int, ")))["id"]
    told = await http.post(f"/tasks/{task}/cancel")
    assert (told.status_code, told.headers["location"]) == (303, f"/tasks/{task}")
    assert "cancelled" in (await http.get(f"/tasks/{task}")).text


@pytest.mark.parametrize("path", ["/", "/new", "/api"])
async def test_pages_carry_no_inline_script_or_style(http: httpx.AsyncClient, path: str) -> None:
    """The policy forbids inline code, and no page has any."""
    told = await http.get(path)
    policy = told.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", told.text)


async def test_pages_that_are_not_there(http: httpx.AsyncClient) -> None:
    """An unknown page or task is told on a page, with the way back."""
    for path in ("/nothing", "/tasks/zzzzzz-1"):
        told = await http.get(path, headers={"Accept": "text/html"})
        assert told.status_code == 404
        assert 'href="/"' in told.text


async def test_static_files_are_served_and_keep_their_types(http: httpx.AsyncClient) -> None:
    """Styles, scripts and the icon come with their types."""
    for name, kind in (
        ("dashboard.css", "text/css"),
        ("dashboard.js", "text/javascript"),
        ("vendor/htmx.min.js", "text/javascript"),
        ("icon.svg", "image/svg+xml"),
    ):
        told = await http.get(f"/static/{name}")
        assert told.status_code == 200
        assert told.headers["content-type"].startswith(kind)


async def test_the_overview_stays_live(http: httpx.AsyncClient, grid: Grid) -> None:
    """The stream of events brings the page at once, and again when a task has come."""
    name = "a task that is new"
    async with http.stream("GET", "/live") as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        events = stream.aiter_lines()
        async for line in events:
            if line == "":
                break
        task = await submit(http, params={"count": 1}, name=name)
        async for line in events:
            if name in line:
                break
    assert task["name"] == name


async def test_a_task_stays_live(http: httpx.AsyncClient, grid: Grid) -> None:
    """A task's stream tells when it has been cancelled."""
    task = (await submit(http, source=UNIT.replace("range(", "iter(int, ")))["id"]
    async with http.stream("GET", f"/tasks/{task}/live") as stream:
        events = stream.aiter_lines()
        async for line in events:
            if 'data-ended="false"' in line:
                break
        await http.post(f"/api/tasks/{task}/cancel")
        async for line in events:
            if 'data-state="cancelled"' in line:
                break

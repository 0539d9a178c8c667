"""What researchers get wrong, all the way from the command line to a real Chromium: told clearly, nothing lost."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from disio.testing import Grid

from .conftest import Command

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

IDENTITY = "def run(payload):\n    return payload\n"


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Where a test writes its unit."""
    return tmp_path / "unit.py"


async def computes(disio: Command, folder: Path) -> bool:
    """Whether the grid still computes what is in order."""
    sound = folder / "sound.py"
    sound.write_text(IDENTITY)
    told = await disio("submit", sound, "-p", "stop=3", "--priority", 9, "--wait", "--json")
    return told.returncode == 0 and json.loads(told.stdout)["accepted"] == 3


@pytest.mark.parametrize(
    ("source", "params", "status", "says"),
    [
        (b"def run(payload):\n    return payload +\n", '{"stop": 1}', 1, "unit.py, line 2: invalid syntax"),
        (b"def run(payload):\nreturn 1\n", '{"stop": 1}', 1, "unit.py, line 2: expected an indented block"),
        (b"def ran(payload):\n    return 1\n", '{"stop": 1}', 1, "unit.py has no function run(payload) (it has ran)"),
        (b"def run():\n    return 1\n", '{"stop": 1}', 1, "unit.py, line 1: run is called with 1 or 2"),
        (b"def run(payload):\n    return 1\n\0", '{"stop": 1}', 1, "unit.py, line 1"),
        ("# é\n".encode("latin-1"), '{"stop": 1}', 2, "unit.py cannot be read as a Python module"),
        (IDENTITY.encode(), "{stop: 1}", 2, "the parameters are no JSON"),
        (IDENTITY.encode(), "[1]", 2, "must be a JSON object"),
        (IDENTITY.encode(), "@nowhere.json", 2, "nowhere.json"),
        (IDENTITY.encode(), "{}", 1, "the unit has no split(params)"),
        (IDENTITY.encode(), '{"stop": "x"}', 1, "the parameter stop is 'x'; it must be a whole number"),
    ],
)
async def test_what_cannot_be_submitted(
    *, disio: Command, shared_grid: Grid, unit: Path, source: bytes, params: str, status: int, says: str
) -> None:
    """One line with file and line, a status that is not zero, and no task is made."""
    unit.write_bytes(source)
    before = await shared_grid.client.tasks()
    told = await disio("submit", unit, "--params", params, "--wait")
    assert told.returncode == status, told.stderr
    assert (told.stdout, told.stderr.count("\n")) == ("", 1), told.stderr
    assert told.stderr.startswith("disio: ")
    assert says in told.stderr
    assert [task.id for task in await shared_grid.client.tasks()] == [task.id for task in before]


async def test_the_api_refuses_parameters_that_are_no_json(shared_grid: Grid) -> None:
    """A body that is no JSON, or whose parameters are no object, is a 400 with the reason; no task is made."""
    before = await shared_grid.client.tasks()
    async with httpx.AsyncClient(base_url=shared_grid.client.url) as http:
        for body, says in (
            (b'{"source": "x", "params": {stop}}', "no JSON"),
            (b'{"source": "x", "params": 3}', "params"),
        ):
            told = await http.post("/api/tasks", content=body, headers={"Content-Type": "application/json"})
            assert (told.status_code, told.json()["error"]) == (400, "usage")
            assert says in told.json()["message"]
    assert await shared_grid.client.tasks() == before


@pytest.mark.parametrize(
    ("split", "says"),
    [
        ('yield 1\n    raise ValueError("no luck")', ["ValueError: no luck", 'File "unit.py", line 6, in split']),
        ("while True:\n        pass", ["split gave no payload for 2 s", "make it yield payloads as it goes"]),
        ("yield object()", ["payload 0 of split", "object cannot travel"]),
        ("return 7", ["split", "int"]),
        ("import os\n    os._exit(3)", ["split", "split ended its process (status 3)"]),
    ],
    ids=["raises", "never ends", "odd payload", "no iterable", "ends its process"],
)
async def test_a_split_that_fails(disio: Command, unit: Path, split: str, says: list[str]) -> None:
    """The task fails and says why, with status 1, now and whenever it is asked for; the grid goes on."""
    unit.write_text(f"{IDENTITY}\ndef split(params):\n    {split}\n")
    told = await disio("submit", unit, "--wait")
    assert told.returncode == 1
    assert "sandbox" not in told.stderr, "lines of ours are no help to a researcher"
    task = told.stdout.split()[0]
    shown = await disio("status", task)
    for part in says:
        assert part in " ".join(told.stderr.split())
        assert part in " ".join(shown.stdout.split())
    assert await computes(disio, unit.parent)


async def test_ten_million_payloads(disio: Command, shared_grid: Grid, unit: Path) -> None:
    """They are made as they are needed: the task is under way at once, others get through, cancelling is immediate."""
    unit.write_text(f"{IDENTITY}\ndef split(params):\n    for number in range(10_000_000):\n        yield number\n")
    told = await disio("submit", unit, "--json")
    assert told.returncode == 0, told.stderr
    task = json.loads(told.stdout)["id"]
    view = await shared_grid.client.task(task)
    while view.accepted < 500:
        view = await shared_grid.client.task(task, since=view.version, wait=20)
    assert view.state == "running"
    assert view.payloads < 1_000_000
    assert await computes(disio, unit.parent)
    told = await disio("cancel", task, "--json")
    cancelled = json.loads(told.stdout)
    assert (cancelled["state"], cancelled["accepted"] >= 500) == ("cancelled", True)
    first = await disio("results", task, "--limit", 3)
    assert [json.loads(line)["result"] for line in first.stdout.splitlines()] == [0, 1, 2]


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        ('{"deep": [1, object()]}', "unsupported", 'value["deep"][1]: object cannot travel'),
        ("bytes(17 * 2**20)", "too-large", "16,777,216"),
        ("1 // 0", "exception", "ZeroDivisionError"),
        ('(_ for _ in ()).throw(ValueError("odd \\ud83d text"))', "exception", r"odd \ud83d text"),
    ],
    ids=["unsupported", "too large", "raises", "raises with odd text"],
)
async def test_a_result_that_cannot_be_used(disio: Command, unit: Path, answer: str, kind: str, says: str) -> None:
    """That payload is set aside with what was wrong and where; all others have their answers."""
    unit.write_text(f"def run(payload):\n    return {answer} if payload == 1 else payload\n")
    told = await disio("submit", unit, "-p", "stop=3", "--wait", "--json")
    assert told.returncode == 1
    task: dict[str, Any] = json.loads(told.stdout)
    assert (task["state"], task["accepted"], task["failed"]) == ("finished-with-failures", 2, 1)
    failure = json.loads((await disio("results", task["id"], "--failures")).stdout)
    assert (failure["index"], failure["kind"]) == (1, kind)
    assert says in failure["message"]
    results = (await disio("results", task["id"])).stdout.splitlines()
    assert [json.loads(line)["result"] for line in results] == [0, 2]


async def test_text_that_is_no_unicode(disio: Command, shared_grid: Grid, unit: Path) -> None:
    """Lone surrogates in parameters, logs and answers come back exactly, and are shown as their escapes."""
    unit.write_text('def run(payload):\n    print("log \\ud83d")\n    return payload + "\\udfff"\n')
    told = await disio("submit", unit, "--params", '{"payloads": ["a\\ud83d"]}', "--wait", "--json")
    assert told.returncode == 0, told.stderr
    task = json.loads(told.stdout)["id"]
    assert json.loads((await disio("results", task)).stdout)["result"] == r"a\ud83d\udfff"
    assert (await disio("results", task, "--format", "csv")).returncode == 0
    assert [result.value async for result in shared_grid.client.results(task)] == ["a\ud83d\udfff"]


@pytest.mark.parametrize(
    "arguments", [("status",), ("results",), ("results", "--answer"), ("results", "--failures"), ("cancel",)]
)
async def test_an_unknown_task(disio: Command, shared_grid: Grid, arguments: tuple[str, ...]) -> None:
    """Every command about a task says in one line that there is none of that name, known manager or not."""
    for task in (f"{shared_grid.managers[0].ready['id']}-999", "zzzzzz-1", "???"):
        told = await disio(arguments[0], task, *arguments[1:])
        assert (told.returncode, told.stdout, told.stderr.count("\n")) == (1, "", 1)
        assert f"there is no task {task}" in told.stderr

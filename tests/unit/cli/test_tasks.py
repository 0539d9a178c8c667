"""``disio submit``, ``status``, ``results`` and ``cancel`` with a real grid."""

import asyncio
import contextlib
import csv
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from disio.client import AsyncClient, TaskFailedError
from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer

from .conftest import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNIT = r'''"""Squares."""
def split(params):
    return range(params["count"])
def run(payload):
    if payload == 3:
        raise ValueError("no three")
    return payload * payload
def reduce(results, params):
    total = sum(results)
    return b"\x89PNG\r\n\x1a\n" if params.get("picture") else total
'''
ENDLESS = "def split(params):\n    return iter(int, 1)\ndef run(payload):\n    pass\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(bundle: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid with one volunteer."""
    async with Grid(tmp_path_factory.mktemp("grid")) as opened:
        running = asyncio.create_task(PythonVolunteer(opened.url, window=50).run())
        yield opened
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def test_submit_prints_the_id_alone(desk: Desk) -> None:
    """A script can keep what submit prints, and ask for it later."""
    told = await desk("submit", desk.unit, "-p", "count=2", "--name", "two squares")
    assert told.returncode == 0, told.stderr
    task = told.stdout.strip()
    shown = await desk("status", task)
    assert "two squares" in shown.stdout
    assert task in (await desk("status")).stdout
    assert json.loads((await desk("status", task, "--json")).stdout)["id"] == task
    assert task in [one["id"] for one in json.loads((await desk("status", "--json")).stdout)]


async def test_waiting_ends_with_the_tasks_own_success(desk: Desk) -> None:
    """``--wait`` ends with 0 if all is well, with 1 if payloads failed, and says where to look."""
    good = await desk("submit", desk.unit, "-p", "count=3", "--wait")
    assert good.returncode == 0, good.stderr
    assert "finished: 3 / 3" in good.stdout
    bad = await desk("submit", desk.unit, "-p", "count=5", "--wait")
    assert bad.returncode == 1
    assert "disio explain" in bad.stderr


async def test_failures_are_explained_by_kind(desk: Desk) -> None:
    """``explain`` names what failed, where in the unit, which payloads, and what helps; as JSON too."""
    task = (await desk.computed(5))["id"]
    told = await desk("explain", task)
    assert told.returncode == 0, told.stderr
    for part in ("1 payload failed, in one way", "ValueError: no three", "squares.py:6 in run", "(3)", "What helps:"):
        assert part in told.stdout
    [kind] = json.loads((await desk("explain", task, "--json")).stdout)["kinds"]
    assert (kind["kind"], kind["payloads"], kind["indexes"], kind["browsers"]) == ("exception", 1, [3], ["python"])
    fine = (await desk.computed(2))["id"]
    assert "No payload was set aside." in (await desk("explain", fine)).stdout


async def test_explanations_are_short_lines(desk: Desk, tmp_path: Path) -> None:
    """A message that would fill the screen is cut in its middle, for people only; no line ends with blanks."""
    unit = tmp_path / "long.py"
    unit.write_text("def run(payload):\n    raise ValueError('begin' + 'x' * 9000 + 'end')\n")
    task = (await desk("submit", unit, "-p", "payloads=[1]", "--wait")).stdout.split()[0]
    told = (await desk("explain", task)).stdout
    assert re.search("ValueError: beginx+…x+end", told)
    assert max(map(len, told.splitlines())) < 500
    assert [line for line in told.splitlines() if line != line.rstrip()] == []
    [kind] = json.loads((await desk("explain", task, "--json")).stdout)["kinds"]
    assert "…" not in kind["traceback"]
    assert len(kind["traceback"]) > 9000


async def test_results_options_that_do_not_fit_are_told(desk: Desk, tmp_path: Path) -> None:
    """--resume is for results only; ``-o -`` is standard output."""
    task = await desk.submitted(1)
    told = await desk("results", task, "--failures", "--resume", "-o", tmp_path / "failures")
    assert (told.returncode, told.stderr.splitlines()[0]) == (
        2,
        "disio: --resume is for results; failures, answers and votes are written anew each time",
    )
    task = (await desk.computed(1))["id"]
    told = await desk("results", task, "-o", "-", "--after", 2**70)
    assert (told.returncode, told.stdout) == (0, "")
    told = await desk("results", task, "-o", "-")
    assert json.loads(told.stdout)["result"] == 0
    assert not Path("-").exists()


async def test_a_failed_task_tells_why(desk: Desk) -> None:
    """A split that raises ends the wait with status 1 and the researcher's own lines."""
    told = await desk("submit", desk.unit, "--wait")
    assert told.returncode == 1
    assert "split failed with the parameters {}: KeyError: 'count'" in told.stderr
    shown = await desk("status", told.stdout.split()[0])
    assert re.search(r"time per payload +- *\n", shown.stdout), "nothing was computed"
    assert "squares.py" in told.stderr


async def test_results_as_lines_and_as_csv(desk: Desk, tmp_path: Path) -> None:
    """Results come as NDJSON or CSV, to standard output or a file, whole or in part."""
    task = (await desk.computed(3))["id"]
    lines = [json.loads(line) for line in (await desk("results", task)).stdout.splitlines()]
    assert [line["result"] for line in lines] == [0, 1, 4]
    part = await desk("results", task, "--after", 0, "--limit", 1)
    assert json.loads(part.stdout)["index"] == 1
    told = await desk("results", task, "--format", "csv", "-o", tmp_path / "results.csv")
    assert (told.returncode, told.stdout) == (0, "")
    rows = list(csv.DictReader((tmp_path / "results.csv").open()))
    assert [row["result"] for row in rows] == ["0", "1", "4"]


async def test_failures_and_answers(desk: Desk, tmp_path: Path) -> None:
    """Failures come with tracebacks, answers as JSON, pictures as files."""
    failed = (await desk.computed(5))["id"]
    failure = json.loads((await desk("results", failed, "--failures")).stdout)
    assert (failure["index"], failure["kind"]) == (3, "exception")
    assert 'File "squares.py", line 6' in failure["traceback"]
    task = (await desk.computed(3))["id"]
    answer = await desk("results", task, "--answer")
    assert (answer.stdout, answer.stderr) == ("5\n", "")
    answer = await desk("results", failed, "--answer")
    assert answer.stdout == "21\n"
    assert "1 of 5 payloads failed; the answer is made of the others" in answer.stderr
    picture = (await desk.computed(1, "-p", "picture=true"))["id"]
    told = await desk("results", picture, "--answer", "-o", tmp_path / "picture.png")
    assert told.returncode == 0, told.stderr
    assert (tmp_path / "picture.png").read_bytes() == b"\x89PNG\r\n\x1a\n"


async def test_cancel(desk: Desk) -> None:
    """Cancel ends a task, again and again; its wait then ends with status 1."""
    desk.unit.write_text(ENDLESS)
    waiting = asyncio.create_task(desk("submit", desk.unit, "--name", "to cancel", "--wait", "--json"))
    task = None
    while task is None:
        listed = json.loads((await desk("status", "--json")).stdout)
        task = next((one["id"] for one in listed if one["name"] == "to cancel"), None)
    for _ in range(2):
        told = await desk("cancel", task, "--json")
        assert json.loads(told.stdout)["state"] == "cancelled"
    ended = await waiting
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["state"] == "cancelled"


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("status", "zzzzzz-1"), 1, "zzzzzz-1"),
        (("results", "zzzzzz-1"), 1, "zzzzzz-1"),
        (("results", "zzzzzz-1", "-o", "/nowhere/file"), 1, "zzzzzz-1"),
        (("results", "zzzzzz-1", "--answer", "--failures"), 2, "--answer"),
        (("results", "zzzzzz-1", "--failures", "--format", "csv"), 2, "csv"),
        (("results", "zzzzzz-1", "--why", 0), 1, "zzzzzz-1"),
        (("results", "zzzzzz-1", "--why", 0, "--answer"), 2, "--why"),
        (("results", "zzzzzz-1", "--why", 0, "--format", "csv"), 2, "csv"),
        (("cancel", "zzzzzz-1"), 1, "zzzzzz-1"),
        (("submit", "missing.py"), 2, "missing.py"),
        (("submit", __file__), 1, "run"),
    ],
)
async def test_what_cannot_be_done_is_one_line(desk: Desk, arguments: tuple[str, ...], status: int, says: str) -> None:
    """Each mistake ends with its status and one line that names it."""
    told = await desk(*arguments)
    assert told.returncode == status, told.stderr
    assert told.stderr.startswith("disio: ")
    assert told.stderr.count("\n") == 1
    assert says in told.stderr


async def test_a_number_that_fits_nowhere(desk: Desk) -> None:
    """After an index beyond 64 bits comes nothing, a limit like that is none; a vote for it is asked for in vain."""
    task = (await desk.computed(2))["id"]
    after = await desk("results", task, "--after", 2**63)
    assert (after.returncode, after.stdout, after.stderr) == (0, "", "")
    limited = await desk("results", task, "--limit", 2**63)
    assert (limited.returncode, limited.stdout.count("\n")) == (0, 2)
    why = await desk("results", task, "--why", 2**63)
    assert (why.returncode, why.stdout) == (2, "")
    assert why.stderr.startswith(f"disio: no task has a payload {2**63}; --why ")


async def test_a_file_that_cannot_be_written(desk: Desk) -> None:
    """Results that cannot be written are told with the file's name."""
    task = (await desk.computed(1))["id"]
    told = await desk("results", task, "-o", "/nowhere/results.ndjson")
    assert told.returncode == 2
    assert "/nowhere/results.ndjson" in told.stderr


async def test_results_for_a_reader_that_goes_away(desk: Desk) -> None:
    """``disio results | head`` ends quietly."""
    task = (await desk.computed(3))["id"]
    shell = f"{shlex.quote(sys.executable)} -m disio results {task} --url {desk.url} | head -c 1"
    run = subprocess.run
    told = await asyncio.to_thread(run, ["bash", "-c", shell], capture_output=True, text=True, timeout=60, check=False)
    assert (told.stdout, told.stderr) == ("{", "")


async def test_a_submission_is_told_what_browsers_will_not_do(desk: Desk) -> None:
    """Warnings about the unit's source come on standard error, and stay with the task; the id alone is the output."""
    desk.unit.write_text("import time\ndef run(payload):\n    return time.time()\n")
    told = await desk("submit", desk.unit, "-p", "payloads=[1]")
    assert told.returncode == 0
    assert told.stdout.count("\n") == 1
    assert "squares.py, line 3: time.time()" in told.stderr
    task = json.loads((await desk("status", told.stdout.strip(), "--json")).stdout)
    assert [warning.partition(":")[0] for warning in task["warnings"]] == ["line 3"]


@pytest.mark.parametrize(
    ("parameter", "says"),
    [
        ("stop=-5", "start, stop and step give range(0, -5), which is empty"),
        ("payloads=[]", "the parameter payloads is an empty list"),
    ],
)
async def test_parameters_that_give_no_payloads_are_told(desk: Desk, parameter: str, says: str) -> None:
    """The task is made, as a program may mean it so, but never silently."""
    desk.unit.write_text("def run(payload):\n    return payload\n")
    told = await desk("submit", desk.unit, "-p", parameter, "--wait")
    assert (told.returncode, "0 / 0 payloads" in told.stdout) == (0, True)
    assert told.stderr.startswith(f"warning squares.py, no payloads: {says}\n")
    assert told.stderr.count("no payloads") == 1


async def test_a_split_that_gives_nothing_is_told(desk: Desk) -> None:
    """Whoever waited for it hears that there was nothing to compute."""
    told = await desk("submit", desk.unit, "-p", "count=0", "--wait")
    assert told.returncode == 0
    assert told.stderr.endswith("no payloads: split gave none for these parameters\n")


async def test_a_person_is_told_to_which_grid_a_task_went(desk: Desk) -> None:
    """On a terminal the task's page is named on standard error; programs get the id alone."""
    reading, terminal = os.openpty()
    try:
        command = [sys.executable, "-m", "disio", "submit", desk.unit, "-p", "count=1", "--url", desk.url]
        run = subprocess.run
        told = await asyncio.to_thread(run, command, stdout=subprocess.PIPE, stderr=terminal, timeout=60, check=True)
        seen = os.read(reading, 10_000).decode()
    finally:
        os.close(terminal)
        os.close(reading)
    assert f"{desk.url}/tasks/{told.stdout.decode().strip()}" in seen
    quiet = await desk("submit", desk.unit, "-p", "count=1")
    assert quiet.stderr == ""


async def test_a_unit_that_cannot_be_loaded_is_told_at_once(desk: Desk) -> None:
    """Its task is paused with the reason, and whoever waits for it, or for its results, hears that."""
    desk.unit.write_text("import no_such_module\ndef run(payload):\n    return payload\n")
    told = await desk("submit", desk.unit, "-p", "stop=5000", "--wait")
    assert told.returncode == 1
    says = "the unit cannot be loaded: ModuleNotFoundError: No module named 'no_such_module'"
    assert says in told.stderr
    [paused] = [task for task in json.loads((await desk("status", "--json")).stdout) if task["state"] == "paused"]
    assert paused["failed"] < 5000
    async with AsyncClient(desk.url) as client:
        task = await client.task(paused["id"])
        with pytest.raises(TaskFailedError, match="the unit cannot be loaded"):
            [result async for result in task.results()]
        await task.cancel()

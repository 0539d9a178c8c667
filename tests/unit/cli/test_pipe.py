"""``disio map`` on a real grid: a stream in, a stream out."""

import asyncio
import json
import os
import signal
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio

from disio.testing import Grid
from tests.grids import computing_grid

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNIT = """
def run(payload):
    if payload == 13:
        raise ValueError("unlucky")
    return [payload, payload * payload]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid with one volunteer, and a unit in its directory."""
    async with computing_grid(tmp_path_factory.mktemp("grid")) as opened:
        (opened.directory / "unit.py").write_text(UNIT)
        yield opened


async def start(grid: Grid, *arguments: object) -> Process:
    """The command, with pipes."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "disio", "map", str(grid.directory / "unit.py"), *map(str, arguments)),
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "DISIO_URL": grid.client.url},
    )


async def run(grid: Grid, text: str, *arguments: object) -> tuple[int, list[str], str]:
    """Status, lines and complaints of one command."""
    child = await start(grid, *arguments)
    out, complaints = await asyncio.wait_for(child.communicate(text.encode()), 60)
    return child.returncode or 0, out.decode().splitlines(), complaints.decode()


def _lines(numbers: range | list[int]) -> str:
    return "".join(f"{number}\n" for number in numbers)


async def test_results_come_in_input_order(grid: Grid) -> None:
    """A line for each payload, in order; a failure in its place, and status 1."""
    status, lines, _ = await run(grid, _lines(range(20, 520)))
    assert status == 0
    assert [json.loads(line) for line in lines] == [{"index": n - 20, "result": [n, n * n]} for n in range(20, 520)]
    status, lines, complaints = await run(grid, _lines([1, 13, 2]), "--bare")
    assert (status, lines) == (1, ["[1,1]", "null", "[2,4]"])
    assert "1 failed" in complaints
    status, lines, _ = await run(grid, _lines([13]))
    assert json.loads(lines[0])["failure"] == {"kind": "exception", "message": "ValueError: unlucky"}
    status, lines, complaints = await run(grid, "")
    assert (status, lines) == (0, [])
    assert "0 payloads: standard input had none" in complaints


async def test_unordered_results_are_all_there(grid: Grid) -> None:
    """As they come, each once."""
    status, lines, _ = await run(grid, _lines(range(20, 220)), "--unordered")
    assert status == 0
    assert sorted(json.loads(line)["index"] for line in lines) == list(range(200))


async def test_a_slow_writer_gets_answers_before_it_ends(grid: Grid) -> None:
    """Each line is computed as it comes: a result is there while the input is still open."""
    child = await start(grid)
    assert child.stdin is not None
    assert child.stdout is not None
    for number in (2, 3):
        child.stdin.write(b"%d\n" % number)
        await child.stdin.drain()
        line = await asyncio.wait_for(child.stdout.readline(), 30)
        assert json.loads(line)["result"] == [number, number * number]
    child.stdin.close()
    assert await asyncio.wait_for(child.wait(), 30) == 0


async def test_a_line_that_is_no_json(grid: Grid) -> None:
    """The error names the line; what came before it is answered, and corrected input goes on with the same task."""
    status, lines, complaints = await run(grid, "1\n2\noops\n4\n")
    assert (status, len(lines)) == (2, 2)
    assert "\ndisio: line 3 of the input is no JSON" in complaints
    task = complaints.split()[1]
    assert f"--resume {task} --after 1 and corrected input" in complaints
    status, lines, _ = await run(grid, "1\n2\n3\n4\n", "--resume", task, "--after", 1)
    assert (status, [json.loads(line)["index"] for line in lines]) == (0, [2, 3])
    status, lines, complaints = await run(grid, "1\n2\n3\n4\n5\n", "--resume", task)
    assert (status, lines) == (2, [])
    assert "takes no more payloads, and the input has more than the 4 payloads" in complaints
    status, _, complaints = await run(grid, "", "-p", "a=1:5")
    assert (status, "standard input" in complaints) == (2, True)


async def test_interrupted_and_gone_on_with(grid: Grid, tmp_path: Path) -> None:
    """After Ctrl-C the task goes on by --resume with the same input: every payload is answered once, in order."""
    target = tmp_path / "results.ndjson"
    child = await start(grid, "-o", target)
    assert child.stdin is not None
    assert child.stderr is not None
    task = (await asyncio.wait_for(child.stderr.readline(), 30)).decode().split()[-1]
    child.stdin.write(_lines(range(20, 50)).encode())
    await child.stdin.drain()
    while (await grid.client.task(task, since=0, wait=1.0)).accepted < 30:
        assert child.returncode is None
    child.send_signal(signal.SIGINT)
    complaints = (await asyncio.wait_for(child.stderr.read(), 30)).decode()
    assert await child.wait() == 130
    assert f"--resume {task} -o {target}" in complaints
    with target.open("ab") as file:
        file.write(b'{"index": 99, "resu')  # as if it had been cut off in the middle of a line
    status, _, _ = await run(grid, _lines(range(20, 120)), "-o", target, "--resume", task)
    assert status == 0
    assert [json.loads(line) for line in target.read_text().splitlines()] == [
        {"index": n - 20, "result": [n, n * n]} for n in range(20, 120)
    ]


async def test_bare_results_are_gone_on_with(grid: Grid, tmp_path: Path) -> None:
    """The hint of a bare run says where its file ends, and following it makes the file whole."""
    target = tmp_path / "bare"
    target.write_text("of an earlier run\n")
    status, _, complaints = await run(grid, "2\n3\n[\n", "--bare", "-o", target)
    hint = complaints.partition("go on with ")[2].partition(" and ")[0]
    assert (status, hint.split()[2:]) == (2, ["-o", str(target), "--after", "1"])
    status, _, complaints = await run(grid, "2\n3\n4\n", "--bare", "--resume", hint.split()[1], "-o", target)
    assert (status, "say it with --after" in complaints) == (2, True)
    status, _, complaints = await run(grid, "2\n3\n4\n", "--bare", *hint.split())
    assert (status, target.read_text()) == (0, "[2,4]\n[3,9]\n[4,16]\n"), complaints


async def test_a_map_goes_on_only_with_its_own_file(grid: Grid, tmp_path: Path) -> None:
    """A file of another task, in another order, or of something else is refused and left as it is."""
    target = tmp_path / "results"
    status, _, complaints = await run(grid, "2\n3\n", "-o", target)
    first = complaints.split()[1]
    task = await grid.client.submit(grid.directory / "unit.py", {"payloads": [2, 4]})
    await task.wait(timeout=30)
    kept = target.read_bytes()
    diary = tmp_path / "diary"
    diary.write_text("my diary, of one line without an end")
    for file, whose, more, said in (
        (target, task.id, (), "holds another result for payload 1"),
        (target, first, ("--unordered",), "are in input order"),
        (diary, first, (), "is no file of results of `disio map`"),
    ):
        status, _, complaints = await run(grid, "2\n3\n", "-o", file, "--resume", whose, *more)
        assert (status, said in complaints) == (2, True), complaints
    assert (target.read_bytes(), diary.read_text()[:8]) == (kept, "my diary")
    target.write_bytes(kept + b'{"ind')
    assert (await run(grid, "2\n3\n", "-o", target, "--resume", first))[0] == 0
    assert target.read_bytes() == kept
    assert (await run(grid, "2\n13\n", "-o", target))[0] == 1
    first = (await grid.client.tasks())[0].id
    kept = target.read_bytes()
    assert (await run(grid, "2\n13\n", "-o", target, "--resume", first))[0] == 0
    assert target.read_bytes() == kept


async def test_what_cannot_be_gone_on_with_is_refused(grid: Grid, tmp_path: Path) -> None:
    """Another unit, a task that was cancelled, --after without a task: each is told, and no task comes of it."""
    task = await grid.client.submit(grid.directory / "unit.py", open=True)
    other = tmp_path / "other.py"
    other.write_text("def run(payload): return 0\n")
    status, out, complaints = await disio(grid, "map", other, "--resume", task.id)
    assert (status, out) == (2, "")
    assert f"disio: task {task.id} is of another unit than {other} is now" in complaints
    await task.cancel()
    status, _, complaints = await run(grid, "", "--resume", task.id)
    assert (status, f"disio: task {task.id} is cancelled: 0 / 0 payloads accepted" in complaints) == (1, True)
    count = len(await grid.client.tasks())
    for arguments, said in (
        (("-o", tmp_path / "none" / "results"), "cannot be written: No such file"),
        (("-o", tmp_path), "cannot be written: Is a directory"),
        (("--after", 5), "--after is for --resume"),
    ):
        status, lines, complaints = await run(grid, "1\n", *arguments)
        assert (status, lines, complaints.count("\n")) == (2, [], 1)
        assert complaints.startswith("disio: ")
        assert said in complaints
    assert len(await grid.client.tasks()) == count
    target = tmp_path / "kept"
    target.write_text("an earlier run\n")
    for file in (target, tmp_path / "new"):
        (tmp_path / "broken.py").write_text("def run(:\n")
        assert (await disio(grid, "map", tmp_path / "broken.py", "-o", file))[0] == 1
    assert (target.read_text(), (tmp_path / "new").exists()) == ("an earlier run\n", False)
    status, lines, _ = await run(grid, "5\n", "--bare", "-o", "-")
    assert (status, lines) == (0, ["[5,25]"])


async def test_a_reader_that_goes_away_ends_the_task(grid: Grid) -> None:
    """As in `disio map ... | head`: nobody wants the rest, the task is cancelled."""
    command = f"yes 5 | {sys.executable} -m disio map {grid.directory / 'unit.py'} --name endless | head -n 3"
    child = await asyncio.create_subprocess_shell(
        command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env={**os.environ, "DISIO_URL": grid.client.url}
    )
    out, complaints = await asyncio.wait_for(child.communicate(), 60)
    assert len(out.splitlines()) == 3
    assert [line for line in complaints.decode().splitlines() if not line.startswith("task ")] == []
    task = next(task for task in await grid.client.tasks() if task.name == "endless")
    assert (await task.wait(timeout=30)).state == "cancelled"


async def disio(grid: Grid, *arguments: object) -> tuple[int, str, str]:
    """Status, output and complaints of any command."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "disio", *map(str, arguments)),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "DISIO_URL": grid.client.url},
    )
    out, complaints = await asyncio.wait_for(child.communicate(), 60)
    return child.returncode or 0, out.decode(), complaints.decode()


async def test_results_as_files_are_gone_on_with(grid: Grid, tmp_path: Path) -> None:
    """--resume adds what is missing to a file that was cut off, in each format; other files are refused."""
    task = await grid.client.submit(grid.directory / "unit.py", {"payloads": [*range(20), "two\nlines"]})
    await task.wait(timeout=30)
    whole: dict[str, bytes] = {}
    for kind in ("ndjson", "csv"):
        target = tmp_path / f"results.{kind}"
        assert (await disio(grid, "results", task.id, "--format", kind, "-o", target))[0] == 0
        whole[kind] = target.read_bytes()
        for cut in (len(whole[kind]) - 5, 10):
            target.write_bytes(whole[kind][:cut])
            status, _, complaints = await disio(grid, "results", task.id, "--format", kind, "-o", target, "--resume")
            assert (status, complaints) == (0, "")
            assert target.read_bytes() == whole[kind]
    target = tmp_path / "results.sqlite"
    assert (await disio(grid, "results", task.id, "--format", "sqlite", "-o", target, "--limit", 4))[0] == 0
    status, _, complaints = await disio(grid, "results", task.id, "--format", "sqlite", "-o", target, "--resume")
    assert (status, "19 results" in complaints) == (0, True), complaints
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("SELECT count(*), sum(votes) FROM results").fetchone() == (19, 19)
    (tmp_path / "diary").write_text("my diary\n")
    status, _, complaints = await disio(grid, "results", task.id, "-o", tmp_path / "diary", "--resume")
    assert (status, "is no file of results" in complaints) == (2, True)
    status, _, complaints = await disio(grid, "results", task.id, "--format", "npy")
    assert (status, "name the file with -o" in complaints) == (2, True)


@pytest.mark.parametrize("missing", [(0,), (3, 4, 7), (0, 10), (10,)])
@pytest.mark.parametrize("kind", ["ndjson", "csv", "sqlite"])
async def test_answers_that_come_out_of_order_are_added(
    grid: Grid, tmp_path: Path, kind: str, missing: tuple[int, ...]
) -> None:
    """What was accepted after a file was written, of payloads before its last one, is put in its place."""
    unit = tmp_path / "lines.py"
    unit.write_text("def run(payload):\n    return ['two\\nlines', 1 / (payload - 9)]\n")
    task = await grid.client.submit(unit, {"payloads": list(range(14))})
    await task.wait(timeout=30)

    async def write(target: Path, *more: object) -> None:
        status, _, complaints = await disio(grid, "results", task.id, "--format", kind, "-o", target, *more)
        assert status == 0, complaints

    target, begun = tmp_path / "whole", tmp_path / "begun"
    await write(target)
    if kind == "sqlite":
        begun.write_bytes(target.read_bytes())
        with closing(sqlite3.connect(begun)) as connection, connection:
            connection.execute(f"DELETE FROM results WHERE idx IN ({','.join(map(str, missing))})")
    else:
        head, rows = await rows_of(grid, task.id, kind)
        begun.write_bytes(b"".join([head, *(row for index, row in rows.items() if index not in missing)]))
    await write(begun, "--resume", "--limit", 1)
    await write(begun, "--resume")
    if kind == "sqlite":
        with closing(sqlite3.connect(begun)) as one, closing(sqlite3.connect(target)) as other:
            query = "SELECT * FROM results ORDER BY idx"
            assert one.execute(query).fetchall() == other.execute(query).fetchall()
    else:
        assert begun.read_bytes() == target.read_bytes()
    assert not (tmp_path / "begun.partial").exists()
    same = begun.stat().st_ino
    await write(begun, "--resume", "--after", 4)
    if kind != "sqlite":  # nothing is made anew for a payload that failed, nor of what is before --after
        assert (begun.read_bytes(), begun.stat().st_ino) == (target.read_bytes(), same)


async def rows_of(grid: Grid, task: str, kind: str) -> tuple[bytes, dict[int, bytes]]:
    """The heading, of NDJSON an empty one; and the rows."""
    rows, head = {}, b""
    for index in (*range(9), *range(10, 14)):
        (path := grid.directory / "row").unlink(missing_ok=True)
        more = ("--format", kind, "--after", index - 1, "--limit", 1, "-o", path)
        assert (await disio(grid, "results", task, *more))[0] == 0
        row = path.read_bytes()
        if kind == "csv":
            head, _, row = row.partition(b"\n")
            head += b"\n"
        rows[index] = row
    return head, rows


async def test_files_of_others_are_not_gone_on_with(grid: Grid, tmp_path: Path) -> None:
    """--resume refuses a file of another task, or of another format, and leaves it as it was; its own goes on."""
    first, second = [
        await grid.client.submit(grid.directory / "unit.py", {"payloads": [start, 2, 3]}) for start in (1, 7)
    ]
    for task in (first, second):
        await task.wait(timeout=30)

    async def refused(kind: str, target: Path, said: str) -> None:
        before = target.read_bytes()
        status, out, complaints = await disio(
            grid, "results", second.id, "--format", kind, "-o", target, "--resume", "--limit", 9
        )
        assert (status, out) == (2, "")
        assert complaints.startswith("disio: ")
        assert said in complaints
        assert complaints.count("\n") == 1
        assert target.read_bytes() == before

    files = {}
    for kind in ("ndjson", "csv", "sqlite", "parquet", "npz", "npy"):
        if kind == "parquet":
            pytest.importorskip("pyarrow", reason="pyarrow is not installed (an extra)")
        files[kind] = tmp_path / f"first.{kind}"
        assert (await disio(grid, "results", first.id, "--format", kind, "-o", files[kind]))[0] == 0
        if kind != "npy":  # has neither index nor time
            whose = f"holds another result for payload 2 than task {second.id} has"
            await refused(kind, files[kind], f"has results of task {first.id}" if kind == "sqlite" else whose)
        if kind in ("parquet", "npz"):
            status, _, complaints = await disio(
                grid, "results", first.id, *("--format", kind, "-o", files[kind], "--resume")
            )
            assert status == 0, complaints
    for kind, other in (("parquet", "sqlite"), ("npz", "npy"), ("csv", "npy")):
        await refused(kind, files[other], f"is no file of results in {kind}")
    diary = tmp_path / "diary"
    diary.write_text("my diary, of one line without an end")
    for kind in ("ndjson", "csv"):
        await refused(kind, diary, "is no beginning of the task's results")
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE results (idx)")
    await refused("sqlite", tmp_path / "other.sqlite", "is a database of something else")
    status, _, complaints = await disio(grid, "results", second.id, "-o", tmp_path, "--resume")
    assert (status, "cannot be gone on with" in complaints) == (2, True)


async def test_a_sweep_is_a_payload_for_each_combination(grid: Grid) -> None:
    """Ranges and lists on the command line, told how many payloads they give."""
    unit = grid.directory / "sweep.py"
    unit.write_text("def run(payload): return [payload['a'], payload['b'], payload['c']]\n")
    status, out, complaints = await disio(grid, "submit", unit, "-p", "a=1:3", "-p", "b=x,y", "-p", "c=0.5", "--wait")
    assert (status, "4 payloads, one for each combination" in complaints) == (0, True), complaints
    status, out, _ = await disio(grid, "results", out.split()[0])
    expected = [[a, b, 0.5] for a in (1, 2) for b in ("x", "y")]
    assert [json.loads(line)["result"] for line in out.splitlines()] == expected
    status, out, _ = await disio(grid, "run", unit, "--local", "-p", "a=1:3", "-p", "b=x,y", "-p", "c=0.5", "--json")
    assert [json.loads(line)["result"] for line in out.splitlines()] == expected

"""Both clients, with a real grid: the same methods, the same answers."""

import asyncio
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from disio.client import AsyncClient, AsyncTask, Client, Task, WaitTimeoutError
from disio.errors import CodecError, NotFoundError, UnitError, UnitWarning, UnreachableError, UsageError
from disio.testing import Grid

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNIT = """
def split(params):
    return [(n, b"raw") for n in range(params["count"])]

def run(payload):
    number, raw = payload
    if number == 3:
        raise ValueError("no three")
    return {number: raw, "\\u2028": complex(0, number)}

def reduce(results, params):
    return {"pair": params["pair"], "seen": len(list(results))}
"""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The tests' unit as a file."""
    path = tmp_path / "pairs.py"
    path.write_text(UNIT)
    return path


async def test_values_come_back_exactly(grid: Grid, unit: Path) -> None:
    """Tuples, bytes and complex numbers survive the way through parameters, payloads, results and answer."""
    client = grid.client
    seen: list[Task] = []
    task = await client.submit(unit, {"count": 3, "pair": (1, b"\0")}, name="exact")
    ended = await client.wait(task.id, timeout=30, on_progress=seen.append)
    assert ended.state == "finished"
    assert seen[-1] == ended
    results = [result async for result in client.results(task.id)]
    assert [result.payload for result in results] == [(0, b"raw"), (1, b"raw"), (2, b"raw")]
    assert results[2].value == {2: b"raw", "\u2028": 2j}
    assert await client.answer(task.id) == {"pair": (1, b"\0"), "seen": 3}
    assert [result.index async for result in client.results(task.id, after=0, limit=1)] == [1]


async def test_votes_are_told(grid: Grid, unit: Path) -> None:
    """A client may ask how answers are to be checked, and sees why each is believed."""
    client = grid.client
    task = await client.submit(unit, {"count": 2, "pair": 0}, checking={"error_rate": 0.01, "assume_bad": 0.1})
    ended = await client.wait(task.id, timeout=30)
    assert (ended.checked, ended.accepted, ended.blacklisted) == (True, 2, 0)
    ballot = await client.votes(task.id, 1)
    assert (ballot.state, ballot.allowed) == ("accepted", 0.01)
    assert "believed outright" in ballot.reason
    assert [vote.trusted for vote in ballot.votes if vote.stands]
    with pytest.raises(NotFoundError, match="no payload 2"):
        await client.votes(task.id, 2)
    with pytest.raises(UsageError, match="error_rate is 2"):
        await client.submit(unit, {"count": 2, "pair": 0}, checking={"error_rate": 2})
    with pytest.raises(UnitError, match="did you mean quorum"):
        await client.submit(unit, {"count": 2, "pair": 0}, checking={"quorums": 2})


async def test_a_program_is_warned_of_what_browsers_cannot_do(grid: Grid) -> None:
    """Both clients warn at the line that submits, with the unit's own line and the reason."""
    source = "import time\ndef run(payload):\n    time.sleep(payload)\n"
    with pytest.warns(UnitWarning, match=r"unit\.py, line 3: time\.sleep\(\): keeps") as told:
        await (await grid.client.submit(source=source, params={"payloads": []})).cancel()
    assert told[0].filename == __file__

    def work() -> None:
        with Client(grid.client.url) as client:
            client.submit(source=source, params={"payloads": []}).cancel()

    with pytest.warns(UnitWarning, match="line 3") as told:
        await asyncio.to_thread(work)
    assert told[0].filename == __file__


async def test_the_blocking_client_does_the_same(grid: Grid, unit: Path) -> None:
    """The client without asyncio gives the same tasks, results, failures and answer."""

    def work() -> None:
        with Client(grid.client.url) as client:
            task = client.submit(unit, {"count": 5, "pair": (1, 2)})
            seen: list[Task] = []
            ended = client.wait(task.id, timeout=30, on_progress=seen.append)
            assert (ended.state, ended.failed) == ("finished-with-failures", 1)
            assert [result.index for result in client.results(task.id)] == [0, 1, 2, 4]
            (failure,) = client.failures(task.id)
            assert (failure.index, failure.payload, failure.kind) == (3, (3, b"raw"), "exception")
            assert "no three" in failure.traceback
            assert str(failure).startswith("payload 3 failed")
            assert failure.traceback.rstrip() in str(failure)
            assert task.id in {one.id for one in client.tasks()}
            assert client.health().ok
            assert client.grid().distributors[0].url == grid.url
            assert client.cancel(task.id).state == "finished-with-failures"
            assert client.delete(task.id).done
            assert task.id not in {one.id for one in client.tasks()}

    await asyncio.to_thread(work)


async def test_both_clients_have_the_same_methods() -> None:
    """What one client (and its task) can, the other can, with the same arguments."""
    for blocking, twin in ((Client, AsyncClient), (Task, AsyncTask)):
        for name, method in inspect.getmembers(blocking, inspect.isfunction):
            if not name.startswith("_"):
                assert list(inspect.signature(method).parameters) == list(
                    inspect.signature(getattr(twin, name)).parameters
                ), name


async def test_waiting_can_be_given_up(grid: Grid) -> None:
    """A wait that takes too long ends with an error, and the task goes on."""
    task = await grid.client.submit(source="def run(p):\n    pass\ndef split(params):\n    return iter(int, 1)")
    with pytest.raises(WaitTimeoutError, match="goes on"):
        await grid.client.wait(task.id, timeout=0.3)
    assert (await grid.client.cancel(task.id)).state == "cancelled"


async def test_errors_are_the_same_as_on_the_manager(grid: Grid, unit: Path) -> None:
    """An error keeps its kind on the way from the manager to the researcher's program."""
    client = grid.client
    with pytest.raises(NotFoundError, match="zzzzzz-1"):
        await client.task("zzzzzz-1")
    with pytest.raises(NotFoundError):
        _ = [result async for result in client.results("a/../b-1")]
    with pytest.raises(UnitError, match="run"):
        await client.submit(source="x = 1")
    with pytest.raises(UsageError, match="no file"):
        await client.submit(unit.parent / "missing.py")
    with pytest.raises(UsageError, match="one of the two"):
        await client.submit(unit, source="x")
    with pytest.raises(CodecError, match="nowhere"):
        await client.submit(unit, {"nowhere": object()})
    with pytest.raises(UnitError, match="1,048,576"):
        await client.submit(source="#" * 2_000_000)
    with pytest.raises(UsageError, match="too large"):
        await client.submit(source="#" * 34_000_000)


async def test_no_dashboard_at_the_address() -> None:
    """Where nobody listens, the error names the address and how to start a dashboard."""
    async with AsyncClient("http://127.0.0.1:9/") as client:
        with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:9;.*disio up"):
            await client.tasks()


async def test_the_package_names_its_clients() -> None:
    """``from disio import Client`` works, and nothing of it is loaded before it is asked for."""
    code = "import sys, disio; assert 'disio.client' not in sys.modules; from disio import AsyncClient, Client"
    await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=True, timeout=60)


async def test_one_text_is_not_taken_for_many(grid: Grid) -> None:
    """A text for a list of sites or payloads, and an order that there is not, are refused by both clients at once."""
    square = "def run(payload): return payload"
    before = len(await grid.client.tasks())

    def refused(client: Client) -> None:
        with pytest.raises(UsageError, match=r"write it like \['127.0.0.1'\]"):
            client.submit(source=square, sites="127.0.0.1")
        for payloads in ("abc", b"abc", {"a": 1}):
            with pytest.raises(UsageError, match=r"payloads are one (str|bytes|dict)"):
                client.submit(source=square, payloads=payloads)
        with pytest.raises(UsageError, match=r"params are names and values, not a list; .*payloads="):
            client.submit(source=square, params=[1, 2])  # type: ignore[arg-type]
        task = client.submit(source=square, open=True)
        with pytest.raises(UsageError, match="payloads are one str"):
            task.add("abc")
        with pytest.raises(UsageError, match="there is no order 'x' of results; give 'index' or 'completed'"):
            task.results(order="x")  # type: ignore[arg-type]
        task.cancel()

    with Client(grid.client.url) as client:
        await asyncio.to_thread(refused, client)
    with pytest.raises(UsageError, match="sites are a list"):
        await grid.client.submit(source=square, sites="127.0.0.1")
    with pytest.raises(UsageError, match="payloads are one str"):
        await grid.client.submit(source=square, payloads="abc")
    task = await grid.client.submit(source=square, open=True)
    with pytest.raises(UsageError, match="payloads are one str"):
        await task.add("abc")
    with pytest.raises(UsageError, match="no order 'x'"):
        task.results(order="x")  # type: ignore[arg-type]
    await task.cancel()
    assert len(await grid.client.tasks()) == before + 2


async def test_a_client_that_is_closed_says_so(grid: Grid) -> None:
    """Both say it in words, for single answers and for streams."""
    client, other = Client(grid.client.url), AsyncClient(grid.client.url)
    client.close()
    await other.close()
    with pytest.raises(UsageError, match="the client is closed"):
        client.tasks()
    with pytest.raises(UsageError, match="the client is closed"):
        list(client.results("nothing"))
    with pytest.raises(UsageError, match="the client is closed"):
        await other.tasks()
    with pytest.raises(UsageError, match="the client is closed"):
        [result async for result in other.results("nothing")]

"""Every format of results, and the Python clients, say who gave an accepted answer, as its trace does."""

import asyncio
import csv
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from disio.client import Ballot, Client
from disio.errors import NotFoundError
from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer

from .conftest import Command

UNIT = "def run(payload):\n    return payload * 2\n"


def _ndjson(path: Path) -> list[int]:
    return [json.loads(line)["votes"] for line in path.read_text().splitlines()]


def _csv(path: Path) -> list[int]:
    with path.open(newline="") as file:
        return [int(row["votes"]) for row in csv.DictReader(file)]


def _sqlite(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [votes for (votes,) in connection.execute("SELECT votes FROM results ORDER BY idx")]


def _npz(path: Path) -> list[int]:
    with np.load(path) as arrays:
        return [int(votes) for votes in arrays["votes"]]


def _parquet(path: Path) -> list[int]:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (an extra)")
    votes: list[int] = parquet.read_table(path).to_pydict()["votes"]
    return votes


READERS: dict[str, Callable[[Path], list[int]]] = {
    "ndjson": _ndjson,
    "csv": _csv,
    "sqlite": _sqlite,
    "npz": _npz,
    "parquet": _parquet,
}


async def test_files_say_how_many_agreed(tmp_path: Path) -> None:
    """Two of three strangers agree on each payload; all formats count them as the trace of each answer does."""
    async with Grid(tmp_path, trust_loopback=False, distributor_options=("--network-prefix", "off")) as grid:
        volunteers = [asyncio.create_task(PythonVolunteer(grid.url, window=4).run()) for _ in range(3)]
        task = await grid.client.submit(source=UNIT, params={"payloads": list(range(12))}, checking={"quorum": 2})
        assert (await grid.client.wait(task.id, timeout=120)).state == "finished"
        for volunteer in volunteers:
            volunteer.cancel()
        await asyncio.gather(*volunteers, return_exceptions=True)
        traces = [await grid.client.votes(task.id, index) for index in range(12)]
        agreed = [sum(vote.stands for vote in trace.votes) for trace in traces]
        assert min(agreed) == 2
        command = Command(grid.client.url)
        for name, read in READERS.items():
            path = tmp_path / f"results.{name}"
            told = await command("results", task.id, "--format", name, "-o", path)
            assert told.returncode == 0, told.stderr
            assert read(path) == agreed, name
        for order in ("index", "completed"):
            found = [result async for result in task.results(order=order)]
            assert [result.votes for result in found] == [agreed[result.index] for result in found], order
        assert [result.votes async for result in grid.client.results(task.id)] == agreed
        ballot = await task.votes(7)
        assert len(stood_for(ballot)) == agreed[7]
        assert ballot.reason.startswith("Accepted:")
        with pytest.raises(NotFoundError, match="99"):
            await task.votes(99)
        assert await asyncio.to_thread(read_by_the_blocking_client, grid.client.url, task.id) == (
            agreed,
            stood_for(traces[7]),
        )


def stood_for(ballot: Ballot) -> list[str]:
    """Who gave the accepted answer."""
    return [vote.volunteer for vote in ballot.votes if vote.stands]


def read_by_the_blocking_client(url: str, task: str) -> tuple[list[int], list[str]]:
    """How many agreed on each payload, and who on one."""
    with Client(url) as client:
        seen = client.task(task)
        return [result.votes for result in seen.results()], stood_for(seen.votes(7))

"""Trivial calls of a Python function through an executor, and a reader of very many results.

The calls go through ``disio.Executor`` to a grid whose two volunteers are processes that speak the protocol and compute
with the browsers' runner; every result is committed before it is told. The peers, on the same machine in the same run:
``ProcessPoolExecutor`` with two processes, call by call as by default and in chunks of a hundred, and Dask's
LocalCluster with two workers, none of which keeps anything. The reader follows a task's results as they come, in a
process of its own.
"""

import argparse
import asyncio
import json
import logging
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console

from bench.dispatch import VOLUNTEERS, volunteers
from bench.report import Report, spread
from disio import Client, Executor
from disio.testing import Grid

MOST_GROWTH_MB = 16.0
READER = """
import json, resource, sys
from disio import Client

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6

with Client(sys.argv[1]) as client:
    count, early = 0, 0.0
    for result in client.task(sys.argv[2]).results(order=sys.argv[3]):
        count += 1
        if count == int(sys.argv[4]) // 10:
            early = resident()
    print(json.dumps({"count": count, "early": early, "late": resident()}))
"""


def square(number: int) -> int:
    """A trivial call."""
    return number * number


def _timed(call: Callable[[], list[int]], calls: int) -> float:
    """Seconds for all calls; the results must be right."""
    begin = time.perf_counter()
    results = call()
    seconds = time.perf_counter() - begin
    assert results == [number * number for number in range(calls)], "the results are wrong"
    return seconds


def _ours(url: str, calls: int, repeats: int) -> tuple[list[float], float]:
    with Client(url) as client, Executor(client) as executor:
        list(executor.map(square, range(100)))
        begin = time.perf_counter()
        for number in range(20):
            executor.submit(square, number).result()
        single = (time.perf_counter() - begin) / 20
        rounds = [_timed(lambda: list(executor.map(square, range(calls))), calls) for _ in range(repeats)]
    return rounds, single


def _processes(calls: int, repeats: int, chunksize: int) -> list[float]:
    with ProcessPoolExecutor(VOLUNTEERS) as executor:
        list(executor.map(square, range(100)))
        return [
            _timed(lambda: list(executor.map(square, range(calls), chunksize=chunksize)), calls) for _ in range(repeats)
        ]


def _dask(calls: int, repeats: int) -> list[float]:
    from dask.distributed import Client as DaskClient  # noqa: PLC0415 - heavy, and only this function's
    from dask.distributed import LocalCluster  # noqa: PLC0415

    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=VOLUNTEERS, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        DaskClient(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        client.gather(client.map(square, range(100), pure=False))
        return [
            _timed(lambda: list(client.gather(client.map(square, range(calls), pure=False))), calls)
            for _ in range(repeats)
        ]


async def _growth(grid: Grid, count: int, order: str) -> float:
    """Megabytes by which a reader's memory grows from the first tenth of its results to the last."""
    unit = Path(__file__).parent / "units" / "increment.py"
    task = await grid.client.submit(unit, {"start": 0, "stop": count})
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", READER, grid.client.url, task.id, order, str(count)), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await child.communicate()
    told = json.loads(out)
    assert told["count"] == count, "results are missing"
    return float(told["late"] - told["early"])


async def measure(options: argparse.Namespace, console: Console) -> Report:
    """Seconds for the calls beside the peers, milliseconds for one call, megabytes for the reader."""
    calls, repeats, results = (10_000, 1, 100_000) if options.quick else (10_000, 5, 1_000_000)
    report = Report(f"executor: {calls:,} trivial calls, and a reader of {results:,} results")
    async with Grid() as grid, volunteers(grid.url):
        console.print(f"disio.Executor: {calls:,} calls, {repeats} times", style="dim")
        ours, single = await asyncio.to_thread(_ours, grid.client.url, calls, repeats)
        growth = {}
        for order in ("completed", "index"):
            console.print(f"reader: {results:,} results, order {order}", style="dim")
            growth[order] = await _growth(grid, results, order)
    console.print("ProcessPoolExecutor", style="dim")
    alone = await asyncio.to_thread(_processes, calls, repeats, 1)
    chunked = await asyncio.to_thread(_processes, calls, repeats, 100)
    console.print("Dask", style="dim")
    dask = await asyncio.to_thread(_dask, calls, repeats)
    seconds = statistics.median(ours)
    report.add("executor_s", seconds)
    report.add("process_pool_s", statistics.median(alone))
    report.add("process_pool_chunks_of_100_s", statistics.median(chunked))
    report.add("dask_s", statistics.median(dask))
    report.add("ratio_to_process_pool", seconds / statistics.median(alone))
    report.add("ratio_to_dask", seconds / statistics.median(dask), ("<=", 1.0))
    report.add("one_call_ms", single * 1000)
    for order, grown in growth.items():
        report.add(f"reader_growth_{order}_mb", grown, ("<=", MOST_GROWTH_MB))
    report.notes.append(
        f"seconds for {calls:,} calls: {spread(ours)}; every result was committed (fsync) before it was told"
    )
    report.notes.append("the peers compute in as many processes, and keep nothing")
    return report

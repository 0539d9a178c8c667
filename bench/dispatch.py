"""Trivial payloads through manager, distributor and protocol-speaking volunteers, each its own process.

Every counted result is committed and acknowledged. The peer is Dask's LocalCluster with as many
workers as there are cores, which keeps nothing.
"""

import argparse
import asyncio
import contextlib
import logging
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from rich.console import Console

from bench.report import Report, spread
from disio.testing import Grid
from disio.testing.processes import die_with_parent

VOLUNTEERS = 2
STRANGERS = 5
"""Volunteers where answers are checked: the first payloads take four."""
WINDOW = 4000


@contextlib.asynccontextmanager
async def volunteers(url: str, count: int = VOLUNTEERS) -> AsyncIterator[None]:
    """Protocol-speaking volunteers as processes of their own."""
    children = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "disio.testing.volunteer",
            url,
            "--window",
            str(WINDOW),
            start_new_session=True,
            preexec_fn=die_with_parent,
        )
        for _ in range(count)
    ]
    try:
        yield
    finally:
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
        await asyncio.gather(*(child.wait() for child in children))


async def steady_rate(grid: Grid, task: str, *, settle: float = 0.15) -> float:
    """Results a second, from when ``settle`` of the payloads are accepted until the last one."""
    started: tuple[float, int] | None = None
    version = -1
    while True:
        view = await grid.client.task(task, since=version, wait=10.0)
        version = view.version
        now = time.perf_counter()
        if view.state == "finished":
            assert started is not None, "the task was over before it could be measured: use more payloads"
            return (view.executions - started[1]) / (now - started[0])
        if started is None and view.split_done and view.accepted >= settle * view.payloads:
            started = (now, view.executions)


async def _grid_rate(payloads: int) -> float:
    async with Grid() as grid:
        unit = Path(__file__).parent / "units" / "increment.py"
        async with volunteers(grid.url):
            task = await grid.client.submit(unit, {"start": 0, "stop": payloads}, checking={"error_rate": 1})
            rate = await steady_rate(grid, task.id)
        answer = await grid.client.answer(task.id)
        assert answer == sum(range(1, payloads + 1)), "the answers are wrong"
        return rate


async def _checked_rate(payloads: int) -> float:
    """With the default rules, by volunteers that are strangers, each of a network of its own."""
    async with Grid(trust_loopback=False, distributor_options=("--network-prefix", "off")) as grid:
        unit = Path(__file__).parent / "units" / "increment.py"
        async with volunteers(grid.url, STRANGERS):
            task = await grid.client.submit(unit, {"start": 0, "stop": payloads})
            return await steady_rate(grid, task.id)


def _increment(value: int) -> int:
    return value + 1


def _dask_rate(calls: int) -> float:
    from dask.distributed import Client, LocalCluster  # noqa: PLC0415 - heavy, and only this function's

    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=os.cpu_count(), threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
        ) as cluster,
        Client(cluster) as client,  # type: ignore[no-untyped-call]
    ):
        client.gather(client.map(_increment, range(100), pure=False))
        start = time.perf_counter()
        client.gather(client.map(_increment, range(calls), pure=False))
        return calls / (time.perf_counter() - start)


async def measure(options: argparse.Namespace, console: Console) -> Report:
    """Durable results a second, repeated, beside Dask's rate in the same run."""
    payloads, repeats, calls = (40_000, 1, 1_000) if options.quick else (120_000, 3, 3_000)
    rates = []
    for number in range(repeats):
        console.print(f"grid, run {number + 1} of {repeats}: {payloads:,} payloads", style="dim")
        rates.append(await _grid_rate(payloads))
    console.print(f"answers checked: {payloads // 4:,} payloads", style="dim")
    checked = await _checked_rate(payloads // 4)
    console.print(f"Dask: {calls:,} calls", style="dim")
    dask = await asyncio.to_thread(_dask_rate, calls)
    report = Report("dispatch: durable results a second, two volunteer processes, everything on this machine")
    rate = statistics.median(rates)
    report.add("results_per_s", rate, (">=", 3000))
    report.add("checked_results_per_s", checked, (">=", 3000))
    report.add("dask_tasks_per_s", dask)
    report.add("ratio_to_dask", rate / dask)
    report.notes.append(f"results per second: {spread(rates)}; each one committed (fsync) before it was acknowledged")
    return report

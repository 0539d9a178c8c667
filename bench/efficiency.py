"""How much of a worker's time is spent computing, and how many trivial payloads one tab answers a second.

Efficiency: computing time in a bare Pyodide worker in a tight loop, divided by wall time through the
whole grid, for payloads of 1, 10 and 100 ms of pure Python, one worker. Bare and grid are measured in
turn, in the same browser; wall time is taken from the times at which the manager received the results.
"""

import argparse
import sqlite3
import statistics
from contextlib import closing
from pathlib import Path

from rich.console import Console

from bench.browser_lab import BrowserLab
from bench.report import Report, spread
from disio.testing import Grid, open_browser
from disio.wire.api import Task

UNITS = Path(__file__).parent / "units"
TARGETS = {100.0: 0.97, 10.0: 0.95, 1.0: 0.70}
SETTLE = 0.15
"""The share of results left out at the start: the boot is another benchmark's."""


async def measure(options: argparse.Namespace, console: Console) -> Report:
    """Efficiency at three payload lengths, and the rate of trivial payloads through one tab."""
    repeats, seconds, trivial = (1, 6.0, 20_000) if options.quick else (3, 12.0, 60_000)
    report = Report("efficiency: one Chromium tab, one worker, everything on this machine")
    async with BrowserLab() as lab, Grid() as grid, open_browser(f"{lab.url}/start.html"):
        lab.fill({"distributor": grid.url})
        loops_per_ms = 50_000 / (await lab.visit("/bare.html?loops=50000&count=20"))["ms_each"]
        for target_ms, bound in TARGETS.items():
            loops, count = round(loops_per_ms * target_ms), max(40, round(seconds * 1000 / target_ms))
            values = []
            for number in range(repeats):
                console.print(f"{target_ms:g} ms payloads, run {number + 1} of {repeats}", style="dim")
                before = await _bare_ms(lab, loops, count)
                wall = await _grid_ms(lab, grid, loops, count)
                after = await _bare_ms(lab, loops, count)
                values.append((before + after) / 2 / wall)
            report.add(f"efficiency_{target_ms:g}_ms", statistics.median(values), (">=", bound))
            report.notes.append(f"{target_ms:g} ms: {spread(values)}")
        rates = []
        for number in range(repeats):
            console.print(f"trivial payloads, run {number + 1} of {repeats}", style="dim")
            task = await grid.client.submit(UNITS / "increment.py", {"start": 0, "stop": trivial})
            rates.append(1000 / await _computed_ms(lab, grid, task))
        report.add("trivial_payloads_per_s", statistics.median(rates), (">=", 3000))
        report.notes.append(f"trivial payloads per second, each committed before acknowledged: {spread(rates)}")
    return report


async def _bare_ms(lab: BrowserLab, loops: int, count: int) -> float:
    found = await lab.visit(f"/bare.html?loops={loops}&count={max(10, count // 4)}")
    return float(found["ms_each"])


async def _grid_ms(lab: BrowserLab, grid: Grid, loops: int, count: int) -> float:
    task = await grid.client.submit(UNITS / "spin.py", {"loops": loops, "count": count})
    return await _computed_ms(lab, grid, task)


async def _computed_ms(lab: BrowserLab, grid: Grid, task: Task) -> float:
    """Wall milliseconds per payload, once the tab is at work, until the last result is there."""
    await lab.visit("/disio.html")  # reports its first acknowledged result, then goes on computing ...
    done = await grid.client.wait(task.id, timeout=300)
    assert done.state == "finished", f"the task ended as {done.state}"
    return _milliseconds_each(grid, task)


def _milliseconds_each(grid: Grid, task: Task) -> float:
    database = grid.directory / "manager-0" / "manager.sqlite3"
    query = (UNITS.parent / "received.sql").read_text()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute(query, {"task": int(task.id.partition("-")[2])}).fetchall()
    times = [row[0] for row in rows]
    first = times[round(len(times) * SETTLE)]
    later = sum(1 for moment in times if moment > first)
    return float((times[-1] - first) * 1000 / later)

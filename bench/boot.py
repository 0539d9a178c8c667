"""How fast an interpreter is ready in a browser, in one run and one browser.

(a) ``loadPyodide()`` as Pyodide documents it, in a module worker, files in the HTTP cache;
(b) a fresh Disio worker until it can run a payload; (c) from the start of a page's load, with the
script tag, until the first result is acknowledged. And the bytes of a first visit, beside the naive ones.
"""

import argparse
import statistics
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.browser_lab import BrowserLab, CountingProxy
from bench.report import Report, spread
from disio.testing import Grid, open_browser

UNIT = Path(__file__).parent / "units" / "increment.py"
PAYLOADS = 1_000_000
"""More than will be computed: there is always a payload waiting for the page."""


async def measure(options: argparse.Namespace, console: Console) -> Report:
    """Medians of 5 (3 with ``--quick``) of each way, one after the other in the same browser."""
    repeats = 3 if options.quick else 5
    naive: list[float] = []
    pages: list[dict[str, Any]] = []
    async with (
        BrowserLab() as lab,
        CountingProxy(lab.port) as naive_wire,
        CountingProxy() as wire,
        Grid(distributor_options=("--url", wire.url)) as grid,
    ):
        wire.point_at(grid.distributors[0].port)
        lab.fill({"distributor": wire.url})
        await grid.client.submit(UNIT, {"start": 0, "stop": PAYLOADS})
        async with open_browser(f"{naive_wire.url}/start.html", browser=options.browser):
            console.print("first visits: what comes over the wire", style="dim")
            await lab.visit("/naive.html")
            naive_bytes = naive_wire.bytes_down
            await lab.visit("/disio.html")
            first_bytes = wire.bytes_down
            for number in range(repeats):
                console.print(f"round {number + 1} of {repeats}", style="dim")
                naive.append((await lab.visit("/naive.html"))["ms"])
                pages.append(await lab.visit("/disio.html"))
            warm_bytes = wire.bytes_down - first_bytes
    fresh = [ms for page in pages for ms in page["timings"]["workers"]]
    whole = [page["ms"] for page in pages]
    report = Report(f"boot: {options.browser}, files in the HTTP cache, medians of {repeats}")
    a, b, c = (statistics.median(values) for values in (naive, fresh, whole))
    report.add("naive_load_pyodide_ms", a)
    report.add("fresh_worker_ms", b)
    report.add("page_to_first_acknowledged_ms", c)
    report.add("fresh_worker_ratio", b / a, ("<=", 0.20))
    report.add("page_to_first_acknowledged_ratio", c / a, ("<=", 0.45))
    report.add("first_visit_bytes", first_bytes)
    report.add("naive_first_visit_bytes", naive_bytes)
    report.add("first_visit_bytes_ratio", first_bytes / naive_bytes)
    report.add("later_visit_bytes", warm_bytes / repeats)
    for name, values in (("a", naive), ("b", fresh), ("c", whole)):
        report.notes.append(f"({name}) ms: {spread(values)}")
    report.notes.append("naive files are served with gzip and cached for ever; bytes are counted on the wire")
    return report

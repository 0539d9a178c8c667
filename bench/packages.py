"""From a submission to its first result, for a unit with numpy, beside plain Pyodide with numpy; in one browser.

(a) ``loadPyodide()``, ``loadPackage("numpy")`` and the same call, as Pyodide documents it; (b) ``Client.submit`` until
the result is accepted, while a page volunteers and waits. Files are in the HTTP cache, and the packages were resolved
before.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console

from bench.browser_lab import BrowserLab
from bench.report import Report, spread
from disio.bundle import load
from disio.bundle.distribution import Distribution
from disio.client.caching import cache_folder
from disio.client.models import Result
from disio.errors import BrowserError, UsageError
from disio.testing import Grid, open_browser

ALGEBRA = Path(__file__).parent / "units" / "algebra.py"
UNIT = Path(__file__).parent / "units" / "matrices.py"


async def measure(options: argparse.Namespace, console: Console) -> Report:
    """Medians of 7 (3 with ``--quick``) of both ways, in turns in the same browser."""
    repeats = 3 if options.quick else 7
    distribution = Distribution(load(), cache_folder() / "distribution")
    numpy = distribution.closure(["numpy"])
    naive: list[float] = []
    ours: list[float] = []
    async with BrowserLab() as lab, Grid() as grid:
        for package in numpy:
            lab.add_package(distribution.fetch(package))
        lab.fill({"distributor": grid.url})
        async with open_browser(f"{lab.url}/start.html"):
            for number in range(repeats + 1):
                console.print(f"round {number + 1} of {repeats + 1}", style="dim")
                page = await lab.visit("/naive_numpy.html")
                result, ms = await first_result(lab, grid, UNIT, 7)
                if result.value != page["value"]:
                    raise BrowserError(f"the answers differ: {result.value} here, {page['value']} in plain Pyodide")
                if number > 0:  # the first round fills the caches
                    naive.append(page["ms"])
                    ours.append(ms)
    report = Report(f"numpy: chromium, files in the HTTP cache, medians of {repeats}")
    a, b = statistics.median(naive), statistics.median(ours)
    report.add("naive_numpy_ms", a)
    report.add("submit_to_first_numpy_result_ms", b)
    report.add("submit_to_first_numpy_result_ratio", b / a, ("<=", 0.5))
    for name, values in (("a", naive), ("b", ours)):
        report.notes.append(f"({name}) ms: {spread(values)}")
    return report


async def first_result(lab: BrowserLab, grid: Grid, unit: Path, payload: int) -> tuple[Result, float]:
    """With a fresh page that volunteers: the answer to one payload, and the milliseconds from submission to its end."""
    await lab.visit("/volunteer.html")
    began = time.perf_counter()
    task = await grid.client.submit(unit, {"payloads": [payload]})
    result = await anext(task.results())
    return result, (time.perf_counter() - began) * 1000


async def measure_imports(options: argparse.Namespace, console: Console) -> Report:
    """A unit with pure-Python packages, with its task snapshot and without: its import, and the whole way."""
    repeats = 2 if options.quick else 5
    source = options.unit.read_text()
    plain = source.replace("# ///\n", "# [tool.disio]\n# snapshot = false\n# ///\n", 1)
    if "[tool.disio]" in source or plain == source:
        raise UsageError("give a unit with a '# /// script' block that ends with '# ///' and has no [tool.disio]")
    found: dict[str, list[tuple[float, float]]] = {"snapshot": [], "plain": []}
    async with BrowserLab() as lab, Grid() as grid:
        lab.fill({"distributor": grid.url})
        with tempfile.TemporaryDirectory(prefix="disio-bench-") as folder:
            async with open_browser(f"{lab.url}/start.html", browser=options.browser):
                for number in range(repeats + 1):
                    console.print(f"round {number + 1} of {repeats + 1}", style="dim")
                    for way, text in (("snapshot", source), ("plain", plain)):
                        unit = Path(folder) / f"{way}.py"
                        unit.write_text(text)
                        result, ms = await first_result(lab, grid, unit, 4)
                        if number > 0:
                            found[way].append((float(result.log), ms))
    report = Report(f"boot: imports of {options.unit.name}, {options.browser}, medians of {repeats}")
    for way, rows in found.items():
        imports, whole = zip(*rows, strict=True)
        report.add(f"{way}_import_ms", statistics.median(imports))
        report.add(f"{way}_submit_to_first_result_ms", statistics.median(whole))
        report.notes.append(f"({way}) import ms: {spread(imports)}; to the first result ms: {spread(whole)}")
    report.add("snapshot_import_ratio", report.figures["snapshot_import_ms"] / report.figures["plain_import_ms"])
    return report

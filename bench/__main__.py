"""The command line of the benchmarks; exit status 0 only if every target is met."""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop
from rich.console import Console

from bench import boot, dispatch, efficiency, executor, hostile, manners, packages, trust
from bench.report import Report
from disio.errors import DisioError

Measure = Callable[[argparse.Namespace, Console], Awaitable[Report]]

BENCHMARKS: dict[str, tuple[Measure, str]] = {
    "boot": (boot.measure, "how fast an interpreter is ready in a browser, beside plain Pyodide"),
    "efficiency": (efficiency.measure, "how much of a worker's time is spent computing; trivial payloads a second"),
    "manners": (manners.measure, "the share of a core that a visitor gives, how soon it stops, whether the page waits"),
    "dispatch": (dispatch.measure, "durable results a second through manager and distributor, beside Dask"),
    "executor": (
        executor.measure,
        "trivial calls by disio.Executor, ProcessPoolExecutor and Dask; a reader's memory",
    ),
    "numpy": (packages.measure, "from a submission to the first result of a unit with numpy, beside plain Pyodide"),
    "trust": (trust.measure, "wrong answers accepted and executions paid, with saboteurs, beside first-to-m voting"),
    "hostile": (
        hostile.measure,
        "honest volunteers' throughput while hostile clients hammer; a million malformed frames",
    ),
}


def main() -> int:
    """Run one benchmark; 0 if its targets are met, 1 if not, 2 if it could not be run."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Disio's figures, measured here and now.")
    commands = parser.add_subparsers(dest="name", required=True, metavar="NAME")
    for name, (_, summary) in BENCHMARKS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument("--quick", action="store_true", help="fewer repetitions: a first impression")
        command.add_argument("--json", action="store_true", help="one JSON object on standard output")
        if name == "boot":
            command.add_argument("--browser", default="chromium", choices=["chromium", "firefox", "webkit"])
            command.add_argument(
                "--unit",
                type=Path,
                nargs="?",
                const=packages.ALGEBRA,
                help="measure a unit's imports instead, with and without its task snapshot (bench/units/algebra.py)",
            )
    options = parser.parse_args()
    console = Console(stderr=True)
    try:
        measure = BENCHMARKS[options.name][0]
        if getattr(options, "unit", None):
            measure = packages.measure_imports
        report = uvloop.run(_measure(measure, options, console))
    except DisioError as error:
        console.print(f"bench {options.name}: {error}", style="red")
        return 2
    if options.json:
        print(report.as_json())
    else:
        report.print(Console())
    return 0 if report.ok else 1


async def _measure(measure: Measure, options: argparse.Namespace, console: Console) -> Report:
    return await measure(options, console)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)

"""The command line: ``python -m tests.chaos [--quick] [--seed N] [--json]``; exit status 0 only if everything holds."""

import argparse
import asyncio
import json
import logging
import random
import shutil
import sys
import tempfile
from pathlib import Path

import structlog
import uvloop
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from disio.errors import DisioError
from tests.chaos.disk import unmount
from tests.chaos.namespaces import Namespaces, enter
from tests.chaos.run import FULL, SHORT, Outcome, chaos
from tests.chaos.schedule import Fault


def main() -> int:
    """Run it once; 0 if everything holds, 1 if not, 2 if it could not be run."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="A grid under attack, and a proof.")
    parser.add_argument("--quick", action="store_true", help="10,000 payloads and 20 faults, not 100,000 and 200")
    parser.add_argument("--seed", type=int, help="replay this schedule of faults; left out, a new one is made")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--keep", type=Path, help="an empty or new folder that keeps logs, journals and databases")
    options = parser.parse_args()
    console = Console(stderr=True)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL)
    )  # its links are cut often
    namespaces = enter()
    with tempfile.TemporaryDirectory(prefix="disio-chaos-") as temporary:
        seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
        console.print(f"seed {seed}; the same faults again: make chaos SEED={seed}{' QUICK=1' * options.quick}")
        folder = Path(temporary) / "grid"
        folder.mkdir()
        try:
            outcome = uvloop.run(_run(folder, seed, options, console, namespaces))
        except DisioError as error:
            console.print(f"chaos: {error}", style="red")
            return 2
        finally:
            if options.keep is not None:
                shutil.copytree(folder, options.keep, dirs_exist_ok=True, ignore=shutil.ignore_patterns("filler"))
            unmount(folder)
        if options.json:
            print(_as_json(outcome))
        else:
            _print(outcome, Console())
        return 0 if outcome.ok else 1


async def _run(
    folder: Path, seed: int, options: argparse.Namespace, console: Console, namespaces: Namespaces
) -> Outcome:
    size = SHORT if options.quick else FULL
    columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        results = progress.add_task("accepted", total=size.payloads)
        faults = progress.add_task("faults", total=size.faults)

        def show(accepted: int, begun: int, fault: Fault | None) -> None:
            progress.update(results, completed=accepted)
            told = f"faults: {fault.kind}, {fault.target}" if fault is not None else "faults"
            progress.update(faults, completed=begun, description=told)

        return await chaos(folder, seed, size, namespaces=namespaces, watcher=show)


def _as_json(outcome: Outcome) -> str:
    return json.dumps(
        {
            "seed": outcome.seed,
            "ok": outcome.ok,
            "faults": outcome.faults,
            "checks": outcome.findings.broken,
            "facts": outcome.findings.facts,
            "memory": outcome.memory,
            "skipped": outcome.skipped,
            "seconds": round(outcome.seconds, 1),
        }
    )


def _print(outcome: Outcome, console: Console) -> None:
    table = Table("fault", "times", title=f"{sum(outcome.faults.values())} faults, seed {outcome.seed}")
    for kind, count in outcome.faults.items():
        table.add_row(kind, f"{count:,}")
    console.print(table)
    table = Table("check", "", title="what holds")
    for rule, broken in outcome.findings.broken.items():
        table.add_row(rule, "[red]BROKEN[/]" if broken else "[green]holds[/]")
    console.print(table)
    for rule, broken in outcome.findings.broken.items():
        for example in broken:
            console.print(f"[red]{rule}[/]: {example}", markup=True, highlight=False)
    for fact, number in outcome.findings.facts.items():
        console.print(f"{number:,} {fact}")
    for name, (most, growth) in sorted(outcome.memory.items()):
        console.print(f"{name}: at most {most / 2**20:.0f} MiB, {growth / 2**20:.0f} MiB of them since it was warm")
    for reason in outcome.skipped:
        console.print(f"skipped: {reason}", style="yellow")
    console.print(f"{outcome.seconds:.0f} s; replay: make chaos SEED={outcome.seed}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(130)

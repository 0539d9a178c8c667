"""``disio demo``: a whole grid on this machine, real browsers, and digits of pi that are checked."""

import asyncio
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from disio.assets import asset
from disio.client import AsyncClient
from disio.errors import DisioError
from disio.figures import counted, duration
from disio.testing import VOLUNTEERING, Grid, find_browser, open_site, open_volunteers
from disio.unit import codec
from disio.unit.runner import open_unit
from disio.wire.api import Task

CHUNK = 16
SAMPLE_EVERY = 12
"""The native process computes each so-manieth payload."""
LINE_SECONDS = 3.0

app = typer.Typer()


@app.command()
def demo(
    *,
    open_: Annotated[bool, typer.Option("--open", help="Do not start browsers: print the address for yours.")] = False,
    digits: Annotated[int, typer.Option(help="Hexadecimal digits of pi to compute.", min=16, max=1_000_000)] = 8192,
    volunteers: Annotated[int, typer.Option(help="Headless browsers to start.", min=1, max=64)] = 2,
) -> None:
    """Compute hexadecimal digits of pi in real browsers, check every one, compare the speeds.

    Everything runs on this machine, on free loopback ports, in a temporary directory that is removed afterwards.

    Examples:
      disio demo
      disio demo --open
      disio demo --digits 2048 --volunteers 1
    """
    if not open_:
        find_browser("chromium")
    console = Console()
    right = asyncio.run(_demo(console, digits=digits, volunteers=0 if open_ else volunteers))
    raise typer.Exit(0 if right else 1)


def pi_hex(digits: int) -> str:
    """The first hexadecimal digits of pi after the point, by Machin's formula: shares nothing with the work unit.

    Source: J. Machin (1706), pi/4 = 4 arctan(1/5) - arctan(1/239), in fixed-point integers.
    """
    guard = 16
    one = 1 << (4 * (digits + guard))

    def arctan_inverse(x: int) -> int:
        power = total = one // x
        n, sign = 3, -1
        while power:
            power //= x * x
            total += sign * (power // n)
            n, sign = n + 2, -sign
        return total

    pi = 4 * (4 * arctan_inverse(5) - arctan_inverse(239))
    fraction = (pi - 3 * one) >> (4 * guard)
    return f"{fraction:0{digits}x}"


async def _demo(console: Console, *, digits: int, volunteers: int) -> bool:
    unit = asset("workunits") / "pi_digits.py"
    params = {"start": 0, "digits": digits, "chunk": CHUNK}
    console.print("[bold]Disio[/] computes hexadecimal digits of pi in browsers (Bailey, Borwein, Plouffe).\n")
    consent = VOLUNTEERING if volunteers else {}
    async with Grid() as grid, open_site(grid.url, attributes=consent) as site:
        assert grid.dashboard is not None  # noqa: S101 - this grid has one
        console.print(f"  dashboard    {grid.dashboard.ready['url']}")
        console.print(f"  distributor  {grid.url}")
        console.print(f"  site         {site}   [dim](an ordinary page with one script tag)[/]\n")
        if not volunteers:
            console.print(f"Open [bold]{site}[/] in your browser and press start. Ctrl-C ends everything.\n")
        async with open_volunteers(site, count=volunteers):
            task = await grid.client.submit(unit, params)
            start = time.perf_counter()
            done = await _watch(console, grid.client, task)
            seconds = time.perf_counter() - start
        if done.state != "finished":
            console.print(f"[red]The task ended as {done.state}: {done.error or 'see the failures above'}[/]")
            return False
        right = await _check(console, str(await grid.client.answer(task.id)), digits)
        if right:
            await _compare(console, grid.client, done, digits=digits, seconds=seconds)
        return right


async def _watch(console: Console, client: AsyncClient, task: Task) -> Task:
    """Follow the task to its end: a live bar on a terminal, a line every few seconds elsewhere."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("[bold]pi[/]"),
        BarColumn(),
        TextColumn("{task.fields[facts]}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    row = bar.add_task("pi", total=None, facts="waiting for browsers")
    view, told = task, time.monotonic()
    with bar:
        while not view.ended:
            view = await client.task(task.id, since=view.version, wait=5.0)
            facts = _facts(view)
            bar.update(row, total=view.payloads or None, completed=view.accepted, facts=facts)
            if bar.disable and time.monotonic() - told >= LINE_SECONDS:
                console.print(facts)
                told = time.monotonic()
    return view


def _facts(view: Task) -> str:
    if not view.accepted:
        return "waiting for browsers"
    facts = (
        f"{view.accepted * CHUNK:,} digits",
        f"{view.accepted:,}/{counted(view.payloads, 'payload')}",
        f"{view.rate * CHUNK:,.0f} digits/s",
        counted(view.volunteers, "volunteer"),
        f"{duration(view.seconds_left)} left",
    )
    return " · ".join(facts)


async def _check(console: Console, answer: str, digits: int) -> bool:
    """Every digit against an independent computation."""
    expected = await asyncio.to_thread(pi_hex, digits)
    wrong = sum(a != b for a, b in zip(answer.lower(), expected, strict=False)) + abs(len(answer) - len(expected))
    if wrong:
        console.print(f"\n[red]Wrong digits: {wrong:,} of {digits:,}.[/]")
        return False
    console.print(f"\n[green]All {digits:,} digits are right[/]: 3.{answer[:24]}...{answer[-8:]}")
    console.print("[dim]checked one by one against Machin's formula, computed here and now[/]\n")
    return True


async def _compare(console: Console, client: AsyncClient, task: Task, *, digits: int, seconds: float) -> None:
    """The closing table: how long one digit took natively, in one worker, and in all of them."""
    payloads: list[object] = []
    workers: set[str] = set()
    computing = 0.0
    async for result in client.results(task.id):
        computing += result.ms / 1000
        payloads.append(result.payload)
        workers.add(result.volunteer)
    native = await asyncio.to_thread(_native_seconds_per_digit, payloads[::SAMPLE_EVERY])
    table = Table(title="Time per digit", title_justify="left")
    table.add_column("where")
    table.add_column("ms per digit", justify="right")
    table.add_column("compared", justify="right")
    for where, value in (
        ("one native CPython process", native),
        ("one browser worker", computing / digits),
        (f"all browser workers ({len(workers)})", seconds / digits),
    ):
        table.add_row(where, f"{value * 1000:.3f}", f"{value / native:.2f}x")
    console.print(table)
    console.print("[dim]the last row is wall time, from submitting the task, and includes starting the browsers[/]")


def _native_seconds_per_digit(payloads: list[object]) -> float:
    source = (asset("workunits") / "pi_digits.py").read_text()
    session = open_unit(source, '{"task": "native", "filename": "pi_digits.py", "params": "bnVsbA=="}')
    encoded = [codec.encode(payload) for payload in payloads]
    start = time.perf_counter()
    session.load(str([[n, len(data)] for n, data in enumerate(encoded)]), b"".join(encoded))
    while session.queued:
        rows, _ = session.step(3600.0)
        if '"traceback"' in rows:
            raise DisioError("the work unit failed natively; run it with `disio run --local` to see why")
    return (time.perf_counter() - start) / (CHUNK * len(payloads))

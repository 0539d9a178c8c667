"""How figures, times and tasks are written for people."""

import math
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from disio.wire.api import Task

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

_COLOURS = {
    "running": "cyan",
    "reducing": "cyan",
    "finished": "green",
    "finished-with-failures": "yellow",
    "failed": "red",
    "cancelled": "dim",
}


def duration(seconds: float | None) -> str:
    """Seconds as people say them; a dash if unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def rate(per_second: float) -> str:
    """A rate with a sensible number of digits."""
    return f"{per_second:,.0f}/s" if per_second >= 10 else f"{per_second:.2g}/s"


def state(task: Task) -> str:
    """A task's state, coloured; says so if its manager is away."""
    text = f"[{_COLOURS.get(task.state, 'default')}]{task.state}[/]"
    return text if task.reachable else f"{text} [red](manager away)[/]"


def payloads(task: Task) -> str:
    """How many payloads are accepted, of how many; with a plus while the split goes on."""
    return f"{task.accepted:,} / {task.payloads:,}{'' if task.split_done or task.ended else '+'}"


def task_table(tasks: Iterable[Task]) -> Table:
    """All tasks, one a line."""
    table = Table(box=None, pad_edge=False)
    for name, justify in (
        ("TASK", "left"),
        ("NAME", "left"),
        ("STATE", "left"),
        ("ACCEPTED", "right"),
        ("FAILED", "right"),
        ("RATE", "right"),
        ("LEFT", "right"),
    ):
        table.add_column(name, justify=justify, overflow="fold" if name == "TASK" else "ellipsis", no_wrap=True)  # type: ignore[arg-type]
    for task in tasks:
        running = not task.ended
        table.add_row(
            task.id,
            task.name or task.filename,
            state(task),
            payloads(task),
            f"{task.failed:,}" if task.failed else "",
            rate(task.rate) if running else "",
            duration(task.seconds_left) if running else "",
        )
    return table

"""How tasks are written on the terminal, and where to."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from disio.figures import duration, rate
from disio.wire.api import Task

out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
err = Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else 160)

LINE_CHARACTERS = 400
"""Longer lines of what units say are cut in the middle."""

_COLOURS = {
    "running": "cyan",
    "paused": "yellow",
    "reducing": "cyan",
    "finished": "green",
    "finished-with-failures": "yellow",
    "failed": "red",
    "cancelled": "dim",
    "deleting": "dim",
}


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
    for name in ("TASK", "NAME", "STATE"):
        table.add_column(name, no_wrap=name != "NAME", min_width=12 if name == "TASK" else None, overflow="ellipsis")
    for name in ("ACCEPTED", "FAILED", "RATE", "LEFT"):
        table.add_column(name, no_wrap=True, justify="right")
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


def cut(text: str) -> str:
    """A text for people: of lines that fill a screen, what is at their beginnings and ends."""
    head = LINE_CHARACTERS * 3 // 4
    tail = LINE_CHARACTERS - head - 1
    return "\n".join(
        line if len(line) <= LINE_CHARACTERS else f"{line[:head]}…{line[-tail:]}" for line in text.split("\n")
    )


def indented(text: str, style: str = "") -> None:
    """Write a text below its heading; without blanks at the ends of lines where a program may read it."""
    if out.is_terminal:
        out.print(Padding(Text(text, style), (0, 0, 0, 3), expand=False))
    else:
        out.print(Text("\n".join(f"   {line}".rstrip() for line in text.split("\n"))), soft_wrap=True)


def warn(filename: str, warnings: Iterable[object]) -> None:
    """What a unit does that may not do in browsers."""
    for warning in warnings:
        err.print(Text.assemble(("warning", "yellow"), f" {filename}, {warning}"))

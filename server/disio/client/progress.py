"""A task's progress while it is waited for: a live line on a terminal, live HTML in Jupyter, nothing elsewhere."""

import html
import sys
from importlib import import_module
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.progress import Task as Row
from rich.table import Column
from rich.text import Text

from disio.figures import counted, duration, rate
from disio.wire.api import Task


class Display(Protocol):
    """Shows a task while it is waited for; a context manager."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
    def show(self, task: Task) -> None:
        """Show the task as it is now."""


def display() -> Display:
    """What fits the place where this program runs."""
    return NotebookProgress() if _in_jupyter() else TaskProgress(Console(stderr=True, highlight=False))


def _in_jupyter() -> bool:
    """Whether this is a notebook's kernel. IPython is looked for only where it is loaded already."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def facts_of(task: Task) -> list[str]:
    """Rate, volunteers, time left and failures, in words."""
    if task.state != "running":
        return [task.state, *([f"{task.failed} failed"] if task.failed else [])]
    facts = [
        rate(task.rate),
        counted(task.volunteers, "volunteer"),
        f"{duration(task.seconds_left)} left",
    ]
    return [*facts, f"{task.failed} failed"] if task.failed else facts


class _OneLine(TextColumn):
    """Text that is cut where there is no room for it, not wrapped."""

    def render(self, task: Row) -> Text:
        text = super().render(task)
        text.no_wrap, text.overflow = True, "ellipsis"
        return text


class TaskProgress:
    """Shows accepted payloads, rate, volunteers and time left on a terminal. Use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            _OneLine("{task.description}", table_column=Column()),
            BarColumn(bar_width=None, table_column=Column(max_width=40)),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[facts]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._bar = self._bars.add_task("", total=None, facts="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, task: Task) -> None:
        """Show the task as it is now."""
        self._bars.update(
            self._bar,
            description=f"{task.name or task.filename} [dim]{task.id}[/]",
            completed=task.accepted + task.failed,
            total=max(task.payloads, 1) if task.split_done else None,
            facts=" · ".join(facts_of(task)),
        )


class NotebookProgress:
    """The same in a notebook: plain HTML, without widgets, which stays in the saved notebook."""

    def __init__(self) -> None:
        self._handle: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def show(self, task: Task) -> None:
        """Show the task as it is now."""
        shown = import_module("IPython.display")
        page = shown.HTML(as_html(task))
        if self._handle is None:
            self._handle = shown.display(page, display_id=True)
        else:
            self._handle.update(page)


def as_html(task: Task) -> str:
    """A task's progress as a piece of HTML."""
    done = task.accepted + task.failed
    total = f' max="{max(task.payloads, 1)}" value="{done}"' if task.split_done or task.ended else ""
    name = html.escape(task.name or task.filename)
    count = f"{done:,} / {task.payloads:,}{'' if task.split_done or task.ended else '+'}"
    return (
        f'<div><strong>{name}</strong> <code>{html.escape(task.id)}</code> <progress{total} style="width: 16em">'
        f"</progress> {count} · {html.escape(' · '.join(facts_of(task)))}</div>"
    )

"""A task's progress while it is waited for: a live line on a terminal, nothing elsewhere."""

from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from disio.cli import output
from disio.figures import duration, rate
from disio.wire.api import Task


class TaskProgress:
    """Shows accepted payloads, rate, volunteers and time left. Use as a context manager."""

    def __init__(self) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
            console=output.err,
            disable=not output.err.is_terminal,
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
        facts = [
            rate(task.rate),
            f"{task.volunteers} volunteer{'' if task.volunteers == 1 else 's'}",
            f"{duration(task.seconds_left)} left",
        ]
        if task.failed:
            facts.append(f"{task.failed} failed")
        self._bars.update(
            self._bar,
            description=f"{task.name or task.filename} [dim]{task.id}[/]",
            completed=task.accepted + task.failed,
            total=max(task.payloads, 1) if task.split_done else None,
            facts=" · ".join(facts) if task.state == "running" else task.state,
        )

"""``disio status`` and ``disio cancel``."""

from typing import Annotated

import typer
from rich.table import Table

from disio.cli import output
from disio.cli.commands import JsonOption, UrlOption
from disio.client import Client, Task
from disio.figures import duration, milliseconds, rate
from disio.wire.api import encode

TaskArgument = Annotated[str, typer.Argument(metavar="TASK", help="The task's id.")]


def status(
    task: Annotated[str | None, typer.Argument(metavar="[TASK]", help="The task's id; all tasks if left out.")] = None,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show all tasks, or one.

    Examples:
      disio status
      disio status m4n8gr-1 --json
    """
    with Client(url) as client:
        if task is not None:
            _show(client.task(task), as_json=as_json)
            return
        tasks = client.tasks()
    if as_json:
        output.out.out(encode(tasks).decode(), highlight=False)
    elif tasks:
        output.out.print(output.task_table(tasks))
    else:
        output.out.print("There are no tasks yet; `disio submit UNIT.py` makes one.")


def cancel(task: TaskArgument, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Cancel a task. What was accepted stays.

    Examples:
      disio cancel m4n8gr-1
    """
    with Client(url) as client:
        cancelled = client.cancel(task)
    if as_json:
        _show(cancelled, as_json=True)
    else:
        output.out.print(f"{cancelled.id} {output.state(cancelled)}: {output.payloads(cancelled)} payloads accepted")


def _show(task: Task, *, as_json: bool) -> None:
    if as_json:
        output.out.out(encode(task).decode(), highlight=False)
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    rows = [
        ("task", task.id),
        ("name", task.name or task.filename),
        ("state", output.state(task)),
        ("accepted", output.payloads(task)),
        ("waiting, computing, failed", f"{task.ready:,}, {task.leased:,}, {task.failed:,}"),
        ("volunteers", f"{task.volunteers:,}"),
        ("rate", rate(task.rate)),
        ("time per payload", milliseconds(task.mean_ms)),
    ]
    if not task.ended:
        rows.append(("time left", duration(task.seconds_left)))
    elif task.finished is not None:
        rows.append(("took", duration(task.finished - task.created)))
    if task.has_answer:
        rows.append(("answer", f"disio results {task.id} --answer"))
    for name, value in rows:
        table.add_row(name, value)
    output.out.print(table)
    if task.error:
        output.out.print(f"\n{task.error}", markup=False)

"""``disio status``, ``cancel``, ``pause``, ``resume`` and ``delete``."""

from typing import Annotated

import typer
from rich.table import Table

from disio.cli import output
from disio.cli.commands import JsonOption, UrlOption
from disio.client import Client, Task
from disio.errors import NotFoundError
from disio.figures import duration, milliseconds, rate, size
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
        _tell(client.cancel(task), as_json=as_json)


def pause(task: TaskArgument, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Pause a task.

    Volunteers stop computing it, nothing is lost, and answers that were under way are still used. `disio resume` has it
    go on.

    Examples:
      disio pause m4n8gr-1
    """
    with Client(url) as client:
        _tell(client.pause(task), as_json=as_json)


def resume(task: TaskArgument, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Have a paused task go on.

    Examples:
      disio resume m4n8gr-1
    """
    with Client(url) as client:
        _tell(client.resume(task), as_json=as_json)


def delete(
    task: TaskArgument,
    force: Annotated[bool, typer.Option("--force", help="Cancel the task first if it has not ended.")] = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a task with all its results.

    It must have ended, and is gone for good. Others go on meanwhile. Says how much space that has freed.

    Examples:
      disio delete m4n8gr-1
      disio delete m4n8gr-2 --force
    """
    with Client(url) as client, output.err.status(f"deleting {task} …") as shown:
        try:
            client.task(task)
            there = True
        except NotFoundError:  # its manager may still know of the deletion
            there = False
        deleted = client.delete(
            task, force=force, on_progress=lambda so_far: shown.update(f"deleting {task} … {size(so_far.freed)} so far")
        )
    if as_json:
        output.out.out(encode(deleted).decode(), highlight=False)
    elif there:
        output.out.print(f"{deleted.id} deleted: {size(deleted.freed)} freed")
    else:
        output.out.print(f"{deleted.id} is gone already: it was deleted before")


def _tell(task: Task, *, as_json: bool) -> None:
    if as_json:
        _show(task, as_json=True)
    else:
        output.out.print(f"{task.id} {output.state(task)}: {output.payloads(task)} payloads accepted")


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
        ("time per payload", milliseconds(task.mean_ms) if task.mean_ms else "-"),
    ]
    if not task.ended:
        rows.append(("time left", duration(task.seconds_left)))
    elif task.finished is not None:
        rows.append(("took", duration(task.finished - task.created)))
    if task.checked:
        each = f", {task.executions_each:.2f} a payload" if task.accepted else ""
        rows += [
            ("executions", f"{task.executions:,}{each}"),
            ("disagreements", f"{task.disagreements:,}"),
            ("volunteers blacklisted, suspected", f"{task.blacklisted:,}, {task.suspects:,}"),
            ("wrong answers, estimated", f"{task.doubt:.1g} at most" if task.accepted else "-"),
        ]
    if task.shortage:
        rows.append(("waits", task.shortage))
    if task.has_answer:
        rows.append(("answer", f"disio results {task.id} --answer"))
    for name, value in rows:
        table.add_row(name, value)
    output.out.print(table)
    output.warn(task.filename, task.warnings)
    if task.error:
        output.out.print(f"\n{task.error}", markup=False)

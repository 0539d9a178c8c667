"""``disio explain``."""

from rich.text import Text

from disio.cli import output
from disio.cli.commands import JsonOption, UrlOption
from disio.cli.tasks import TaskArgument
from disio.client import Client, Task
from disio.client.explaining import EXAMPLES, FailureKind
from disio.client.explaining import explain as kinds_of
from disio.figures import counted
from disio.wire.api import encode


def explain(task: TaskArgument, url: UrlOption = None, as_json: JsonOption = False) -> None:
    """Sum up why payloads of a task failed: by kind, with the place in the unit and what helps.

    Examples:
      disio explain m4n8gr-1
      disio explain m4n8gr-1 --json
    """
    with Client(url) as client:
        seen = client.task(task)
        kinds = kinds_of(client.failures(task))
    if as_json:
        told = {"task": seen.id, "state": seen.state, "error": seen.error, "failed": seen.failed}
        output.out.out(encode({**told, "kinds": [_as_table(kind) for kind in kinds]}).decode(), highlight=False)
        return
    _tell_task(seen, len(kinds))
    for number, kind in enumerate(kinds, 1):
        _tell(number, kind)


def _as_table(kind: FailureKind) -> dict[str, object]:
    names = ("kind", "message", "place", "payloads", "indexes", "volunteers", "traceback", "log", "advice")
    return {**{name: getattr(kind, name) for name in names}, "browsers": sorted(kind.browsers)}


def _tell_task(task: Task, kinds: int) -> None:
    output.out.print(f"[bold]{task.id}[/] {output.state(task)}: {output.payloads(task)} payloads accepted")
    if task.error:
        output.out.print(f"\n{output.cut(task.error)}", markup=False, soft_wrap=True)
    if not kinds:
        output.out.print("No payload was set aside." if not task.error else "No payload was set aside besides.")
    else:
        ways = "in one way" if kinds == 1 else f"in {kinds:,} ways"
        output.out.print(f"{counted(task.failed, 'payload')} failed, {ways}:")


def _tell(number: int, kind: FailureKind) -> None:
    head = Text.assemble(f"\n{number}. ", (output.cut(kind.message), "bold"))
    if kind.place:
        head.append(f"  {kind.place}", "cyan")
    named = ", ".join(f"{index:,}" for index in kind.indexes)
    more = "" if kind.payloads <= EXAMPLES else ", ..."
    told = f"{kind.kind}: {counted(kind.payloads, 'payload')} ({named}{more})"
    output.out.print(head, soft_wrap=True)
    browsers = f" ({', '.join(sorted(kind.browsers))})" if kind.browsers else ""
    where = f"in {counted(kind.volunteers, 'volunteer')}{browsers}"
    output.indented(f"{told}, {where}")
    for title, text in (("", kind.traceback), ("printed before:", kind.log)):
        if text:
            shown = f"{title}\n{text}".strip() if title else text.rstrip()
            output.indented(output.cut(shown), "dim")
    if kind.advice:
        output.indented(f"What helps: {kind.advice}.")

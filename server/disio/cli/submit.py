"""``disio submit``."""

from pathlib import Path
from typing import Annotated

import typer

from disio.cli import output
from disio.cli.checking import check_first
from disio.cli.commands import JsonOption, UrlOption
from disio.cli.parameters import DataOption, ParamOption, ParamsOption, parse_data, parse_parameters, tell_sweep
from disio.client import Client, Task
from disio.client.progress import TaskProgress
from disio.wire.api import encode


def submit(
    *,
    module: Annotated[Path, typer.Argument(metavar="MODULE", help="The work unit: a Python module with run(payload).")],
    param: ParamOption = None,
    params: ParamsOption = None,
    data: DataOption = None,
    name: Annotated[str, typer.Option(help="What to call the task.", show_default="the unit's")] = "",
    priority: Annotated[int, typer.Option(help="Higher goes first.", min=-1000, max=1000)] = 0,
    sites: Annotated[
        list[str] | None,
        typer.Option(
            "--site", metavar="HOST", help="Only visitors of this site compute it; *.HOST: of all below. Repeatable."
        ),
    ] = None,
    manager: Annotated[
        str, typer.Option(metavar="ID", help="Which manager shall own it.", show_default="the least busy")
    ] = "",
    check: Annotated[
        int, typer.Option(metavar="COUNT", help="First compare so many payloads with a browser, to the byte.", min=0)
    ] = 0,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for its end; status 0 only if it finished without failures.")
    ] = False,
    url: UrlOption = None,
    as_json: JsonOption = False,
) -> None:
    """Submit a work unit with parameters.

    Examples:
      disio submit pi_digits.py -p digits=1000 --wait
      disio submit epidemic.py -p beta=0.1:0.5:0.1 -p gamma=0.05,0.1 -p model=SIR
      disio submit align.py --data genome=chr21.fa -p reads=1000
      disio submit sweep.py --params @params.json --name 'beta sweep' --priority 5
    """
    given = parse_parameters(param, params)
    tell_sweep(given)
    payloads = given.payloads
    if check:
        checked = check_first(module, given.params, payloads, check)
        payloads = None if payloads is None else checked
    with Client(url) as client:
        task = client.submit(
            module,
            given.params,
            payloads=payloads,
            data=parse_data(data),
            on_prepare=_tell_preparing,
            name=name,
            priority=priority,
            sites=sites or (),
            manager=manager,
        )
        output.warn(task.filename, task.warnings)
        if not wait:
            _tell(task, as_json=as_json, ended=False)
            return
        if not as_json:
            output.err.print(f"task [bold]{task.id}[/] submitted; Ctrl-C stops waiting, not the task")
        with TaskProgress(output.err) as progress:
            task = client.wait(task.id, on_progress=progress.show)
    _tell(task, as_json=as_json, ended=True)
    if task.state != "finished":
        raise typer.Exit(1)


def _tell_preparing(what: str) -> None:
    if output.err.is_terminal:
        output.err.print(f"[dim]{what}[/]")


def _tell(task: Task, *, as_json: bool, ended: bool) -> None:
    if as_json:
        output.out.out(encode(task).decode(), highlight=False)
    elif not ended:
        # The id alone on standard output, so that a script can keep it.
        output.out.out(task.id, highlight=False)
    else:
        output.out.print(f"{task.id} {output.state(task)}: {output.payloads(task)} payloads accepted")
        if task.error:
            output.err.print(task.error, markup=False)
        if task.failed:
            output.err.print(f"{task.failed} failed; see `disio results {task.id} --failures`")

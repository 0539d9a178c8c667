"""``disio submit``."""

from typing import Annotated

import typer

from disio.cli import output
from disio.cli.checking import check_first
from disio.cli.commands import JsonOption, UnitArgument, UrlOption
from disio.cli.parameters import DataOption, ParamOption, ParamsOption, parse_data, parse_parameters, tell_sweep
from disio.client import Client, Task
from disio.client.progress import TaskProgress
from disio.unit.checking import Checking
from disio.wire.api import encode


def submit(
    *,
    module: UnitArgument,
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
    error_rate: Annotated[
        float | None, typer.Option(help="Share of wrong answers to live with; 1: no checking.", show_default="unit's")
    ] = None,
    assume_bad: Annotated[
        float | None, typer.Option(help="Share of answers assumed to come from bad volunteers.", show_default="unit's")
    ] = None,
    quorum: Annotated[
        int | None, typer.Option(help="Plain voting: so many equal answers decide.", show_default="unit's")
    ] = None,
    stint: Annotated[
        int | None, typer.Option(help="Leases after which a volunteer's answers count.", show_default="unit's")
    ] = None,
    check_share: Annotated[
        float | None, typer.Option(help="Share of leases that are spot-checks.", show_default="unit's, or the cheapest")
    ] = None,
    trust: Annotated[
        list[str] | None,
        typer.Option(
            "--trust",
            metavar="KEY",
            help="Believe holders of this key at once, of no others; none: nobody. Repeatable.",
        ),
    ] = None,
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
      disio submit ./galaxies -p seed=1:100
      disio submit align.py --data genome=chr21.fa -p reads=1000
      disio submit sweep.py --params @params.json --name 'beta sweep' --priority 5
      disio submit sweep.py --error-rate 1e-6 --assume-bad 0.1 --trust lab
      disio submit sweep.py --quorum 2
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
            checking=Checking(
                error_rate=error_rate,
                assume_bad=assume_bad,
                quorum=quorum,
                stint=stint,
                check_share=check_share,
                trust_volunteers=None if trust is None else tuple(key for key in trust if key != "none"),
            ).stated(),
        )
        output.warn(task.filename, task.warnings)
        if not wait:
            if output.err.is_terminal:
                output.err.print(f"[dim]submitted to {client.url}/tasks/{task.id}[/]", soft_wrap=True)
            _tell(task, as_json=as_json, ended=False)
            return
        if not as_json:
            where = f"{client.url}/tasks/{task.id}"
            output.err.print(
                f"task [bold]{task.id}[/] submitted to {where}; Ctrl-C stops waiting, not the task", soft_wrap=True
            )
        with TaskProgress(output.err) as progress:
            task = client.wait(task.id, on_progress=progress.show)
    _tell(task, as_json=as_json, ended=True)
    if task.state != "finished":
        raise typer.Exit(1)


def _is_of_no_payloads(warning: str) -> bool:
    return warning.startswith("no payloads")


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
        if not task.payloads and task.state == "finished" and not any(map(_is_of_no_payloads, task.warnings)):
            output.err.print("no payloads: split gave none for these parameters")
        if task.error:
            output.err.print(task.error, markup=False)
        if task.failed:
            output.err.print(f"{task.failed} failed; why: disio explain {task.id}")

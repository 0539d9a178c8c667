"""``disio doctor``."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from disio.checkup import Finding, Level, look
from disio.cli import data, output
from disio.cli.commands import JsonOption

_MARKS = {Level.GOOD: "[green]ok   [/]", Level.NOTE: "[yellow]note [/]", Level.WRONG: "[red]WRONG[/]"}


class Report(msgspec.Struct):
    """What was found out about one data directory."""

    directory: str
    kind: str
    healthy: bool
    findings: list[Finding]


def doctor(
    directory: Annotated[
        Path | None, typer.Argument(metavar="[DATA]", help="The directory that was given with --data.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Look at a data directory, and say in words what is wrong.

    Looks at a manager's, a distributor's, or both below the one of `disio up`. Nothing is changed, and they may be
    running. Exit status 1 if something is wrong.

    Examples:
      disio doctor
      disio doctor /srv/disio/manager --json
    """
    reports = []
    for place, kind in data.find(directory, option="disio doctor DIRECTORY"):
        findings = list(look(place, kind))
        healthy = all(finding.level is not Level.WRONG for finding in findings)
        reports.append(Report(str(place), kind.name, healthy, findings))
    if as_json:
        output.out.out(msgspec.json.encode(reports).decode(), highlight=False)
    else:
        for report in reports:
            _show(report)
    if not all(report.healthy for report in reports):
        raise typer.Exit(1)


def _show(report: Report) -> None:
    output.out.print(f"[bold]{report.kind}[/] in {report.directory}", soft_wrap=True)
    for finding in report.findings:
        output.out.print(f"  {_MARKS[finding.level]}", end=" ")
        output.out.print(finding.what, markup=False, soft_wrap=True)
        if finding.do:
            output.out.print(f"        what to do: {finding.do}", markup=False, soft_wrap=True)

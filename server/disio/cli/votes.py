"""Shows the votes for a payload: ``disio results TASK --why INDEX``."""

from datetime import UTC, datetime

from rich.table import Table

from disio.cli import output
from disio.wire.api import Ballot, Vote, encode


def show_votes(ballot: Ballot, *, as_json: bool) -> None:
    """Why an answer is believed, and each vote for it."""
    if as_json:
        output.out.out(encode(ballot).decode(), highlight=False)
        return
    output.out.print(f"payload {ballot.index}: {ballot.reason}", markup=False)
    if not ballot.votes:
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("volunteer", "network", "answer", "counts", "standing", "lease", "stint", "when"):
        table.add_column(heading, overflow="fold")
    if any(vote.rests_on for vote in ballot.votes):
        table.add_column("on states of", overflow="fold")
    for vote in ballot.votes:
        table.add_row(*_row(vote), *([", ".join(vote.rests_on)] if vote.rests_on else []))
    output.out.print(table)


def _row(vote: Vote) -> tuple[str, ...]:
    answer = "failed" if vote.failed else vote.digest
    return (
        vote.volunteer,
        vote.network or "-",
        f"{answer} (accepted)" if vote.stands else answer,
        "yes" if vote.counts else "no",
        "trusted" if vote.trusted else vote.standing,
        "check" if vote.check else "work",
        f"{vote.stint}, {vote.position}",
        datetime.fromtimestamp(vote.received, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    )

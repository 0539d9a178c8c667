"""How answers are to be checked, and why they are believed: ``submit`` and ``results --why`` with a real grid."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from disio.testing import Grid
from disio.testing.volunteer import PythonVolunteer

from .conftest import Desk

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNIT = "def split(params):\n    return range(params['count'])\ndef run(payload):\n    return payload * payload\n"
STRANGERS = ("--error-rate", "1e-3", "--assume-bad", "0.1", "--stint", "5", "--trust", "none")
LIMIT = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(bundle: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Grid]:
    """A grid on which this machine's volunteers are of different networks, and have the key ``loopback``."""
    directory = tmp_path_factory.mktemp("grid")
    async with Grid(directory, distributor_options=("--network-prefix", "off")) as opened:
        yield opened


@contextlib.asynccontextmanager
async def computing(grid: Grid, count: int) -> AsyncIterator[list[PythonVolunteer]]:
    """Volunteers that work while the context is open."""
    volunteers = [PythonVolunteer(grid.url, window=4) for _ in range(count)]
    running = [asyncio.create_task(volunteer.run()) for volunteer in volunteers]
    try:
        yield volunteers
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_the_votes_of_an_accepted_answer(desk: Desk, grid: Grid) -> None:
    """Text and JSON name every voter, what it answered and that it counts, and what they come to."""
    async with computing(grid, 5) as volunteers:
        task = await desk.submitted(4, *STRANGERS)
        await grid.client.wait(task, timeout=LIMIT)
        text, ballot = await desk.why(task, 2)
        names = {volunteer.volunteer for volunteer in volunteers}
    assert ballot["state"] == "accepted"
    assert ballot["reason"].startswith("Accepted: ")
    assert 0 < ballot["doubt"] <= ballot["allowed"] == 1e-3
    votes = ballot["votes"]
    voters = [vote["volunteer"] for vote in votes]
    assert len(set(voters)) == len(voters) >= 2
    assert set(voters) <= names
    assert len({vote["network"] for vote in votes}) == len(votes)
    assert len({vote["digest"] for vote in votes}) == 1
    assert all(vote["stands"] and not vote["trusted"] and vote["standing"] == "good" for vote in votes)
    assert f"{sum(vote['counts'] for vote in votes)} votes count for this answer" in ballot["reason"]
    heading, *lines = text.splitlines()[1:]
    assert heading.split() == ["volunteer", "network", "answer", "counts", "standing", "lease", "stint", "when"]
    shown = "".join("".join(line.split()) for line in lines)  # columns that are too narrow are folded
    assert shown.count("(accepted)") == len(votes)
    assert all(vote["volunteer"][:8] in text and vote["digest"][:8] in text for vote in votes)


async def test_why_an_answer_is_not_accepted_yet(desk: Desk, grid: Grid) -> None:
    """Before anybody answered there is no vote; one stranger's vote does not suffice, and that is what is said."""
    task = await desk.submitted(1, *STRANGERS)
    async with asyncio.timeout(LIMIT):
        while (await grid.client.task(task)).ready < 1:  # noqa: ASYNC110 - the split tells nobody else
            await asyncio.sleep(0.05)
    text, ballot = await desk.why(task, 0)
    assert (ballot["state"], ballot["votes"], ballot["doubt"]) == ("open", [], 1.0)
    assert text == "payload 0: Open: nobody has answered it yet.\n"
    async with computing(grid, 1):
        async with asyncio.timeout(LIMIT):
            while not any(vote.counts for vote in (await grid.client.votes(task, 0)).votes):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.05)  # there is nothing more for it, so its vote counts soon
        text, ballot = await desk.why(task, 0)
    assert ballot["state"] == "open"
    assert [vote["stands"] for vote in ballot["votes"]] == [False]
    assert (
        ballot["reason"]
        == "Open: 1 vote counts for the leading answer; the doubt about it is 0.11, and 0.001 is allowed."
    )
    assert "(accepted)" not in text
    missing = await desk("results", task, "--why", 1)
    assert (missing.returncode, missing.stdout) == (1, "")
    assert missing.stderr == f"disio: task {task} has no payload 1; its payloads so far are 0 to 0\n"
    assert (await desk("results", task, "--why", 1, "--json")).returncode == 1
    await grid.client.cancel(task)


async def test_the_checking_asked_for_is_what_is_done(desk: Desk, grid: Grid) -> None:
    """Error rate, assumed share, quorum and trusted keys of the command are those of the task."""
    client = grid.client
    async with computing(grid, 2) as volunteers:
        for options in (("--trust", "loopback"), ("--trust", "lab", "--trust", "loopback")):
            task = await desk.submitted(2, "--error-rate", "1e-5", *options)
            done = await client.wait(task, timeout=LIMIT)
            assert (done.accepted, done.executions, done.doubt) == (2, 2, 0.0)
            ballot = await client.votes(task, 0)
            assert ballot.allowed == 1e-5
            assert [vote.trusted for vote in ballot.votes] == [True]
        two = await desk.submitted(2, "--quorum", "2", "--trust", "none")
        done = await client.wait(two, timeout=LIMIT)
        assert (done.accepted, done.executions) == (2, 4)
        assert {vote.volunteer for vote in (await client.votes(two, 1)).votes} == {one.volunteer for one in volunteers}
        assert "2 are asked for" in (await client.votes(two, 1)).reason
        unchecked = await client.wait(await desk.submitted(2, "--error-rate", "1", "--trust", "none"), timeout=LIMIT)
        assert (unchecked.accepted, unchecked.checked) == (2, False)
        # How many strangers the first answer takes follows from the two shares; the holder of no other key is one.
        for options, needed in (
            (("--error-rate", "1e-3", "--assume-bad", "0.1", "--trust", "none"), 4),
            (("--error-rate", "1e-3", "--assume-bad", "0.3", "--trust", "lab"), 9),
            (("--error-rate", "1e-6", "--assume-bad", "0.1", "--trust", "lab"), 7),
        ):
            task = await desk.submitted(1, *options)
            seen = await client.task(task)
            async with asyncio.timeout(LIMIT):
                while seen.executions < 1:
                    seen = await client.task(task, since=seen.version, wait=5)
            assert seen.accepted == 0
            keys = "" if options[-1] == "none" else "a volunteer with the key lab, or "
            assert seen.shortage.startswith(f"needs {keys}answers from {needed} volunteers of different networks; ")
            await client.cancel(task)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--error-rate", "0"), "error_rate is 0: give a share above 0"),
        (("--error-rate", "nan"), "error_rate is 'nan'; it must be a number"),
        (("--error-rate", "little"), "--error-rate"),
        (("--assume-bad", "0.5"), "assume_bad is 0.5: give a share from 0 to below 0.5"),
        (("--assume-bad", "-0.1"), "assume_bad is -0.1"),
        (("--quorum", "65"), "quorum is 65: give a number of votes"),
        (("--stint", "1"), "stint is 1: give from 2"),
        (("--check-share", "0.6"), "check_share is 0.6: give a share"),
        (("--trust", "keys/lab.key"), "'keys/lab.key', which names no key"),
        (("--trust", ""), "'', which names no key"),
    ],
)
async def test_checking_that_makes_no_sense_is_refused(
    desk: Desk, grid: Grid, options: tuple[str, ...], says: str
) -> None:
    """One line says what is wrong and what to give, with a second on where to read on; nothing is queued."""
    before = [task.id for task in await grid.client.tasks()]
    told = await desk("submit", desk.unit, "-p", "count=1", *options)
    assert told.returncode in (1, 2)
    assert told.stdout == ""
    problem, *more = told.stderr.splitlines()
    assert problem.startswith("disio: ")
    assert says in problem
    assert more in ([], ["Try: disio submit --help"])
    assert [task.id for task in await grid.client.tasks()] == before

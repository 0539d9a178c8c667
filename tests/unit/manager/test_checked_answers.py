"""Answers that are checked: real volunteers of several networks, some of them bad, and a real manager."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from disio.manager.links import NEWCOMER_LEASES
from disio.unit.codec import decode
from disio.wire import grid

from .scripted import ScriptedDistributor, linked, started

DOUBLE = '"""Doubles."""\ndef run(payload):\n    return payload * 2\n'
CHECKED: dict[str, Any] = {"error_rate": 1e-3, "assume_bad": 0.1, "stint": 5}
HONEST = [f"good{number}" for number in range(8)]
BAD = ["bad0", "bad1"]


def double(value: int) -> int:
    """The right answer."""
    return value * 2


@contextlib.asynccontextmanager
async def working(
    one: ScriptedDistributor, *crews: tuple[list[str], Callable[[Any], Any] | None]
) -> AsyncIterator[None]:
    """Volunteers that take a few payloads at a time and answer, all crews at once."""
    workers = [
        asyncio.create_task(one.work(volunteer, compute, window=4)) for names, compute in crews for volunteer in names
    ]
    try:
        yield
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def right(one: ScriptedDistributor, task: str) -> bool:
    """Whether every accepted answer is right."""
    return all(decode(item.data) == double(decode(item.payload)) for item in await one.results(task))


async def test_answers_need_volunteers_of_different_networks(tmp_path: Path) -> None:
    """Many volunteers of one network are one voter: the task says what it lacks, and ends once others come."""
    async with linked(tmp_path) as one:
        tabs = [f"tab{number}" for number in range(6)]
        await one.join(*tabs, network="the same")
        task = await one.submit(DOUBLE, {"stop": 12}, checking=CHECKED)
        async with working(one, (tabs, double)):
            view = await one.when(task.task, lambda view: view.executions >= 12)
            assert view.accepted == 0
            assert view.shortage == (
                "needs a trusted volunteer, or answers from 4 volunteers of different networks; 1 is here"
            )
            await one.join(*HONEST)
            async with working(one, (HONEST, double)):
                view = await one.ended(task.task)
        assert (view.accepted, view.failed, view.blacklisted) == (12, 0, 0)
        assert 0 < view.doubt <= 1e-3
        assert await right(one, task.task)


async def test_a_task_for_sites_that_nobody_visits_says_whom_it_waits_for(tmp_path: Path) -> None:
    """A trusted volunteer of another site is none for it, and is not what it lacks."""
    async with linked(tmp_path) as one:
        await one.join("lab", key="lab")  # at site.test
        task = await one.submit(DOUBLE, {"stop": 2}, checking=CHECKED, sites=["lab.example", "*.other.example"])
        other = await one.submit(DOUBLE, {"stop": 2}, checking=CHECKED)
        async with working(one, (["lab"], double)):
            await one.ended(other.task)
            view = await one.when(task.task, lambda view: view.split_done)
        assert view.shortage == (
            "is for visitors of lab.example, *.other.example only, and needs a trusted volunteer, or answers from "
            "4 volunteers of different networks there; none of them is here"
        )


async def test_whoever_found_nothing_first_is_known_later(tmp_path: Path) -> None:
    """A volunteer whose network holds all there is, and who is given something later, votes as everybody does."""
    async with started(tmp_path) as first, ScriptedDistributor(first.address) as one:
        await one.hello()
        task = (await one.submit(DOUBLE, {"stop": 1}, checking={"quorum": 2})).task
        await one.join("tab", "other tab", network="the same")
        [lease] = await one.leases("tab", 1)
        await one.want("other tab", 1)
        await one.until(lambda: "other tab" in one.dry)
        await one.send(grid.Left("tab"))
        [lease] = await one.leases("other tab", 1)
        await one.answer("other tab", [lease], double)
        await one.until(lambda: lease.lease in one.acked)
        await first.kill()
    async with started(tmp_path) as second, ScriptedDistributor(second.address) as one:
        await one.hello()
        await one.join("good")
        async with working(one, (["good"], double)):
            view = await one.ended(task)
        assert (view.accepted, view.executions) == (1, 2)
        assert await right(one, task)


async def test_garbage_is_not_accepted(tmp_path: Path) -> None:
    """Who answers everything at once with the same garbage is blacklisted, and all that it answered is withdrawn."""
    async with linked(tmp_path, *HONEST, *BAD) as one:
        task = await one.submit(DOUBLE, {"stop": 60}, checking=CHECKED)
        async with working(one, (HONEST, double), (BAD, lambda _: 666)):
            view = await one.ended(task.task)
        assert (view.accepted, view.blacklisted) == (60, 2)
        assert view.disagreements > 0
        assert await right(one, task.task)
        await one.want("bad0", 4)
        await one.until(lambda: "bad0" in one.dry)


async def test_every_answer_can_be_traced_to_its_votes(tmp_path: Path) -> None:
    """Who voted for what, whether it counts, and why the answer stands, while the task runs and afterwards."""
    async with linked(tmp_path, *HONEST, *BAD) as one:
        task = await one.submit(DOUBLE, {"stop": 30}, checking=CHECKED)
        await one.when(task.task, lambda view: view.ready == 30)
        ballot = await one.call(grid.GetBallot(task=task.task, index=3), grid.BallotView)
        assert (ballot.state, ballot.reason, ballot.votes) == ("open", "Open: nobody has answered it yet.", [])
        async with working(one, (HONEST, double), (BAD, lambda _: 666)):
            await one.ended(task.task)
        for index in range(30):
            ballot = await one.call(grid.GetBallot(task=task.task, index=index), grid.BallotView)
            assert (ballot.state, ballot.allowed) == ("accepted", 1e-3)
            assert "for this answer; the doubt about it is" in ballot.reason
            standing = [vote for vote in ballot.votes if vote.stands]
            assert len({vote.network for vote in standing}) == len(standing) >= 2
            assert all(vote.standing == "blacklisted" and not vote.counts for vote in ballot.votes if not vote.stands)
        missing = await one.call(grid.GetBallot(task=task.task, index=30), grid.Failure)
        assert (missing.code, "0 to 29" in missing.message) == ("not_found", True)


async def test_unchecked_answers_can_be_traced_too(tmp_path: Path) -> None:
    """Where the first answer is taken, the trace says so."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, {"stop": 1})
        async with working(one, (["v1"], double)):
            await one.ended(task.task)
        ballot = await one.call(grid.GetBallot(task=task.task, index=0), grid.BallotView)
        assert (ballot.state, [vote.volunteer for vote in ballot.votes]) == ("accepted", ["v1"])
        assert "the first answer is taken" in ballot.reason


async def test_trusted_volunteer_decides_alone(tmp_path: Path) -> None:
    """The holder of an operator's key is believed outright, unless the researcher says otherwise."""
    async with linked(tmp_path) as one:
        await one.join("lab", key="lab")
        for trusting in (True, ["lab"]):
            task = await one.submit(DOUBLE, {"stop": 20}, checking={"trust_volunteers": trusting})
            async with working(one, (["lab"], double)):
                view = await one.ended(task.task)
            assert (view.accepted, view.executions, view.doubt) == (20, 20, 0.0)
        for refusing in (False, ["other"]):
            task = await one.submit(DOUBLE, {"stop": 20}, checking={"trust_volunteers": refusing})
            async with working(one, (["lab"], double)):
                view = await one.when(task.task, lambda view: view.executions == 20)
            assert view.accepted == 0
            await one.call(grid.CancelTask(task.task), grid.TaskView)


async def test_failures_of_the_only_trusted_volunteer_set_a_payload_aside(tmp_path: Path) -> None:
    """It is tried three times, as nobody else could."""
    async with linked(tmp_path) as one:
        await one.join("lab", key="lab")
        task = await one.submit(DOUBLE, {"payloads": ["bad"]}, checking={})
        async with working(one, (["lab"], None)):
            view = await one.ended(task.task, "finished-with-failures")
        assert (view.failed, view.executions) == (1, 3)
        ballot = await one.call(grid.GetBallot(task=task.task, index=0), grid.BallotView)
        assert ballot.reason.startswith("Set aside: it failed in")


async def test_who_fails_on_everything_sets_nothing_aside(tmp_path: Path) -> None:
    """A volunteer that reports failure for all that others answer is blacklisted, and the task ends as it should."""
    async with linked(tmp_path, *HONEST, *BAD) as one:
        task = await one.submit(DOUBLE, {"stop": 60}, checking=CHECKED)
        async with working(one, (HONEST, double), (BAD, None)):
            view = await one.ended(task.task)
        assert (view.accepted, view.failed, view.blacklisted) == (60, 0, 2)
        assert await right(one, task.task)


async def test_payload_that_fails_everywhere_is_set_aside(tmp_path: Path) -> None:
    """Enough strangers of different networks in which it failed are as good as an answer; nobody is blamed."""

    def run(value: int) -> int:
        if value == 3:
            raise ValueError
        return value * 2

    async with linked(tmp_path, *HONEST) as one:
        task = await one.submit(DOUBLE, {"stop": 10}, checking=CHECKED)

        async def work(name: str) -> None:
            while True:
                (lease,) = await one.leases(name, 1)
                await one.answer(name, [lease], None if decode(lease.payload) == 3 else run)

        workers = [asyncio.create_task(work(name)) for name in HONEST]
        try:
            view = await one.ended(task.task, "finished-with-failures")
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        assert (view.accepted, view.failed, view.blacklisted) == (9, 1, 0)
        page = await one.call(grid.GetFailures(task=task.task), grid.FailurePage)
        assert [item.index for item in page.items] == [3]


async def test_who_takes_and_never_answers_holds_little(tmp_path: Path) -> None:
    """A newcomer gets a bounded number of leases however much it asks for, and others do its work when it leaves."""
    async with linked(tmp_path, *HONEST, "idler") as one:
        task = await one.submit(DOUBLE, {"stop": 2000}, checking={"quorum": 2})
        await one.want("idler", 4000)
        await one.until(lambda: len(one.held.get("idler", ())) >= NEWCOMER_LEASES)
        async with working(one, (HONEST, double)):
            await one.when(task.task, lambda view: view.accepted > 200)
            assert len(one.held["idler"]) == NEWCOMER_LEASES
            await one.send(grid.Left("idler"))
            view = await one.ended(task.task)
        assert view.accepted == 2000


async def test_who_answers_only_what_it_likes_is_given_no_more_credit(tmp_path: Path) -> None:
    """A volunteer that gives back half of what it gets delays nothing, and its answers need others all the same."""
    async with linked(tmp_path, *HONEST, "picky") as one:
        task = await one.submit(DOUBLE, {"stop": 60}, checking=CHECKED)

        async def pick() -> None:
            while True:
                await one.want("picky", 4)
                await one.until(lambda: len(one.held.get("picky", ())) >= 1)
                held = one.held.pop("picky")
                wanted = [lease for lease in held if lease.index % 2]
                await one.send(grid.Return(task.task, "picky", [held_.lease for held_ in held if held_ not in wanted]))
                await one.answer("picky", wanted, lambda _: 666)

        picking = asyncio.create_task(pick())
        async with working(one, (HONEST, double)):
            view = await one.ended(task.task)
        picking.cancel()
        await asyncio.gather(picking, return_exceptions=True)
        assert (view.accepted, view.blacklisted) == (60, 1)
        assert await right(one, task.task)


async def test_checks_look_like_work(tmp_path: Path) -> None:
    """What reaches a distributor of a check has nothing that work has not: same message, same fields, same order."""
    async with linked(tmp_path, *HONEST) as one:
        task = await one.submit(DOUBLE, {"stop": 60}, checking=CHECKED)
        async with working(one, (HONEST, double)):
            await one.ended(task.task)
        grants = [message for message in one.messages if isinstance(message, grid.Grant)]
        checks = set()
        for index in range(60):
            ballot = await one.call(grid.GetBallot(task=task.task, index=index), grid.BallotView)
            checks |= {vote.lease for vote in ballot.votes if vote.check}
        assert checks
        leases = [item.lease for grant in grants for item in grant.items]
        assert leases == sorted(leases)


async def test_votes_survive_a_kill(tmp_path: Path) -> None:
    """After SIGKILL in the middle of it the votes that were acknowledged count, and nobody votes twice."""
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        await one.hello()
        await one.join(*HONEST, *BAD)
        task = await one.submit(DOUBLE, {"stop": 120}, checking=CHECKED)
        async with working(one, (HONEST, double), (BAD, lambda _: 666)):
            before = await one.when(task.task, lambda view: view.accepted >= 30 and view.blacklisted == 2)
        await process.kill()
    async with started(tmp_path) as process, ScriptedDistributor(process.address) as one:
        await one.hello()
        await one.join(*HONEST, *BAD)
        view = await one.task(task.task)
        assert view.accepted >= before.accepted
        assert (view.blacklisted, view.executions >= before.executions) == (2, True)
        async with working(one, (HONEST, double), (BAD, lambda _: 666)):
            view = await one.ended(task.task)
        assert (view.accepted, view.blacklisted) == (120, 2)
        assert await right(one, task.task)


TOLERANT = """
def run(payload):
    return payload * 2.0
def agree(a, b):
    BODY
"""


def nearly(volunteer: str) -> Callable[[float], float]:
    """An answer that is a little different in each volunteer."""
    return lambda value: value * 2.0 + 1e-9 * HONEST.index(volunteer)


async def test_answers_that_agree_are_one(tmp_path: Path) -> None:
    """A unit's tolerance decides what is the same; what is out of it loses."""
    source = TOLERANT.replace("BODY", "return abs(a - b) < 1e-6")
    async with linked(tmp_path, *HONEST, *BAD) as one:
        task = await one.submit(source, {"stop": 20}, checking=CHECKED)
        crews = [([name], nearly(name)) for name in HONEST]
        async with working(one, *crews, (BAD, lambda _: 666.0)):
            view = await one.ended(task.task)
        assert (view.accepted, view.blacklisted) == (20, 2)
        results = await one.results(task.task)
        assert all(abs(decode(item.data) - 2 * decode(item.payload)) < 1e-6 for item in results)


@pytest.mark.parametrize("nonsense", ["x", float("nan"), [1.0], "slow"])
async def test_nonsense_that_agree_cannot_compare_costs_its_sender_only(tmp_path: Path, nonsense: object) -> None:
    """An answer with which agree raises, never ends or contradicts itself is another one; its task goes on."""
    source = TOLERANT.replace("BODY", "while 'slow' in (a, b): pass\n    return abs(a - b) < 1e-6")
    async with linked(tmp_path, *HONEST, *BAD, agree_timeout=1.0 if nonsense == "slow" else 60.0) as one:
        task = await one.submit(source, {"stop": 20}, checking=CHECKED)
        crews = [([name], nearly(name)) for name in HONEST]
        async with working(one, *crews, (BAD, lambda _: nonsense)):
            view = await one.ended(task.task)
        assert (view.accepted, view.blacklisted) == (20, 2)
        (warning,) = view.warnings
        assert "cannot be compared: agree" in warning
        results = await one.results(task.task)
        assert all(abs(decode(item.data) - 2 * decode(item.payload)) < 1e-6 for item in results)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise ValueError('no')", "ValueError: no"),
        ("while True: pass", "agree took more than 1 s"),
        ("return False", "agree(a, a) is false"),
        ("return a <= b", "the order must not matter"),
    ],
)
async def test_agree_that_cannot_be_relied_on_fails_its_task(tmp_path: Path, body: str, told: str) -> None:
    """It raises, never ends, or contradicts itself: the task fails and says at which payload; others go on."""
    hangs = "while True" in body  # the others get time: a subprocess starts slowly on a busy machine
    async with linked(tmp_path, *HONEST, agree_timeout=1.0 if hangs else 60.0) as one:
        other = await one.submit(DOUBLE, {"stop": 10})
        task = await one.submit(TOLERANT.replace("BODY", body), {"stop": 4}, checking=CHECKED)
        async with working(one, *[([name], nearly(name)) for name in HONEST]):
            view = await one.ended(task.task, "failed")
            assert (await one.ended(other.task)).accepted == 10
        assert told in view.error
        assert "two answers to payload" in view.error


@pytest.mark.parametrize(
    ("checking", "told"),
    [
        ({"error_rate": 0}, "error_rate is 0"),
        ({"assume_bad": 0.5}, "assume_bad is 0.5"),
        ({"quorum": 65}, "quorum is 65"),
        ({"stint": 1}, "stint is 1"),
        ({"check_share": 0.6}, "check_share is 0.6"),
        ({"quorums": 2}, "did you mean quorum"),
        ({"quorum": "2"}, "must be a whole number"),
        ({"trust_volunteers": "lab"}, "a list of the names of keys"),
    ],
)
async def test_settings_that_make_no_sense_are_refused(tmp_path: Path, checking: dict[str, Any], told: str) -> None:
    """The submission is refused with what is wrong, wherever the setting was written."""
    async with linked(tmp_path) as one:
        request = grid.SubmitTask(source=DOUBLE, filename="unit.py", params=b'{"stop":1}', checking=checking)
        assert told in (await one.call(request, grid.Failure)).message
        values = "\n".join(f"# {name} = {value!r}" for name, value in checking.items())
        block = f"# /// script\n# [tool.disio]\n{values}\n# ///\n"
        request = grid.SubmitTask(source=block + DOUBLE, filename="unit.py", params=b'{"stop":1}')
        failure = await one.call(request, grid.Failure)
        assert told.split(" ", maxsplit=1)[0] in failure.message

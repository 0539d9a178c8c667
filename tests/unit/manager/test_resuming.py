"""States that are handed on where answers are checked: real SQLite, real ZeroMQ, kills in between."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from disio.unit.codec import decode, encode
from disio.wire import grid

from .scripted import Held, ScriptedDistributor, eventually, linked, started

UNIT = "def run(payload, ctx):\n    return payload * 2\n"
CHECKED: dict[str, Any] = {"error_rate": 0.05, "assume_bad": 0.1, "stint": 20, "check_share": 0.0}


def rows(data: Path, query: str) -> list[tuple[Any, ...]]:
    """What a query finds in the manager's database."""
    with closing(sqlite3.connect(f"file:{data / 'manager.sqlite3'}?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


async def keep_and_leave(one: ScriptedDistributor, data: Path, volunteer: str, lease: Held, state: object) -> None:
    """A volunteer keeps a state, and its tab is closed once that is stored."""
    await one.send(grid.Checkpoint(lease.task, volunteer, lease.lease, encode(state)))
    await eventually(lambda: any(row[0] == volunteer for row in rows(data, "SELECT volunteer FROM checkpoints")))
    await one.send(grid.Left(volunteer))
    await eventually(lambda: (lease.lease, 1) in rows(data, "SELECT id, state FROM leases"))


async def vote(one: ScriptedDistributor, volunteer: str, lease: Held, answer: object) -> None:
    """A volunteer answers, and its visit ends."""
    await one.answer(volunteer, [lease], lambda _: answer)
    await one.until(lambda: lease.lease in one.acked)
    await one.send(grid.Left(volunteer))


async def ballot(one: ScriptedDistributor, task: str, index: int) -> grid.BallotView:
    """The votes for a payload."""
    return await one.call(grid.GetBallot(task=task, index=index), grid.BallotView)


async def test_a_vote_of_three_visits(tmp_path: Path) -> None:
    """Two tabs are closed, the third goes on and votes for all, across kills; none of them has another vote."""
    async with started(tmp_path) as first, ScriptedDistributor(first.address) as one:
        await one.hello()
        await one.join("v1", "v2")
        task = (await one.submit(UNIT, {"stop": 1}, checking=CHECKED)).task
        [lease] = await one.leases("v1", 1)
        await keep_and_leave(one, tmp_path, "v1", lease, "one")
        [lease] = await one.leases("v2", 1)
        assert decode(lease.state) == "one"
        await keep_and_leave(one, tmp_path, "v2", lease, "two")
        await eventually(lambda: rows(tmp_path, "SELECT volunteer FROM checkpoints") == [("v2",)])
        await first.kill()
    async with started(tmp_path, grace=0.2) as second, ScriptedDistributor(second.address) as one:
        await one.hello()
        await one.join("v3")
        [lease] = await one.leases("v3", 1)
        assert decode(lease.state) == "two"
        await second.kill()
    async with started(tmp_path, grace=0.2) as third, ScriptedDistributor(third.address) as one:
        await one.hello()
        await one.join("v3", holding={task: [lease.lease]})
        await vote(one, "v3", lease, 0)
        await one.when(task, lambda view: view.executions == 1)
        for name in ("v1", "v2", "v3"):
            await one.join(f"{name} again", network=f"net of {name}")
            await one.want(f"{name} again", 1)
        await one.join("v1")
        await one.want("v1", 1)
        await one.until(lambda: {"v1", "v1 again", "v2 again", "v3 again"} <= one.dry)
        seen = await ballot(one, task, 0)
        assert [(seen.volunteer, seen.rests_on, seen.counts) for seen in seen.votes] == [("v3", ["v1", "v2"], True)]
        await third.kill()
    async with started(tmp_path, grace=0.2) as fourth, ScriptedDistributor(fourth.address) as one:
        await one.hello()
        await one.join("v2 again", network="net of v2")
        await one.want("v2 again", 1)
        await one.until(lambda: "v2 again" in one.dry)
        await one.join("v4")
        [lease] = await one.leases("v4", 1)
        assert lease.state == b""
        await vote(one, "v4", lease, 0)
        view = await one.ended(task)
        assert (view.accepted, view.executions, view.blacklisted) == (1, 2, 0)
        assert rows(tmp_path, "SELECT count(*) FROM checkpoints") == [(0,)]
        await one.call(grid.DeleteTask(task=task), grid.Deletion)
        await eventually(lambda: rows(tmp_path, "SELECT count(*) FROM touches") == [(0,)])


async def test_a_vote_falls_with_the_one_on_whose_state_it_rests(tmp_path: Path) -> None:
    """An accepted answer goes back to work when one who only kept a state of it is blacklisted, also after a kill."""
    async with started(tmp_path, grace=0.2) as first, ScriptedDistributor(first.address) as one:
        await one.hello()
        await one.join("bad", "v1", "v2")
        task = (await one.submit(UNIT, {"stop": 5}, checking=CHECKED)).task
        [begun] = await one.leases("bad", 1)
        await keep_and_leave(one, tmp_path, "bad", begun, "spoilt")
        [resumed] = await one.leases("v1", 1)
        assert (resumed.index, decode(resumed.state)) == (begun.index, "spoilt")
        [lease] = await one.leases("v2", 1)
        assert (lease.index, lease.state) == (begun.index, b"")
        await vote(one, "v1", resumed, "wrong")
        await vote(one, "v2", lease, "wrong")
        await one.when(task, lambda view: view.accepted == 1)
        await one.join("bad")
        for _ in range(3):
            [lease] = await one.leases("bad", 1)
            await one.answer("bad", [lease], lambda _: "wrong")
            await one.until(lambda lease=lease: lease.lease in one.acked)
        await one.send(grid.Left("bad"))
        await first.kill()
    async with started(tmp_path, grace=0.2) as second, ScriptedDistributor(second.address) as one:
        await one.hello()
        names = [f"good{number}" for number in range(6)]
        await one.join(*names)
        async with one.working(names, lambda value: value * 2):
            view = await one.ended(task)
        assert view.accepted == 5
        assert view.blacklisted >= 1
        seen = await ballot(one, task, begun.index)
        votes = {vote.volunteer: vote for vote in seen.votes}
        assert (votes["v1"].rests_on, votes["v1"].standing, votes["v1"].counts) == (["bad"], "blacklisted", False)
        assert rows(tmp_path, "SELECT standing FROM voters WHERE volunteer = 'v1'") == [("good",)]
        answers = {item.index: decode(item.data) for item in await one.results(task)}
        assert answers == {index: 2 * index for index in range(5)}


async def test_a_lease_that_rests_on_a_blacklisted_volunteers_state_is_called_back(tmp_path: Path) -> None:
    """Its volunteer is told to stop as soon as that is known, and what it answers all the same is no vote."""
    async with linked(tmp_path, "bad", "v1") as one:
        task = (await one.submit(UNIT, {"stop": 4}, checking=CHECKED)).task
        [begun] = await one.leases("bad", 1)
        await keep_and_leave(one, tmp_path, "bad", begun, "spoilt")
        [resumed] = await one.leases("v1", 1)
        assert (resumed.index, decode(resumed.state)) == (begun.index, "spoilt")
        await one.join("bad")
        [lease] = await one.leases("bad", 1)
        await one.answer("bad", [lease], lambda _: "wrong")
        await one.join("lab", key="lab")
        async with one.working(["lab"], lambda value: value * 2):
            called_back = grid.Revoke(task, "v1", [resumed.lease])
            await one.until(lambda: called_back in one.messages)
            await one.answer("v1", [resumed], lambda _: "wrong")
            await one.until(lambda: resumed.lease in one.rejected)
            view = await one.ended(task)
        assert (view.accepted, view.blacklisted) == (4, 1)
        assert "v1" not in {vote.volunteer for vote in (await ballot(one, task, begun.index)).votes}
        assert rows(tmp_path, "SELECT standing FROM voters WHERE volunteer = 'v1'") == [("good",)]


async def test_a_late_answer_rests_on_what_its_lease_did(tmp_path: Path) -> None:
    """A lease that was given with a state and given back is no independent vote when it is answered after all."""
    async with linked(tmp_path, "v1", "v2", "v3") as one:
        task = (await one.submit(UNIT, {"stop": 1}, checking=CHECKED)).task
        [lease] = await one.leases("v1", 1)
        await keep_and_leave(one, tmp_path, "v1", lease, 1)
        [late] = await one.leases("v2", 1)
        await one.send(grid.Return(task, "v2", [late.lease]))
        [lease] = await one.leases("v3", 1)
        assert decode(lease.state) == 1
        await vote(one, "v3", lease, 0)
        await one.answer("v2", [late], lambda _: 0)
        await one.until(lambda: late.lease in one.acked)
        seen = await ballot(one, task, 0)
        assert [vote.volunteer for vote in seen.votes] == ["v3"]
        assert rows(tmp_path, "SELECT DISTINCT volunteer FROM touches") == [("v1",)]

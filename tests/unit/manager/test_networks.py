"""Names of networks: salted hashes that are good for a day, while no task needs them longer."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from disio.manager.service import SALT_SECONDS
from disio.wire import grid

from .conftest import Clock
from .scripted import ScriptedDistributor, linked, linked_twice

DOUBLE = "def run(payload):\n    return payload * 2\n"
TWO_VOTES: dict[str, Any] = {"quorum": 2}
DAY = SALT_SECONDS + 1


async def asked_again(*distributors: ScriptedDistributor) -> None:
    """The manager has asked them all who they are."""
    for one in distributors:
        await one.until(lambda one=one: any(isinstance(message, grid.WhoAreYou) for message in one.messages))  # type: ignore[misc]


async def given(one: ScriptedDistributor, task: str, volunteer: str) -> int:
    """How many leases a volunteer has, once the manager has looked at all demand that it was told of."""
    for _ in range(2):  # each is answered after a round, and the grants of the first go out before the second
        await one.call(grid.GetBallot(task=task, index=0), grid.BallotView)
    return len(one.held.get(volunteer, ()))


def kept(data: Path) -> list[bytes]:
    """All that the manager's database says of itself."""
    with closing(sqlite3.connect(f"file:{data / 'manager.sqlite3'}?mode=ro", uri=True)) as database:
        return [value for (value,) in database.execute("SELECT value FROM meta") if isinstance(value, bytes)]


@pytest.mark.parametrize("known_first", [True, False], ids=["known", "newcomer"])
async def test_a_network_counts_once_by_its_old_and_its_new_name(
    tmp_path: Path, clock: Clock, *, known_first: bool
) -> None:
    """Who was announced by a name of yesterday votes once it is announced by one of today, and then as its network."""
    async with linked_twice(tmp_path) as (late, prompt):
        await late.join("known", network="yesterday's name")
        clock.ahead = DAY
        await asked_again(late, prompt)
        await prompt.hello()
        await prompt.join("newcomer", network="today's name")
        task = (await prompt.submit(DOUBLE, {"stop": 1}, checking=TWO_VOTES)).task
        await prompt.when(task, lambda view: view.ready == 1)
        await late.want("known", 1)
        assert await given(late, task, "known") == 0, "it has a name that nobody can tell from another network's"
        if not known_first:
            [lease] = await prompt.leases("newcomer", 1)
            await prompt.answer("newcomer", [lease], lambda value: value * 2)
            await prompt.until(lambda: lease.lease in prompt.acked)
        await late.hello()
        await late.join("known", network="today's name")
        if known_first:
            [lease] = await late.leases("known", 1)
            await late.answer("known", [lease], lambda value: value * 2)
            await late.until(lambda: lease.lease in late.acked)
            await prompt.want("newcomer", 1)
            await prompt.until(lambda: "newcomer" in prompt.dry)
        else:
            await late.want("known", 1)
            await late.until(lambda: "known" in late.dry)
        view = await late.task(task)
        assert (view.accepted, view.executions) == (0, 1)
        await prompt.join("stranger")
        async with prompt.working(["stranger"], lambda value: value * 2):
            assert (await prompt.ended(task)).executions == 2


async def test_what_was_under_way_when_the_names_changed_counts_as_well(tmp_path: Path, clock: Clock) -> None:
    """A volunteer announced by an old name after its distributor was welcomed anew gets nothing either."""
    async with linked(tmp_path) as one:
        before = one.welcome
        clock.ahead = DAY
        await asked_again(one)
        after = await one.hello()
        one.welcome = before
        await one.join("behind", network="yesterday's name")
        one.welcome = after
        await one.join("prompt", network="today's name")
        task = (await one.submit(DOUBLE, {"stop": 4}, checking=TWO_VOTES)).task
        await one.want("behind", 1)
        assert len(await one.leases("prompt", 1)) == 1
        assert await given(one, task, "behind") == 0
        await one.join("behind", network="another name of today")
        assert len(await one.leases("behind", 1)) == 1
        await one.call(grid.CancelTask(task), grid.TaskView)


def holds(data: Path, salt: bytes) -> bool:
    """Whether these bytes are anywhere in the manager's files, its log among them."""
    return any(salt in file.read_bytes() for file in data.iterdir() if file.is_file())


async def test_names_are_forgotten_once_a_day(tmp_path: Path, clock: Clock) -> None:
    """The salt is renewed after a day, also over a restart, and the old one is nowhere any more."""
    salts: list[bytes] = []
    for day in range(3):
        clock.ahead = day * DAY
        async with linked(tmp_path, "v1") as one:
            if day:
                assert holds(tmp_path, salts[-1])
                await asked_again(one)
                await one.hello()
                await one.until(lambda: not any(holds(tmp_path, salt) for salt in salts))
            assert one.welcome is not None
            salts.append(one.welcome.salt)
            task = (await one.submit(DOUBLE, {"stop": 1}, checking={"quorum": 1})).task
            await one.join("v1")
            async with one.working(["v1"], lambda value: value * 2):
                await one.ended(task)
        assert salts[-1] in kept(tmp_path)
        assert not set(salts[:-1]) & set(kept(tmp_path))
    assert len({*salts}) == 3
    assert all(len(salt) == 32 for salt in salts)


async def test_names_last_as_long_as_a_task_needs_them(tmp_path: Path, clock: Clock) -> None:
    """While a task runs or is paused its votes are told apart by the same names, for days; then they go."""
    async with linked(tmp_path, "v1") as one:
        before = one.welcome
        task = (await one.submit(DOUBLE, {"stop": 2}, checking={"quorum": 1})).task
        clock.ahead = 3 * DAY
        [lease] = await one.leases("v1", 1)
        await one.answer("v1", [lease], lambda value: value * 2)
        await one.call(grid.PauseTask(task), grid.TaskView)
        await one.until(lambda: sum(isinstance(message, grid.Beat) for message in one.messages) >= 2)
        assert await one.hello() == before
        await one.call(grid.ResumeTask(task), grid.TaskView)
        await one.join("v1")
        async with one.working(["v1"], lambda value: value * 2):
            await one.ended(task)
        await asked_again(one)
        assert before is not None
        assert (await one.hello()).salt != before.salt

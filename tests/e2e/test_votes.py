"""Answers that are voted on, through real browsers and real sockets: engines agree, and bad volunteers are bounded."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from disio.client.local import read_unit, run_local
from disio.errors import BrowserError
from disio.manager.links import NEWCOMER_LEASES
from disio.testing import Grid, find_browser
from disio.testing.volunteer import PythonVolunteer, Tamper
from disio.unit.codec import encode
from disio.wire import volunteer_keys
from disio.wire.volunteer import ANSWERED, ResultItem, Return

from .conftest import Command, open_volunteering

STRANGERS = ("--network-prefix", "off")
"""Volunteers on one machine are voters of different networks."""
CHECKED: dict[str, Any] = {"error_rate": 1e-3, "assume_bad": 0.1, "stint": 5}
DOUBLE = '"""Doubles."""\ndef run(payload):\n    return payload * 2\n'
LIMIT = 120.0


@pytest.fixture
async def grid(tmp_path: Path) -> AsyncIterator[Grid]:
    """A grid that trusts nobody."""
    async with Grid(tmp_path, trust_loopback=False, distributor_options=STRANGERS) as opened:
        yield opened


@contextlib.asynccontextmanager
async def computing(*volunteers: PythonVolunteer) -> AsyncIterator[None]:
    """Volunteers without browsers that work while the context is open."""
    running = [asyncio.create_task(volunteer.run()) for volunteer in volunteers]
    try:
        yield
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def honest(grid: Grid, count: int) -> list[PythonVolunteer]:
    """Volunteers that compute what they are given."""
    return [PythonVolunteer(grid.url, window=8) for _ in range(count)]


def saying(data: bytes) -> Tamper:
    """Give these bytes for every answer."""

    def tamper(items: list[ResultItem], _: bytes) -> tuple[list[ResultItem], bytes]:
        said = [msgspec.structs.replace(item, outcome=ANSWERED, size=len(data)) for item in items]
        return said, data * len(said)

    return tamper


async def until(grid: Grid, task: str, condition: Callable[[Any], bool]) -> None:
    """Wait until a task's figures fulfil a condition."""
    async with asyncio.timeout(LIMIT):
        while not condition(await grid.client.task(task)):  # noqa: ASYNC110 - what others do is only to be seen there
            await asyncio.sleep(0.1)


async def all_right(grid: Grid, task: str) -> bool:
    """Whether every accepted answer is its payload doubled."""
    return all([result.value == 2 * result.payload async for result in grid.client.results(task)])


@pytest.mark.browser
async def test_two_engines_give_the_same_bytes(grid: Grid, units: Path) -> None:
    """Chromium and Firefox both compute every payload, values of every kind, and never contradict each other."""
    count = 12
    async with open_volunteering(grid.url, browser="chromium"), open_volunteering(grid.url, browser="firefox"):
        task = await grid.client.submit(units / "every_kind.py", {"stop": count})
        done = await grid.client.wait(task.id, timeout=LIMIT)
        engines = {one.id: one.browser for one in (await grid.client.grid()).volunteers}
    assert (done.state, done.accepted, done.executions, done.disagreements) == ("finished", count, 2 * count, 0)
    for index in range(count):
        ballot = await grid.client.votes(task.id, index)
        assert sorted(engines[vote.volunteer].split()[0] for vote in ballot.votes) == ["chrome", "firefox"]
        assert all(vote.stands and vote.counts and not vote.trusted for vote in ballot.votes)
    # This machine's own libm may round otherwise, so here only what rests on none is held against it.
    local = run_local(read_unit(units / "every_kind.py"), {"stop": count}, processes=1)
    found = [result.value async for result in grid.client.results(task.id)]
    for kind in ("large", "text", "bytes", "set", "extremes"):
        assert encode([value[kind] for value in found]) == encode([result.value[kind] for result in local.results])


@pytest.mark.browser
async def test_liars_who_contradict_a_browser_are_found_out(grid: Grid) -> None:
    """Two who agree on a wrong answer lose against a browser and others; each answer's trace tells of all that."""
    liars = [PythonVolunteer(grid.url, window=8, tamper=saying(encode(666))) for _ in range(2)]
    async with open_volunteering(grid.url):
        task = await grid.client.submit(source=DOUBLE, filename="double.py", params={"stop": 30}, checking=CHECKED)
        await until(grid, task.id, lambda seen: seen.executions >= 6)
        (browser,) = (one.id for one in (await grid.client.grid()).volunteers)
        async with computing(*liars):
            await until(grid, task.id, lambda seen: seen.disagreements >= 2)
            async with computing(*honest(grid, 6)):
                done = await grid.client.wait(task.id, timeout=LIMIT)
    assert (done.state, done.accepted, done.blacklisted) == ("finished", 30, 2)
    assert done.disagreements > 0
    assert await all_right(grid, task.id)
    ballots = [await grid.client.votes(task.id, index) for index in range(30)]
    voters = {ballot.index: {vote.volunteer: vote for vote in ballot.votes} for ballot in ballots}
    contradicted = [index for index, votes in voters.items() if {browser, liars[0].volunteer} <= votes.keys()]
    votes = voters[contradicted[0]]
    assert (votes[browser].stands, votes[browser].standing) == (True, "good")
    lie = votes[liars[0].volunteer]
    assert (lie.stands, lie.counts, lie.standing) == (False, False, "blacklisted")
    told = await Command(grid.client.url)("results", task.id, "--why", contradicted[0])
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith(f"payload {contradicted[0]}: Accepted:")
    assert "blacklisted" in told.stdout
    assert "(accepted)" in told.stdout


class Idler(PythonVolunteer):
    """Takes all that it can get, and never answers."""

    async def computed(self, task: str, items: list[ResultItem], answers: bytes) -> None:
        """Nothing is sent."""


class Picky(PythonVolunteer):
    """Answers every third payload, and gives the others back."""

    async def computed(self, task: str, items: list[ResultItem], answers: bytes) -> None:
        """Some are sent, some are given back."""
        offset = 0
        for item in items:
            data, offset = answers[offset : offset + item.size], offset + item.size
            if item.lease % 3:
                await self.send(Return(task, [item.lease]))
            else:
                await super().computed(task, [item], data)


@pytest.mark.parametrize("garbage", [b"{nonsense", encode(666)], ids=["no encoded value", "a value"])
async def test_garbage_at_once_spoils_nothing(grid: Grid, garbage: bytes) -> None:
    """Who says the same to everything, at once, is found out, or counts as one whose machine fails."""
    bad = PythonVolunteer(grid.url, window=4000, tamper=saying(garbage))
    task = await grid.client.submit(source=DOUBLE, filename="double.py", params={"stop": 100}, checking=CHECKED)
    async with computing(bad):
        await until(grid, task.id, lambda seen: seen.executions >= 100)
        async with computing(*honest(grid, 6)):
            done = await grid.client.wait(task.id, timeout=LIMIT)
    assert (done.state, done.accepted, done.failed, done.blacklisted) == ("finished", 100, 0, 1)
    assert await all_right(grid, task.id)


async def test_idlers_hold_little_and_pickers_gain_nothing(grid: Grid) -> None:
    """One that takes and never answers gets a newcomer's share, and one that picks is checked like others."""
    idler, picky = Idler(grid.url, window=4000), Picky(grid.url, window=50)
    task = await grid.client.submit(source=DOUBLE, filename="double.py", params={"stop": 400}, checking=CHECKED)
    async with computing(picky):
        async with computing(idler):
            await until(grid, task.id, lambda seen: seen.leased >= NEWCOMER_LEASES and seen.executions > 0)
            async with computing(*honest(grid, 6)):
                await until(grid, task.id, lambda seen: seen.accepted >= 100)
                held = {one.id: one.leased for one in (await grid.client.grid()).volunteers}
                assert held[idler.volunteer] == NEWCOMER_LEASES
        async with computing(*honest(grid, 6)):
            done = await grid.client.wait(task.id, timeout=LIMIT)
    assert (done.state, done.accepted, done.failed) == ("finished", 400, 0)
    assert await all_right(grid, task.id)


@pytest.mark.browser
async def test_a_lab_s_own_browser_decides_alone(tmp_path: Path) -> None:
    """A browser that shows an operator's key is believed at once; a stranger beside it is not."""
    try:
        find_browser("chromium")
    except BrowserError as error:
        pytest.skip(str(error))
    key, known = tmp_path / "lab.key", tmp_path / "volunteer-keys"
    volunteer_keys.create("lab", key, known)
    options = (*STRANGERS, "--volunteer-keys", str(known))
    async with Grid(tmp_path, trust_loopback=False, distributor_options=options) as grid:
        task = await grid.client.submit(source=DOUBLE, filename="double.py", params={"stop": 20})
        async with computing(*honest(grid, 1)):
            await until(grid, task.id, lambda seen: seen.executions >= 5)
            assert (await grid.client.task(task.id)).accepted == 0
            await grid.spawn(["volunteer", "--key", str(key), grid.url], "volunteer")
            done = await grid.client.wait(task.id, timeout=LIMIT)
        assert (done.state, done.accepted, done.doubt) == ("finished", 20, 0.0)
        assert await all_right(grid, task.id)
        told = await Command(grid.client.url)("results", task.id, "--why", 0)
        assert "a volunteer of the operator's own gave this answer" in told.stdout
        assert "trusted" in told.stdout
        assert key.read_text().strip() not in "".join(log.read_text() for log in tmp_path.glob("*.log"))

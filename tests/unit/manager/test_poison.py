"""Payloads that end what computes them cost themselves, not the grid; a unit that does so everywhere is paused."""

import json
from pathlib import Path

from disio.task.poison import MANY, VANISHED_FREE
from disio.unit.codec import decode
from disio.wire import grid

from .scripted import Held, ScriptedDistributor, linked

HEAD = "# /// script\n# [tool.disio]\n# error_rate = 1\n# ///\n"
UNIT = HEAD + "def run(payload):\n    return payload\n"
CHECKED = "def run(payload):\n    return payload\n"
TRACEBACK = 'Traceback (most recent call last):\n  File "unit.py", line 7, in <module>\n    import termios\n'
IMPORT = json.dumps(
    {"kind": "import", "message": "ModuleNotFoundError: No module named 'termios'", "traceback": TRACEBACK}
).encode()
CRASH = json.dumps({"kind": "crash", "message": "the interpreter ended", "traceback": ""}).encode()


async def one_lease(one: ScriptedDistributor, volunteer: str) -> Held:
    """A volunteer comes and is given one payload."""
    await one.join(volunteer)
    [lease] = await one.leases(volunteer, 1)
    return lease


async def test_a_payload_that_ends_tabs_is_set_aside_and_the_others_go_on(tmp_path: Path) -> None:
    """Every volunteer that is given it leaves; after six it is no longer given to anybody, and says why."""
    async with linked(tmp_path) as one:
        task = (await one.submit(UNIT, {"payloads": ["poison", *range(30)]})).task
        victims = 0
        while (await one.task(task)).failed == 0:
            lease = await one_lease(one, f"v{victims}")
            while decode(lease.payload) != "poison":
                await one.answer(f"v{victims}", [lease], lambda payload: payload)
                [lease] = await one.leases(f"v{victims}", 1)
            victims += 1
            await one.send(grid.Left(f"v{victims - 1}"))
            assert victims < 20
        assert victims == VANISHED_FREE + 3
        await one.join("last")
        async with one.working(["last"], lambda payload: payload):
            view = await one.ended(task, "finished-with-failures")
        assert (view.accepted, view.failed) == (30, 1)
        page = await one.call(grid.GetFailures(task=task), grid.FailurePage)
        assert [(item.index, item.kind) for item in page.items] == [(0, "crash")]
        assert "volunteers left while they computed this payload" in page.items[0].message


async def test_visitors_that_come_and_go_do_no_harm(tmp_path: Path) -> None:
    """However many leave, a payload on which somebody got on is not held to be the reason."""
    async with linked(tmp_path) as one:
        task = (await one.submit(UNIT, {"stop": 1})).task
        for number in range(3 * VANISHED_FREE):
            lease = await one_lease(one, f"v{number}")
            if number % VANISHED_FREE == 0:
                await one.send(grid.Checkpoint(task, f"v{number}", lease.lease, b"1"))
            await one.send(grid.Left(f"v{number}"))
        assert (await one.task(task)).executions == 0
        await one.join("last")
        async with one.working(["last"], lambda payload: payload):
            await one.ended(task, "finished")


async def test_only_what_was_begun_is_blamed(tmp_path: Path) -> None:
    """A volunteer with one worker that leaves with ten leases had begun one of them: the others go on unblamed."""
    async with linked(tmp_path) as one:
        task = (await one.submit(UNIT, {"stop": 100})).task
        for number in range(2 * VANISHED_FREE):
            await one.join(f"v{number}")
            await one.leases(f"v{number}", 10)
            await one.send(grid.Left(f"v{number}"))
        view = await one.task(task)
        assert view.executions <= VANISHED_FREE


async def test_a_unit_that_crashes_everywhere_is_paused_with_the_reason(tmp_path: Path) -> None:
    """After many crashes nobody is given more of it; another task goes on; resumed, it is tried again."""
    async with linked(tmp_path, "v1") as one:
        bad = (await one.submit(UNIT, {"stop": 1000})).task
        crashes = 0
        while (await one.task(bad)).state == "running":
            [lease] = await one.leases("v1", 1)
            await one.raw_results(bad, "v1", lease.lease, CRASH, outcome=1)
            await one.until(lambda number=lease.lease: number in one.acked)  # type: ignore[misc]
            crashes += 1
            assert crashes <= MANY
        view = await one.task(bad)
        assert (view.state, crashes) == ("paused", MANY)
        assert f"{MANY} payloads ended the interpreters" in view.error
        assert f"The last was payload {lease.index}: " in view.error
        good = (await one.submit(UNIT, {"stop": 20})).task
        async with one.working(["v1"], lambda payload: payload):
            await one.ended(good, "finished")
            resumed = await one.call(grid.ResumeTask(bad), grid.TaskView)
            assert (resumed.state, resumed.error) == ("running", "")
            view = await one.ended(bad, "finished-with-failures", "finished")
        assert view.accepted + view.failed == 1000


async def cannot_load(one: ScriptedDistributor, *volunteers: str, count: int = 1) -> None:
    """Volunteers are given payloads, and fail on each as they cannot load the unit."""
    for volunteer in volunteers:
        for lease in await one.leases(volunteer, count):
            await one.raw_results(lease.task, volunteer, lease.lease, IMPORT, outcome=1)
            await one.until(lambda number=lease.lease: number in one.acked)  # type: ignore[misc]


async def test_a_unit_that_nobody_can_load_is_paused_with_the_reason(tmp_path: Path) -> None:
    """Three volunteers say so: hardly a payload is lost, readers hear the end, and resumed it is tried again."""
    async with linked(tmp_path, "v1", "v2", "v3") as one:
        task = (await one.submit(UNIT, {"stop": 1000})).task
        await cannot_load(one, "v1", "v2", "v1")
        assert (await one.task(task)).state == "running"
        await cannot_load(one, "v3")
        view = await one.task(task)
        assert (view.state, view.executions) == ("paused", 4)
        assert view.failed <= 1, "the one that all three had"
        said = "ModuleNotFoundError: No module named 'termios' (unit.py, line 7), in script. 3 volunteers tried"
        assert f"the unit cannot be loaded: {said}" in view.error
        page = await one.call(grid.GetOutcomes(task=task, after=-1, wait=30), grid.OutcomePage)
        assert (len(page.items), page.end) == (view.failed, not view.failed)
        page = await one.call(
            grid.GetOutcomes(task=task, after=page.items[-1].settled if page.items else -1, wait=30), grid.OutcomePage
        )
        assert (page.items, page.end) == ([], True)
        await one.call(grid.ResumeTask(task), grid.TaskView)
        async with one.working(["v1", "v2", "v3"], lambda payload: payload):
            view = await one.ended(task, "finished", "finished-with-failures")
        assert view.accepted >= 999


async def test_whoever_has_loaded_a_unit_outweighs_those_who_cannot(tmp_path: Path) -> None:
    """One answer, or an exception of the unit's own, is enough: then it is the others' trouble."""
    async with linked(tmp_path, "v1", "v2", "v3", "v4", "v5") as one:
        for compute in (lambda payload: payload, None):
            task = (await one.submit(UNIT, {"stop": 1000})).task
            await one.answer("v1", await one.leases("v1", 1), compute)
            await one.when(task, lambda view: view.executions == 1)
            await cannot_load(one, "v2", "v3", "v4", "v5")
            assert (await one.task(task)).state == "running"
            await one.call(grid.CancelTask(task), grid.TaskView)


async def test_where_answers_are_checked_as_many_networks_must_say_so(tmp_path: Path) -> None:
    """One network counts once, however many volunteers it has; four are needed where four strangers must agree."""
    async with linked(tmp_path) as one:
        await one.join("a1", "a2", "a3", "a4", "a5", network="net a")
        await one.join("b", "c", "d")
        task = (await one.submit(CHECKED, {"stop": 1000}, checking={})).task
        await cannot_load(one, "a1", "a2", "a3", "a4", "a5", "b", "c")
        assert (await one.task(task)).state == "running"
        await cannot_load(one, "d")
        view = await one.task(task)
        assert (view.state, view.failed) == ("paused", 0)
        assert "8 volunteers tried" in view.error


async def test_one_volunteer_alone_pauses_nothing_while_others_are_at_it(tmp_path: Path) -> None:
    """Not a trusted one either: what another one holds may show that the unit can be loaded."""
    async with linked(tmp_path) as one:
        await one.join("ours", key="lab")
        await one.join("other")
        task = (await one.submit(CHECKED, {"stop": 1000}, checking={})).task
        await one.leases("other", 1)
        while not (await one.task(task)).failed:
            await cannot_load(one, "ours", count=5)
        assert (await one.task(task)).state == "running"
        await one.send(grid.Left("other"))
        while (await one.task(task)).state == "running":
            await cannot_load(one, "ours")
        view = await one.task(task)
        assert (view.state, "1 volunteer tried" in view.error) == ("paused", True)
        assert view.failed < 20


async def test_a_browser_alone_is_believed_after_three_tries(tmp_path: Path) -> None:
    """Where it would set everything aside, as the first answer is taken or it is trusted, nothing is lost."""
    async with linked(tmp_path) as one:
        await one.join("v1", key="lab")
        for unit, checking in ((UNIT, {"error_rate": 1}), (CHECKED, {})):
            task = (await one.submit(unit, {"stop": 1000}, checking=checking)).task
            await cannot_load(one, "v1", count=2)
            assert (await one.task(task)).state == "running"
            await cannot_load(one, "v1")
            view = await one.task(task)
            assert (view.state, view.failed) == ("paused", 0)


async def test_a_stranger_alone_has_nothing_paused_where_answers_are_checked(tmp_path: Path) -> None:
    """It has nothing set aside, so it goes on in vain, as it may be its own trouble."""
    async with linked(tmp_path, "v1") as one:
        task = (await one.submit(CHECKED, {"stop": 1000}, checking={})).task
        await cannot_load(one, "v1", count=40)
        view = await one.task(task)
        assert (view.state, view.failed) == ("running", 0)

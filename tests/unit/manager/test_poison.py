"""Payloads that end what computes them cost themselves, not the grid; a unit that does so everywhere is paused."""

import json
from pathlib import Path

from disio.task.poison import MANY, VANISHED_FREE
from disio.unit.codec import decode
from disio.wire import grid

from .scripted import Held, ScriptedDistributor, linked

HEAD = "# /// script\n# [tool.disio]\n# error_rate = 1\n# ///\n"
UNIT = HEAD + "def run(payload):\n    return payload\n"
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
        good = (await one.submit(UNIT, {"stop": 20})).task
        async with one.working(["v1"], lambda payload: payload):
            await one.ended(good, "finished")
            resumed = await one.call(grid.ResumeTask(bad), grid.TaskView)
            assert (resumed.state, resumed.error) == ("running", "")
            view = await one.ended(bad, "finished-with-failures", "finished")
        assert view.accepted + view.failed == 1000

"""Distributors and volunteers that come, go, vanish and return."""

from pathlib import Path

from disio.wire import grid

from .scripted import ScriptedDistributor, linked, linked_twice, manager

DOUBLE = '"""Doubles."""\ndef run(payload):\n    return payload * 2\n'


async def test_unknown_link_is_asked_who_it_is(tmp_path: Path) -> None:
    """Whoever speaks as a distributor without a hello is asked for one."""
    async with manager(tmp_path) as address, ScriptedDistributor(address) as one:
        await one.send(grid.Beat())
        await one.until(lambda: any(isinstance(message, grid.WhoAreYou) for message in one.messages))
        welcome = await one.hello()
        assert len(welcome.manager) == 6
        assert not welcome.ready


async def test_beats_are_sent_when_there_is_nothing_else(tmp_path: Path) -> None:
    """An idle link is kept alive by the manager too."""
    async with linked(tmp_path) as one:
        await one.until(lambda: sum(isinstance(message, grid.Beat) for message in one.messages) >= 2)


async def test_nonsense_is_passed_over(tmp_path: Path) -> None:
    """Bytes that are no message neither end the manager nor the link."""
    async with linked(tmp_path, "v1") as one:
        await one._dialer._socket.send(b"\xc1 nonsense")
        assert (await one.call(grid.ListTasks(), grid.TaskList)).tasks == []


async def test_another_grid_version_is_not_linked(tmp_path: Path) -> None:
    """A distributor of another version is told ours, and gets no work."""
    async with manager(tmp_path) as address, ScriptedDistributor(address) as one:
        await one.send(grid.DistributorHello(version=99, distributor="d", session="s", url=""))
        await one.until(lambda: one.welcome is not None)
        assert one.welcome is not None
        assert one.welcome.version == grid.GRID_VERSION
        view = await one.call(grid.GetGrid(), grid.GridView)
        assert view.distributors == []


async def test_demand_stays_open_until_work_comes(tmp_path: Path) -> None:
    """A volunteer that asked when there was nothing is called back when there is."""
    async with linked(tmp_path, "v1") as one:
        await one.want("v1", 5)
        await one.until(lambda: "v1" in one.dry)
        await one.submit(DOUBLE, {"stop": 100})
        await one.until(lambda: any(isinstance(message, grid.Ready) for message in one.messages))
        assert len(await one.leases("v1", 5)) == 5


async def test_new_demand_replaces_the_old(tmp_path: Path) -> None:
    """Asking for nothing withdraws what was asked for."""
    slow = "import time\ndef split(params):\n    yield 1\n    time.sleep(600)\n" + DOUBLE
    async with linked(tmp_path, "v1", "v2") as one:
        task = await one.submit(slow, None)
        (lease,) = await one.leases("v1", 1)
        await one.want("v1", 9)
        await one.want("v1", 0)
        await one.send(grid.Return(task.task, "v1", [lease.lease]))
        assert len(await one.leases("v2", 1)) == 1
        assert "v1" not in one.held or one.held["v1"] == []


async def test_returned_lease_goes_out_again_at_once(tmp_path: Path) -> None:
    """What a volunteer gives back is the next to go to another one."""
    async with linked(tmp_path, "v1", "v2") as one:
        task = await one.submit(DOUBLE, {"stop": 50})
        (lease,) = await one.leases("v1", 1)
        await one.send(grid.Return(task.task, "v1", [lease.lease]))
        await one.when(task.task, lambda view: view.leased == 0)
        (again,) = await one.leases("v2", 1)
        assert again.index == lease.index


async def test_volunteer_that_leaves_loses_its_leases_at_once(tmp_path: Path) -> None:
    """What a closed tab held is with another volunteer without any waiting."""
    async with linked(tmp_path, "v1", "v2") as one:
        task = await one.submit(DOUBLE, {"stop": 40})
        lost = {lease.index for lease in await one.leases("v1", 5)}
        await one.send(grid.Left("v1"))
        async with one.working(["v2"], lambda x: x * 2):
            view = await one.ended(task.task)
        assert view.executions == 40
        assert lost <= {item.index for item in await one.results(task.task)}


async def test_volunteer_may_come_back_by_another_distributor(tmp_path: Path) -> None:
    """Leases move with their volunteer; the old distributor's word that it left changes nothing."""
    async with linked_twice(tmp_path) as (old, new):
        await old.join("v1")
        task = await old.submit(DOUBLE, {"stop": 10})
        (lease,) = await old.leases("v1", 1)
        await new.join("v1", holding={task.task: [lease.lease]})
        await old.send(grid.Left("v1"))
        view = await new.call(grid.GetGrid(), grid.GridView)
        assert [(v.volunteer, v.distributor, v.leased) for v in view.volunteers] == [("v1", "d2", 1)]
        await new.answer("v1", [lease], lambda x: x * 2)
        await new.until(lambda: lease.lease in new.acked)


async def test_volunteer_announced_by_a_distributor_that_has_lost_it(tmp_path: Path) -> None:
    """One that was cut off and announces whom it lost takes nobody away: who has the volunteer goes on being served."""
    async with (
        manager(tmp_path) as address,
        ScriptedDistributor(address, "d1") as old,
        ScriptedDistributor(address, "d2") as new,
    ):
        await old.hello()
        await old.join("v1")
        await new.hello()
        await new.join("v1")
        task = await new.submit(DOUBLE, {"stop": 10})
        held = await new.leases("v1", 2)
        await old.hello()
        await old.join("v1")
        await old.send(grid.Left("v1"))
        (lease,) = await new.leases("v1", 1)
        view = await new.call(grid.GetGrid(), grid.GridView)
        assert [(v.volunteer, v.distributor, v.leased) for v in view.volunteers] == [("v1", "d2", 3)]
        await new.answer("v1", [*held, lease], lambda x: x * 2)
        await new.until(lambda: len(new.acked) == 3)
        await new.send(grid.Left("v1"))
        assert (await new.call(grid.GetGrid(), grid.GridView)).volunteers == []
        assert (await new.task(task.task)).leased == 0


async def test_demand_shows_where_a_volunteer_is(tmp_path: Path) -> None:
    """While two distributors say that they have it, the one that asks for it is given work."""
    async with linked_twice(tmp_path) as (one, other):
        await one.join("v1")
        await other.join("v1")
        await one.submit(DOUBLE, {"stop": 10})
        assert len(await one.leases("v1", 1)) == 1
        assert len(await other.leases("v1", 1)) == 1


async def test_what_was_given_where_a_volunteer_was_not_goes_out_again_soon(tmp_path: Path) -> None:
    """Leases sent to a connection that had ended unnoticed do not wait for their deadline."""
    async with linked_twice(tmp_path, grace=0.3) as (old, new):
        await old.join("v1")
        await new.join("v1")
        task = await new.submit(DOUBLE, {"stop": 1})
        (lost,) = await old.leases("v1", 1)
        await old.send(grid.Left("v1"))
        async with new.working(["v1"], lambda x: x * 2):
            assert (await new.ended(task.task)).accepted == 1
        assert lost.lease not in new.acked


async def test_returning_volunteer_goes_on_with_what_it_held(tmp_path: Path) -> None:
    """After a short break (left, then joined with its leases) nothing is computed twice."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, {"stop": 30})
        held = await one.leases("v1", 10)
        await one.send(grid.Left("v1"))
        await one.join("v1", holding={task.task: [lease.lease for lease in held]})
        await one.when(task.task, lambda view: view.leased == 10)
        await one.answer("v1", held, lambda x: x * 2)
        async with one.working(["v1"], lambda x: x * 2):
            view = await one.ended(task.task)
        assert view.executions == 30


async def test_vanished_distributors_volunteers_are_waited_for_and_then_not(tmp_path: Path) -> None:
    """When a distributor falls silent, its volunteers' leases go out again after the time of grace."""
    async with linked_twice(tmp_path, grace=0.5) as (gone, there):
        await gone.join("v1")
        await there.join("v2")
        task = await gone.submit(DOUBLE, {"stop": 4})
        (lease,) = await gone.leases("v1", 1)
        gone.stop_beats()
        view = await there.when(task.task, lambda view: view.leased == 0)
        assert view.ready == 4
        (again,) = await there.leases("v2", 1)
        assert again.index == lease.index
        grid_ = await there.call(grid.GetGrid(), grid.GridView)
        assert [view.distributor for view in grid_.distributors] == ["d2"]


async def test_grid_view_shows_who_computes_what(tmp_path: Path) -> None:
    """Distributors, volunteers, their task, what they hold and what they have answered."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, {"stop": 100})
        held = await one.leases("v1", 3)
        await one.answer("v1", held[:1], lambda x: x * 2)
        await one.answer("v1", held[1:2], None)
        await one.when(task.task, lambda view: view.executions == 2)
        view = await one.call(grid.GetGrid(), grid.GridView)
        (volunteer,) = view.volunteers
        assert (volunteer.task, volunteer.answered, volunteer.failed, volunteer.browser) == (task.task, 1, 1, "script")
        assert view.distributors[0].volunteers == 1
        assert view.database.startswith(str(tmp_path))


async def test_distributor_gets_a_units_source_by_its_hash(tmp_path: Path) -> None:
    """The task names its unit by sha256; the source is there, and an unknown one is not."""
    async with linked(tmp_path, "v1") as one:
        task = await one.submit(DOUBLE, {"stop": 10})
        await one.leases("v1", 1)
        info = one.tasks[task.task]
        assert (info.unit, info.description, info.filename) == (task.unit, "Doubles.", "unit.py")
        await one.send(grid.GetFile(info.unit))
        await one.send(grid.GetFile("0" * 64))
        await one.until(lambda: sum(isinstance(message, grid.File) for message in one.messages) == 2)
        files = {message.sha256: message.data for message in one.messages if isinstance(message, grid.File)}
        assert files == {info.unit: DOUBLE.encode(), "0" * 64: None}

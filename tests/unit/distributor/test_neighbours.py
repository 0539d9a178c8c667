"""Managers that are found by zeroconf, over the loopback interface."""

import secrets
from collections.abc import Callable

import pytest

from disio.wire import grid
from disio.wire.discovery import Announcement
from disio.wire.volunteer import Credit

from .conftest import Distributor, ScriptedManager


@pytest.fixture(autouse=True)
def own_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """A grid name of its own: other grids on this machine stay unseen."""
    monkeypatch.setenv("DISIO_GRID", secrets.token_hex(4))


async def test_managers_are_found(make_distributor: Callable[..., Distributor]) -> None:
    """Two managers are linked without any address given, the one before and the one after the distributor's start."""
    async with ScriptedManager("early1") as early, Announcement("manager", "early1", "127.0.0.1", early.port):
        distributor = await make_distributor(discover=True).start()
        await early.saw(grid.DistributorHello)
        async with ScriptedManager("later1") as later, Announcement("manager", "later1", "127.0.0.1", later.port):
            await later.saw(grid.DistributorHello)
            await distributor.linked(2)
        await distributor.stop()


async def test_a_manager_that_moves(make_distributor: Callable[..., Distributor]) -> None:
    """A manager that comes back at another port is linked there."""
    async with ScriptedManager("mover1") as before, Announcement("manager", "mover1", "127.0.0.1", before.port):
        distributor = await make_distributor(discover=True).start()
        await before.saw(grid.DistributorHello)
    async with ScriptedManager("mover1") as after, Announcement("manager", "mover1", "127.0.0.1", after.port):
        await after.saw(grid.DistributorHello)
        await distributor.stop()


async def test_given_and_found_is_linked_once(
    manager: ScriptedManager, make_distributor: Callable[..., Distributor]
) -> None:
    """A manager that is both given by address and found is linked once."""
    distributor = await make_distributor(manager, discover=True).start()
    await distributor.linked()
    await manager.saw(grid.DistributorHello)
    async with (
        Announcement("manager", manager.id, "127.0.0.1", manager.port),
        ScriptedManager("other1") as other,
        Announcement("manager", "other1", "127.0.0.1", other.port),
    ):
        await other.saw(grid.DistributorHello)
        await distributor.linked(2)
        assert not [message for message in manager.seen if isinstance(message, grid.DistributorHello)]
    await distributor.stop()


async def test_idle_volunteers_move_on(manager: ScriptedManager, make_distributor: Callable[..., Distributor]) -> None:
    """Where a manager leaves a volunteer waiting, its demand is closed there and another manager is asked."""
    async with ScriptedManager("mgr002") as other:
        distributor = await make_distributor(manager, other).start()
        await distributor.linked(2)
        async with distributor.browser() as browser:
            await browser.hello()
            await manager.saw(grid.Joined)
            await other.saw(grid.Joined)
            await browser.say(Credit(1))
            for asked in (manager, other):
                assert (await asked.saw(grid.Want, lambda want: want.asks[0].count == 3)).asks[
                    0
                ].volunteer == browser.id
                await asked.saw(grid.Want, lambda want: want.asks[0].count == 0)
        await distributor.stop()

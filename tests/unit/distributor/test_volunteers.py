"""The whole way of a payload through a distributor: granted, sent, answered, acknowledged."""

from disio.wire import grid, volunteer
from disio.wire.volunteer import Credit

from .conftest import Distributor, ScriptedManager


async def test_the_whole_way(manager: ScriptedManager, distributor: Distributor) -> None:
    """Credit becomes demand, a grant becomes work, results reach the manager, its ack reaches the volunteer."""
    async with distributor.browser() as browser:
        welcome = await browser.hello()
        assert welcome.volunteer == browser.id
        joined = await manager.saw(grid.Joined)
        assert (joined.volunteer, joined.site, joined.agent.browser) == (browser.id, "test", "none")
        await browser.say(Credit(3))
        want = await manager.saw(grid.Want)
        assert want.asks == [grid.Ask(browser.id, 5)]

        leases = await manager.grant(browser.id, 5)
        task, params = await browser.hear(volunteer.Task)
        assert (task.task, task.filename, params) == ("mgr001-1", "unit.py", b"{}")
        work, data = await browser.hear(volunteer.Work)
        assert [item.lease for item in work.items] == leases[:3]
        assert data == b"777"

        await browser.answer(task.task, leases[:2])
        results = await manager.saw(grid.Results)
        assert (results.volunteer, [item.lease for item in results.items]) == (browser.id, leases[:2])
        assert results.data == b"88"
        work, _ = await browser.hear(volunteer.Work)
        assert [item.lease for item in work.items] == leases[3:]
        await manager.send(grid.Ack(task.task, browser.id, [leases[0]], {leases[1]: "malformed"}))
        ack, _ = await browser.hear(volunteer.Ack)
        assert (ack.leases, ack.rejected) == ([leases[0]], {str(leases[1]): "malformed"})
    assert await manager.saw(grid.Left) == grid.Left(browser.id)

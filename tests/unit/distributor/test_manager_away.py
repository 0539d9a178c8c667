"""While a manager is away: volunteers stay busy, results go to disk, and reach the manager when it is back."""

import asyncio
from collections.abc import Callable

from disio.distributor.limits import Limits
from disio.wire import grid, volunteer
from disio.wire.volunteer import Credit

from .conftest import WAIT, Browser, Distributor, ScriptedManager


async def told(browser: Browser, count: int) -> set[int]:
    """Leases acknowledged to a volunteer, until there are so many."""
    leases: set[int] = set()
    while len(leases) < count:
        ack, _ = await browser.hear(volunteer.Ack)
        leases |= set(ack.leases)
    return leases


async def ack_and_work(browser: Browser) -> tuple[volunteer.Ack, list[int]]:
    """The next two messages, in either order: an ack, and work (its leases)."""
    messages = [(await browser.hear(object))[0] for _ in range(2)]
    acks = [message for message in messages if isinstance(message, volunteer.Ack)]
    works = [message for message in messages if isinstance(message, volunteer.Work)]
    return acks[0], [item.lease for item in works[0].items]


async def test_headline(manager: ScriptedManager, make_distributor: Callable[..., Distributor]) -> None:
    """A manager goes away: work goes on from the reserve, results are acknowledged, and delivered when it is back."""
    distributor = make_distributor(manager)
    await distributor.start()
    await distributor.linked()
    async with distributor.browser() as browser:
        await browser.hello()
        await browser.say(Credit(2))
        await manager.saw(grid.Want)
        leases = await manager.grant(browser.id, 6)
        task = (await browser.hear(volunteer.Task))[0].task
        assert len((await browser.hear(volunteer.Work))[0].items) == 2
        port = manager.port
        await manager.__aexit__()
        await distributor.linked(0)

        await browser.answer(task, leases[:2])
        ack, work = await ack_and_work(browser)
        assert (set(ack.leases), work) == (set(leases[:2]), leases[2:4])
        await browser.answer(task, leases[2:3])
        ack, work = await ack_and_work(browser)
        assert (ack.leases, work) == (leases[2:3], leases[4:5])

        async with ScriptedManager(port=port) as again:
            again.auto_ack = True
            joined = await again.saw(grid.Joined)
            assert sorted(joined.holding[task]) == leases[3:]
            got = [await again.saw(grid.Results) for _ in range(2)]
            assert [[item.lease for item in results.items] for results in got] == [leases[:2], leases[2:3]]
            assert [results.data for results in got] == [b"88", b"8"]
            assert {results.volunteer for results in got} == {browser.id}
            assert (await again.saw(grid.Want)).asks[0].volunteer == browser.id
            async with asyncio.timeout(WAIT):
                while "disio_spool_frames 0.0" not in await distributor.metrics():
                    await browser.socket.ping()
    await distributor.stop()


async def test_unacknowledged_results_are_spooled_too(
    manager: ScriptedManager, make_distributor: Callable[..., Distributor]
) -> None:
    """Results that the manager received but never acknowledged are acknowledged from the spool, and sent again."""
    distributor = make_distributor(manager)
    await distributor.start()
    await distributor.linked()
    async with distributor.browser() as browser:
        await browser.hello()
        await browser.answer("mgr001-1", [11, 12])
        await manager.saw(grid.Results)
        port = manager.port
        await manager.__aexit__()
        assert await told(browser, 2) == {11, 12}
    async with ScriptedManager(port=port) as again:
        assert [item.lease for item in (await again.saw(grid.Results)).items] == [11, 12]
    await distributor.stop()


async def test_the_spool_survives_a_restart(
    manager: ScriptedManager, make_distributor: Callable[..., Distributor]
) -> None:
    """A distributor that starts without its manager still takes its results, and delivers what it spooled before."""
    distributor = make_distributor(manager)
    await distributor.start()
    await distributor.linked()
    async with distributor.browser() as browser:
        await browser.hello()
        await browser.answer("mgr001-1", [1])
        await manager.saw(grid.Results)
        port = manager.port
        await manager.__aexit__()
        await told(browser, 1)
    await distributor.stop()
    await distributor.start()
    async with distributor.browser() as browser:
        await browser.hello()
        await browser.answer("mgr001-1", [2])
        assert await told(browser, 1) == {2}
    async with ScriptedManager(port=port) as again:
        first = await again.saw(grid.Results)
        second = await again.saw(grid.Results)
        assert [first.items[0].lease, second.items[0].lease] == [1, 2]
        await again.send(grid.Ack("mgr001-1", first.volunteer, [1]))
        await again.send(grid.Ack("mgr001-1", second.volunteer, [], {2: "cancelled"}))
        async with asyncio.timeout(WAIT):
            while "disio_spool_frames 0.0" not in await distributor.metrics():
                await distributor.health()
    await distributor.stop()


async def test_a_silent_manager_counts_as_away(manager: ScriptedManager, distributor: Distributor) -> None:
    """A manager that is there but says nothing for four seconds is taken as away; when it speaks it is greeted anew."""
    async with distributor.browser() as browser:
        await browser.hello()
        await manager.pause()
        await browser.answer("mgr001-1", [5])
        assert await told(browser, 1) == {5}
        manager.resume()
        await manager.saw(grid.DistributorHello)
        await manager.saw(grid.Joined, lambda joined: joined.volunteer == browser.id)


async def test_restarted_manager_that_asks_who_we_are(manager: ScriptedManager, distributor: Distributor) -> None:
    """A manager that does not know the link is told everything again: who is here, demand, open results."""
    async with distributor.browser() as browser:
        await browser.hello()
        await browser.say(Credit(1))
        await manager.saw(grid.Joined)
        await manager.saw(grid.Want)
        await browser.answer("mgr001-1", [5])
        await manager.saw(grid.Results)
        await manager.send(grid.WhoAreYou())
        assert await manager.saw(grid.DistributorHello)
        assert await manager.saw(grid.Joined)
        assert await manager.saw(grid.Results)
        assert (await manager.saw(grid.Want)).asks == [grid.Ask(browser.id, 3)]


async def test_networks_are_named_anew(manager: ScriptedManager, distributor: Distributor) -> None:
    """After a manager has changed its salt each volunteer is announced by a new name of its network, and by which."""
    async with distributor.browser() as browser:
        await browser.hello()
        names = [await manager.saw(grid.Joined)]
        for salt in (b"today", b"tomorrow"):
            manager.salt = salt
            await manager.send(grid.WhoAreYou())
            names.append(await manager.saw(grid.Joined))
        assert [joined.salt for joined in names] == [b"", b"today", b"tomorrow"]
        assert len({joined.network for joined in names}) == 3


async def test_full_spool(manager: ScriptedManager, make_distributor: Callable[..., Distributor]) -> None:
    """What does not fit the spool is not acknowledged, is kept in memory, and reaches the manager when it is back."""
    distributor = make_distributor(manager, limits=Limits(spool_bytes=1000))
    await distributor.start()
    await distributor.linked()
    port = manager.port
    async with distributor.browser() as browser:
        await browser.hello()
        await manager.saw(grid.Joined)
        await manager.__aexit__()
        await distributor.linked(0)
        await browser.answer("mgr001-1", [1], bytes(600))
        assert await told(browser, 1) == {1}
        await browser.answer("mgr001-1", [2], bytes(600))
        async with asyncio.timeout(WAIT):
            while "disio_unacknowledged_results 1.0" not in await distributor.metrics():
                await browser.socket.ping()
        async with ScriptedManager(port=port) as again:
            again.auto_ack = True
            assert await told(browser, 1) == {2}
            assert {(await again.saw(grid.Results)).items[0].lease for _ in range(2)} == {1, 2}
    await distributor.stop()


async def test_two_managers(manager: ScriptedManager, make_distributor: Callable[..., Distributor]) -> None:
    """When one manager is dry the other is asked; results find their task's owner; ready opens demand again."""
    async with ScriptedManager("mgr002") as other:
        distributor = make_distributor(manager, other)
        await distributor.start()
        await distributor.linked(2)
        async with distributor.browser() as browser:
            await browser.hello()
            await manager.saw(grid.Joined)
            await other.saw(grid.Joined)
            await browser.say(Credit(1))
            asked = asyncio.create_task(manager.saw(grid.Want)), asyncio.create_task(other.saw(grid.Want))
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            first, second = (manager, other) if asked[0].done() else (other, manager)
            await first.send(grid.Dry([browser.id]))
            await asyncio.gather(*asked)
            leases = await second.grant(browser.id, 3)
            task = (await browser.hear(volunteer.Task))[0].task
            assert task == f"{second.id}-1"
            await browser.hear(volunteer.Work)
            await browser.answer(task, leases[:1])
            assert (await second.saw(grid.Results)).task == task
            await second.saw(grid.Want)
            await second.send(grid.Dry([browser.id]))
            await first.send(grid.Ready())
            assert (await first.saw(grid.Want)).asks[0].volunteer == browser.id
        await distributor.stop()


async def test_grants_that_cannot_be_used_go_back(manager: ScriptedManager, distributor: Distributor) -> None:
    """Leases for somebody who has left, or has paused, are returned at once; so is the reserve of one that pauses."""
    async with distributor.browser() as browser:
        await browser.hello()
        await browser.say(Credit(1))
        await manager.saw(grid.Want)
        leases = await manager.grant(browser.id, 3)
        await browser.hear(volunteer.Task)
        await browser.hear(volunteer.Work)
        await browser.say(Credit(0))
        assert (await manager.saw(grid.Return)).leases == leases[1:]
        more = await manager.grant(browser.id, 2)
        assert (await manager.saw(grid.Return)).leases == more
        gone = await manager.grant("0123456789abcdef", 2)
        assert (await manager.saw(grid.Return)).leases == gone
        await browser.say(volunteer.Return("mgr001-1", leases[:1]))
        assert (await manager.saw(grid.Return)).leases == leases[:1]


async def test_revoke(manager: ScriptedManager, distributor: Distributor) -> None:
    """Revoked leases are taken from the volunteer and from its reserve; a whole task from everybody who knows it."""
    async with distributor.browser() as browser:
        await browser.hello()
        await browser.say(Credit(1))
        await manager.saw(grid.Want)
        leases = await manager.grant(browser.id, 3)
        task = (await browser.hear(volunteer.Task))[0].task
        await browser.hear(volunteer.Work)
        await manager.send(grid.Revoke(task, browser.id, [leases[0], leases[1]]))
        revoke, _ = await browser.hear(volunteer.Revoke)
        assert sorted(revoke.leases) == leases[:2]
        work, _ = await browser.hear(volunteer.Work)
        assert [item.lease for item in work.items] == leases[2:]
        await manager.send(grid.Revoke(task))
        assert (await browser.hear(volunteer.Revoke))[0] == volunteer.Revoke(task)


async def test_shutdown_is_told(distributor: Distributor) -> None:
    """Volunteers of a distributor that stops are told to come back, with code 1001."""
    async with distributor.browser() as browser:
        await browser.hello()
        await distributor.stop()
        error, _ = await browser.hear(volunteer.Error)
        assert (error.code, error.retry) == ("shutdown", True)
        assert await browser.closed() == 1001


async def test_a_spool_half_delivered(manager: ScriptedManager, make_distributor: Callable[..., Distributor]) -> None:
    """A manager that goes away in the middle of a delivery gets the rest next time, and what it committed not again."""
    distributor = make_distributor(manager)
    await distributor.start()
    await distributor.linked()
    port = manager.port
    async with distributor.browser() as browser:
        await browser.hello()
        await manager.saw(grid.Joined)
        await manager.__aexit__()
        await distributor.linked(0)
        for lease in range(1, 6):
            await browser.answer("mgr001-1", [lease])
            assert await told(browser, 1) == {lease}
    async with ScriptedManager(port=port) as half:
        got = [await half.saw(grid.Results) for _ in range(5)]
        assert [results.items[0].lease for results in got] == [1, 2, 3, 4, 5]
        for results in got[:2]:
            await half.send(grid.Ack("mgr001-1", results.volunteer, [results.items[0].lease]))
        async with asyncio.timeout(WAIT):
            while "disio_spool_frames 3.0" not in await distributor.metrics():
                await distributor.health()
    await distributor.stop()
    await distributor.start()
    async with ScriptedManager(port=port) as again:
        again.auto_ack = True
        assert [(await again.saw(grid.Results)).items[0].lease for _ in range(3)] == [3, 4, 5]
        async with asyncio.timeout(WAIT):
            while "disio_spool_frames 0.0" not in await distributor.metrics():
                await distributor.health()
        assert not [message for message in again.seen if isinstance(message, grid.Results)]
    await distributor.stop()


async def test_a_silent_manager_is_greeted_once(manager: ScriptedManager, distributor: Distributor) -> None:
    """A manager that was frozen finds one greeting, not one for each second: everything is said again only once."""
    async with distributor.browser() as browser:
        await browser.hello()
        await manager.saw(grid.Joined)
        await manager.pause()
        await distributor.linked(0)
        await asyncio.sleep(2)  # the time in which greetings would gather is what is tested
        manager.resume()
        await manager.saw(grid.DistributorHello)
        await manager.saw(grid.Joined)
        await browser.answer("mgr001-1", [5])
        await manager.saw(grid.Results)
        assert not [m for m in manager.seen if isinstance(m, grid.DistributorHello | grid.Joined)]


async def test_questions_about_what_was_said_before_the_greeting(
    manager: ScriptedManager, distributor: Distributor
) -> None:
    """A manager asks who we are for each message of a link that it does not know; it is answered once."""
    async with distributor.browser() as browser:
        await browser.hello()
        await manager.saw(grid.Joined)
        for _ in range(5):
            await manager.send(grid.WhoAreYou())
        await manager.saw(grid.DistributorHello)
        await manager.saw(grid.Joined)
        await browser.answer("mgr001-1", [5])
        await manager.saw(grid.Results)
        assert not [m for m in manager.seen if isinstance(m, grid.DistributorHello | grid.Joined)]
